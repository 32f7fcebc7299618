// Opens connections whose other side has proved that it knows the token.

import { AuthenticationError } from "../errors/errors.ts";
import { now } from "../timers.ts";
import { rightOf } from "../wire/rights.ts";
import { prove } from "./proof.ts";
import { purposeOf } from "./purpose.ts";
import type { OpenSocket } from "./dial.ts";
import { openWebSocket } from "./socket-ws.ts";

/**
 * Opens a WebSocket, and exchanges proofs.
 *
 * @throws {AuthenticationError} when there is no token, or the other side does not know it
 * @throws {ConnectionError | ProtocolError} see `openWebSocket` and `prove`
 */
export const openProven: OpenSocket = async (target, options) => {
  const began = now();
  const { timeoutMs, signal } = options;
  const socket = await openWebSocket(target, options);
  const { token } = target;
  if (token === undefined) {
    socket.terminate();
    throw new AuthenticationError(
      "A token is needed: it is in the scheduler file. " +
        "Without that file, ask the person who started the scheduler.",
    );
  }
  await prove(socket, {
    token,
    right: rightOf(token),
    purpose: purposeOf(new URL(target.url).pathname),
    timeoutMs: Math.max(1, timeoutMs - (now() - began)),
    signal,
  });
  return socket;
};
