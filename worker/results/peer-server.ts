// The server at which other workers and clients fetch results of this worker: on a port of its own, for
// connections that show the token of the cluster.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { isIPv6, type AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { ConnectionError } from "../../src/errors/errors.ts";
import { WsSocket, webSocketOptions } from "../../src/link/socket-ws.ts";
import type { Socket } from "../../src/link/socket.ts";
import { webSocketUrl } from "../../src/meeting/address.ts";
import { doorLimits, doorkeeper, mostConnections, turnAway } from "../../src/meeting/door.ts";
import { transferPath } from "../../src/transfer/messages.ts";

export type PeerServer = {
  /** The address for other workers and clients: ws://… */
  readonly address: string;
  close(): Promise<void>;
};

export type PeerServerOptions = {
  /** The address of this machine to listen on. */
  host: string;
  token: () => string | undefined;
  accept(socket: Socket): void;
  turnedAway(why: string): void;
};

/**
 * Listens on a free port.
 *
 * @throws {ConnectionError} when it cannot listen on the host
 */
export async function startPeerServer(options: PeerServerOptions): Promise<PeerServer> {
  const { host, token } = options;
  const webSockets = new WebSocketServer({ ...webSocketOptions, noServer: true });
  const server = createServer(doorLimits());
  server.maxConnections = mostConnections;
  server.on("request", (_, response) => {
    response.writeHead(404, { connection: "close" });
    response.end("This is a thence worker: other workers and clients fetch results here.\n");
  });
  const allows = doorkeeper(token, "http", "worker");
  server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    stream.on("error", () => undefined);
    const refusal = allows(request);
    if (refusal) {
      options.turnedAway(`${request.socket.remoteAddress ?? "a client"}: ${refusal.words}`);
      turnAway(stream, refusal);
      return;
    }
    webSockets.handleUpgrade(request, stream, head, (webSocket) => {
      options.accept(new WsSocket(webSocket, request.socket));
    });
  });
  webSockets.on("wsClientError", (error, stream) => {
    turnAway(stream, { status: 400, words: error.message });
  });
  try {
    server.listen({ host, port: 0, backlog: 1024 });
    await once(server, "listening");
  } catch (error) {
    throw new ConnectionError(
      `Choose another --interface: cannot listen on ${host} for fetches of results ` +
        `(${(error as Error).message})`,
      { cause: error },
    );
  }
  // Stays for as long as the server: an error with one connection must not end the process.
  server.on("error", (error) => options.turnedAway(error.message));
  const { port } = server.address() as AddressInfo;
  return {
    address: `${webSocketUrl(host, port)}${transferPath}`,
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const webSocket of webSockets.clients) webSocket.terminate();
      server.closeAllConnections();
      await closed;
    },
  };
}

/**
 * The address of this machine from which it reaches another machine; loopback when that is this machine
 * itself. Nothing is sent.
 */
export async function addressTowards(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  try {
    // To connect a datagram socket only looks up the route.
    socket.connect(Number(port) || 80, host);
    await once(socket, "connect");
    return socket.address().address;
  } catch {
    return "127.0.0.1";
  } finally {
    socket.close();
  }
}
