// An HTTPS server that tells whoever speaks plain HTTP to its port what it speaks.

import type { ServerOptions } from "node:http";
import { createServer, type Server } from "node:https";
import type { Socket } from "node:net";
import type { Credentials } from "./certificate.ts";
import { turnAway } from "./door.ts";

export type TlsServerOptions = ServerOptions & {
  readonly credentials: Credentials;
  /** Time for the TLS handshake, in milliseconds. */
  readonly handshakeTimeout: number;
};

/** AES with 128 bits first: half as fast again as with 256, and nobody breaks either. */
const ciphers = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

export function createTlsServer({ credentials, ...options }: TlsServerOptions): Server {
  const server = createServer({ ...options, ...credentials, minVersion: "TLSv1.3", ciphers });
  /** Connections in their handshake, by the other end: the error of a handshake names no more. */
  const starting = new Map<string, Socket>();
  const started = (socket: Socket) => starting.delete(otherEnd(socket));
  server.on("connection", (socket: Socket) => {
    const end = otherEnd(socket);
    starting.set(end, socket);
    socket.once("close", () => {
      if (starting.get(end) === socket) starting.delete(end);
    });
  });
  server.on("secureConnection", started);
  server.on("tlsClientError", ({ code }: NodeJS.ErrnoException, socket) => {
    const stream = starting.get(otherEnd(socket));
    started(socket);
    if (code !== "ERR_SSL_HTTP_REQUEST" || stream === undefined) return;
    stream.on("error", () => undefined);
    turnAway(stream, { status: 400, words: "This port speaks TLS: use wss:// or https:// here." });
  });
  return server;
}

function otherEnd({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
