// The proofs on a bare WebSocket, for peers that say what they like after them.

import { once } from "node:events";
import { WebSocket, type ClientOptions } from "ws";
import { prove } from "../src/link/proof.ts";
import { purposeOf } from "../src/link/purpose.ts";
import { noHandlers, type Socket, type SocketHandlers } from "../src/link/socket.ts";
import { rightOf } from "../src/wire/rights.ts";

/** A WebSocket that is open, and on which both sides have proved the token. */
export async function provenWebSocket(
  url: string,
  token: string,
  options: ClientOptions = {},
): Promise<WebSocket> {
  const webSocket = new WebSocket(url, options);
  await once(webSocket, "open");
  await proveOn(webSocket, url, token);
  return webSocket;
}

export async function proveOn(webSocket: WebSocket, url: string, token: string): Promise<void> {
  let handlers: SocketHandlers = noHandlers;
  const socket: Socket = {
    open: true,
    bufferedBytes: 0,
    listen: (next) => void (handlers = next),
    send: (data) => webSocket.send(data),
    pause: () => undefined,
    resume: () => undefined,
    close: (code, reason) => webSocket.close(code, reason),
    terminate: () => webSocket.terminate(),
  };
  const message = (data: Buffer, isBinary: boolean) =>
    handlers.message(isBinary ? data : data.toString());
  const closed = (code: number, reason: Buffer) =>
    handlers.closed({ code, reason: reason.toString() });
  webSocket.on("message", message);
  webSocket.on("close", closed);
  const purpose = purposeOf(new URL(url).pathname);
  await prove(socket, { token, right: rightOf(token), purpose, timeoutMs: 10_000 });
  webSocket.off("message", message);
  webSocket.off("close", closed);
}
