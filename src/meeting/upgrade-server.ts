// The HTTP server under every listening role: it upgrades requests to WebSockets, passes on those that prove
// that they know the token, and leaves all other requests to the role.

import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerOptions,
} from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { keepAliveMs, WsSocket, webSocketOptions } from "../link/socket-ws.ts";
import type { Socket } from "../link/socket.ts";
import type { Right } from "../wire/rights.ts";
import { fingerprintOfCertificate, type Credentials } from "./certificate.ts";
import { turnAway, type Doorkeeper } from "./door.ts";
import { Entrance, type TokenFor } from "./entrance.ts";
import { createTlsServer } from "./tls-server.ts";

export type UpgradeServerOptions = {
  /** A name or an address of this machine: `127.0.0.1`, `0.0.0.0`, `::`. */
  host: string;
  /** 0 chooses a free port. */
  port: number;
  /** Decides which upgrades are allowed. */
  doorkeeper: Doorkeeper;
  /** The token that a WebSocket has to prove. */
  tokenFor: TokenFor;
  /** Answers plain HTTP requests. */
  respond: RequestListener;
  /** Receives every socket that proved its token, and listens to it at once. */
  accept: (socket: Socket, peer: Peer, right: Right) => void;
  /** Receives the reason for every refusal, for the log. The reason never contains a token. */
  turnedAway: (why: string, peer: Peer) => void;
  /** When given, the server speaks only https and wss. */
  credentials?: Credentials | undefined;
  /**
   * Time for a whole HTTP request, from the start of its connection, in milliseconds. Its reader, a person's pager
   * say, may let the answer wait for three times as long, and is cut off within six times. Default: 10,000.
   */
  requestMs?: number | undefined;
  /** Time for the proof of a WebSocket, from its upgrade. Default: 10,000. */
  proofMs?: number | undefined;
  /** The largest frame that is read, in bytes. Default: `limits.frameBytes`. */
  frameBytes?: number | undefined;
  /** Connections at once, of every kind. Default: 65,536. */
  maxConnections?: number | undefined;
  /** WebSockets at once that have proved nothing yet. Default: see `Entrance`. */
  maxStrangers?: number | undefined;
};

/** The other end of a connection. */
export type Peer = {
  readonly address: string;
  /** The requested path, without the query. */
  readonly path: string;
};

export type UpgradeServer = {
  readonly port: number;
  /** Stops listening and cuts all connections. */
  close(): Promise<void>;
};

/**
 * Starts to listen.
 *
 * @throws {Error} of Node, with its `code`, when the server cannot listen on this host and port
 */
export async function startUpgradeServer(options: UpgradeServerOptions): Promise<UpgradeServer> {
  const { host, port, credentials, doorkeeper, accept, turnedAway } = options;
  const { tokenFor, proofMs, maxStrangers } = options;
  const entrance = new Entrance({ tokenFor, accept, turnedAway, proofMs, maxStrangers });
  const { requestMs = 10_000, frameBytes: maxPayload = webSocketOptions.maxPayload } = options;
  const webSockets = new WebSocketServer({ ...webSocketOptions, maxPayload, noServer: true });
  const timeouts = timeoutsFor(requestMs);
  const server = credentials
    ? createTlsServer({ ...timeouts, credentials, handshakeTimeout: requestMs })
    : createServer(timeouts);
  // Ends a connection on which nothing moves, until its upgrade; Node waits for up to twice as long.
  server.timeout = 3 * requestMs;
  const binding = credentials && fingerprintOfCertificate(credentials.cert);
  server.maxConnections = options.maxConnections ?? 65_536;
  server.on("request", options.respond);
  server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    // The peer may disconnect at any time; without a listener that error would end the process.
    stream.on("error", () => undefined);
    const refusal = doorkeeper(request);
    if (refusal !== undefined) {
      turnedAway(refusal.words, peerOf(request));
      turnAway(stream, refusal);
      return;
    }
    webSockets.handleUpgrade(request, stream, head, (webSocket) => {
      const socket = new WsSocket(webSocket, { stream: request.socket, binding });
      void entrance.admit(socket, request.socket, peerOf(request));
    });
  });
  webSockets.on("wsClientError", (error, stream, request) => {
    turnedAway(error.message, peerOf(request));
    turnAway(stream, { status: 400, words: error.message });
  });
  server.listen({ host, port, backlog: 4096 });
  await once(server, "listening");
  // One connection that cannot be accepted, for lack of file descriptors say, must not end the server.
  server.on("error", (error) => turnedAway(error.message, { address: "unknown", path: "/" }));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const webSocket of webSockets.clients) webSocket.terminate();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The path of a request, without the query. */
export function pathOf({ url = "/" }: IncomingMessage): string {
  return url.split("?", 1)[0]!;
}

export function peerOf(request: IncomingMessage): Peer {
  return { address: request.socket.remoteAddress ?? "unknown", path: pathOf(request) };
}

/** Bounds on the time and size of a request and its answer, so that who is slow cannot hold connections open. */
function timeoutsFor(requestMs: number): ServerOptions {
  return {
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    keepAliveTimeout: Math.min(5_000, requestMs),
    connectionsCheckingInterval: Math.min(1_000, Math.ceil(requestMs / 2)),
    maxHeaderSize: 16 * 1024,
  };
}
