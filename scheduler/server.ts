// The one port: HTTP for people and probes, WebSocket for the roles. Nobody gets past it without the
// token, and no page that a browser has from somewhere else.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { ConnectionError } from "../src/errors/errors.ts";
import { doorLimits, doorkeeper, mostConnections, turnAway } from "../src/meeting/door.ts";
import { WsSocket, webSocketOptions } from "../src/link/socket-ws.ts";
import type { Socket } from "../src/link/socket.ts";
import { transferPath } from "../src/transfer/messages.ts";

export type ServerOptions = {
  /** A name or an address of this machine: `127.0.0.1`, `0.0.0.0`, `::`. */
  host: string;
  /** 0: any that is free. */
  port: number;
  token: string;
  /** Has every socket that passed the door; its hello is still to come (`awaitHello`). */
  accept(socket: Socket, peer: { address: string }): void;
  /** Has every such socket that is to carry values (`transferPath`). */
  acceptData?(socket: Socket, peer: { address: string }): void;
  /** Hears, for the log, why a connection was turned away; there is never a token in it. */
  turnedAway?(why: string, peer: { address: string }): void;
  /** PEM text; with it the server speaks https and wss only. */
  tls?: { cert: string | Buffer; key: string | Buffer };
  /** For a whole HTTP request, from the first moment of its connection. Default: 10,000. */
  requestMs?: number;
  /** Connections at once, of every kind. Default: 65,536. */
  maxConnections?: number;
};

export type Server = {
  readonly port: number;
  /** Stops listening and cuts what is still connected. */
  close(): Promise<void>;
};

/**
 * Listens.
 *
 * @throws {ConnectionError} when the address cannot be had, with what to do about it
 * @example const server = await startServer({ host: "127.0.0.1", port: 8786, token, accept });
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { host, port, tls, requestMs, maxConnections = mostConnections } = options;
  const webSockets = new WebSocketServer({ ...webSocketOptions, noServer: true });
  const limits = doorLimits(requestMs);
  const server = tls ? createTlsServer({ ...limits, ...tls }) : createServer(limits);
  server.maxConnections = maxConnections;
  server.on("request", answer);
  const allows = doorkeeper(() => options.token, tls ? "https" : "http", "scheduler");
  server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const peer = { address: request.socket.remoteAddress ?? "unknown" };
    // A peer that goes away while it is being answered is nobody's fault.
    stream.on("error", () => undefined);
    const refusal = allows(request);
    if (refusal !== undefined) {
      options.turnedAway?.(refusal.words, peer);
      turnAway(stream, refusal);
      return;
    }
    const isData = request.url?.split("?", 1)[0]?.endsWith(transferPath) ?? false;
    webSockets.handleUpgrade(request, stream, head, (webSocket) => {
      const socket = new WsSocket(webSocket, request.socket);
      if (isData && options.acceptData) options.acceptData(socket, peer);
      else options.accept(socket, peer);
    });
  });
  webSockets.on("wsClientError", (error, stream, request) => {
    options.turnedAway?.(error.message, { address: request.socket.remoteAddress ?? "unknown" });
    turnAway(stream, { status: 400, words: error.message });
  });

  const listening = Promise.withResolvers<void>();
  // Stays for as long as the server: a failure to take one more connection ends nothing.
  server.on("error", (error) => listening.reject(listenError(error, host, port)));
  server.listen({ host, port, backlog: 4096 }, listening.resolve);
  await listening.promise;
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      for (const webSocket of webSockets.clients) webSocket.terminate();
      server.closeAllConnections();
      await closed.promise;
    },
  };
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url?.split("?", 1)[0];
  const words = path === undefined ? undefined : pages[path];
  const readable = request.method === "GET" || request.method === "HEAD";
  const status = words === undefined ? 404 : readable ? 200 : 405;
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    ...(status === 405 && { allow: "GET, HEAD" }),
    // What else the request says is not read.
    ...(!readable && { connection: "close" }),
  });
  response.end(status === 200 ? `${words}\n` : status === 404 ? "not found\n" : "GET it\n");
}

const pages: Readonly<Record<string, string | undefined>> = Object.assign(Object.create(null), {
  "/": "This is a thence scheduler. Workers and clients connect here by WebSocket, with a token.",
  "/health": "ok",
}) as Record<string, string>;

function listenError(error: NodeJS.ErrnoException, host: string, port: number): ConnectionError {
  const advice: Readonly<Record<string, string | undefined>> = {
    EADDRINUSE: "Choose another port, or stop what has this one",
    EACCES: "Choose a port above 1023",
    EADDRNOTAVAIL: "Choose an address of this machine",
    ENOTFOUND: "Choose an address of this machine",
  };
  const what = advice[error.code ?? ""] ?? "Choose another address";
  return new ConnectionError(`${what}: cannot listen on ${host} port ${port} (${error.message})`, {
    cause: error,
  });
}
