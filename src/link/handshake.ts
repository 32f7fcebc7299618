// The dialling side of the handshake: sends the hello on a new socket and reads the answer.

import { checkWelcome } from "../wire/check.ts";
import type { RefusalCode } from "./accept.ts";
import type { Clock } from "./clock.ts";
import { AuthenticationError, ConnectionError, ProtocolError } from "../errors/errors.ts";
import type { Hello, Welcome } from "../wire/protocol.ts";
import { describeClose, noHandlers, type Socket, type SocketData } from "./socket.ts";

export type HandshakeOptions = {
  timeoutMs: number;
  clock: Clock;
  signal?: AbortSignal | undefined;
};

/** The scheduler refuses this peer for good. */
export class RejectedError extends ConnectionError {}

/** The scheduler refuses a worker because another one has its name. */
export class NameTakenError extends RejectedError {}

/**
 * Sends the hello and reads the welcome. The socket is then paused until `Link.attach`; after an
 * error it is closed.
 *
 * @throws {ProtocolError} when the server is not a scheduler, or has another protocol version
 * @throws {RejectedError} when another attempt would fail too
 * @throws {ConnectionError} when another attempt may succeed
 */
export async function sayHello(
  socket: Socket,
  hello: Hello,
  options: HandshakeOptions,
): Promise<Welcome> {
  const { promise, resolve, reject } = Promise.withResolvers<Welcome>();
  const stopWaiting = options.clock.setTimeout(
    () => reject(new ConnectionError("connected, but no answer to the hello")),
    options.timeoutMs,
  );
  const stop = () => reject(new ConnectionError("the attempt was cancelled"));
  options.signal?.addEventListener("abort", stop, { once: true });
  socket.listen({
    message(data) {
      socket.pause();
      try {
        resolve(readWelcome(data));
      } catch (error) {
        reject(error);
      }
    },
    wrote() {},
    closed: (close) =>
      reject(new ConnectionError(`connected, but cut off: ${describeClose(close)}`)),
  });
  socket.send(JSON.stringify(hello));
  try {
    return await promise;
  } catch (error) {
    socket.listen(noHandlers);
    socket.terminate();
    throw error;
  } finally {
    stopWaiting();
    options.signal?.removeEventListener("abort", stop);
  }
}

function readWelcome(data: SocketData): Welcome {
  let value: unknown;
  try {
    value = JSON.parse(data as string);
  } catch {
    throw new ProtocolError("the server at this address is not a thence scheduler");
  }
  const answer = checkWelcome(value);
  if (answer.type === "welcome") return answer;
  throw refusalError(answer);
}

/** The error of a refusal: it says whether another attempt may succeed. */
export function refusalError({ code, message }: { code: string; message: string }): Error {
  switch (code as RefusalCode) {
    case "slow":
    case "stale":
    case "unavailable":
      return new ConnectionError(message);
    case "taken":
      return new NameTakenError(message);
    case "rejected":
      return new RejectedError(message);
    case "token":
      return new AuthenticationError(message);
    default:
      return new ProtocolError(message);
  }
}
