// Pairs of connected sockets of each kind, for tests that every kind must pass.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { memorySocketPair } from "./socket-memory.ts";
import { openWebSocket, webSocketOptions, WsSocket } from "../../../src/link/socket-ws.ts";
import { withPin } from "../../../src/link/pin.ts";
import { fingerprintOfCertificate, makeCredentials } from "../../../src/meeting/certificate.ts";
import { createTlsServer } from "../../../src/meeting/tls-server.ts";
import type { Socket } from "../../../src/link/socket.ts";

export type SocketMaker = {
  kind: string;
  pair(): Promise<{ dialled: Socket; accepted: Socket }>;
  close(): Promise<void>;
};

export async function socketMakers(): Promise<SocketMaker[]> {
  const server = new WebSocketServer({ ...webSocketOptions, host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return [
    {
      kind: "memory",
      async pair() {
        const [dialled, accepted] = memorySocketPair();
        return { dialled, accepted };
      },
      async close() {},
    },
    {
      kind: "ws",
      async pair() {
        const connected = Promise.withResolvers<Socket>();
        server.once("connection", (webSocket) => connected.resolve(new WsSocket(webSocket)));
        const dialled = await openWebSocket({ url }, { timeoutMs: 5_000 });
        return { dialled, accepted: await connected.promise };
      },
      async close() {
        for (const client of server.clients) client.terminate();
        await new Promise((resolve) => server.close(resolve));
      },
    },
    await tlsSocketMaker(),
  ];
}

async function tlsSocketMaker(): Promise<SocketMaker> {
  const credentials = await makeCredentials();
  const binding = fingerprintOfCertificate(credentials.cert);
  const server = createTlsServer({ credentials, handshakeTimeout: 10_000 });
  const webSockets = new WebSocketServer({ ...webSocketOptions, server });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = withPin(`wss://127.0.0.1:${(server.address() as AddressInfo).port}`, binding);
  const target = { url, token: undefined };
  return {
    kind: "ws over TLS",
    async pair() {
      const connected = Promise.withResolvers<Socket>();
      webSockets.once("connection", (webSocket, { socket: stream }) => {
        connected.resolve(new WsSocket(webSocket, { stream, binding }));
      });
      const dialled = await openWebSocket(target, { timeoutMs: 5_000 });
      return { dialled, accepted: await connected.promise };
    },
    async close() {
      for (const client of webSockets.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
