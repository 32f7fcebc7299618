// Whom a dialler trusts, on real TLS connections: nothing is sent before, and every refusal says what to do.

import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { connect, type AddressInfo, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { withPin } from "../../../src/link/pin.ts";
import { openWebSocket } from "../../../src/link/socket-ws.ts";
import {
  fingerprintOfCertificate,
  makeCredentials,
  type Credentials,
} from "../../../src/meeting/certificate.ts";
import { createTlsServer } from "../../../src/meeting/tls-server.ts";

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

async function serve(credentials: Credentials | undefined, handshakeTimeout = 10_000) {
  const requests: IncomingHttpHeaders[] = [];
  const server = credentials ? createTlsServer({ credentials, handshakeTimeout }) : createServer();
  servers.push(server);
  new WebSocketServer({ server }).on("connection", (_, { headers }) => requests.push(headers));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, requests };
}

async function open(url: string, more: { ca?: string } = {}) {
  const target = { url, token: "t0ken", ...more };
  const socket = await openWebSocket(target, { timeoutMs: 5_000 });
  socket.terminate();
  return socket;
}

let made: Credentials;
let other: Credentials;
beforeAll(async () => {
  [made, other] = await Promise.all([makeCredentials(), makeCredentials()]);
});

describe("an address with a fingerprint", () => {
  test("leads to whoever has that certificate, by any name and after its dates", async () => {
    const old = await makeCredentials({ names: ["elsewhere"], validDays: -1 });
    const { port } = await serve(old);
    const fingerprint = fingerprintOfCertificate(old.cert);
    const { binding } = await open(withPin(`wss://127.0.0.1:${port}`, fingerprint));
    expect(binding).toBe(fingerprint);
  });

  test("keeps whoever has another certificate from hearing anything", async () => {
    const { port, requests } = await serve(made);
    const url = withPin(`wss://127.0.0.1:${port}`, fingerprintOfCertificate(other.cert));
    await expect(open(url)).rejects.toThrow("somebody else answers there");
    // An authority does not outweigh it.
    await expect(open(url, { ca: made.cert })).rejects.toThrow("somebody else answers there");
    expect(requests).toEqual([]);
  });
});

describe("an address without one", () => {
  test("leads to whoever the given authority vouches for", async () => {
    const { port, requests } = await serve(made);
    await open(`wss://localhost:${port}`, { ca: made.cert });
    expect(requests).toHaveLength(1);
  });

  test.each([
    ["no known authority vouches", () => makeCredentials()],
    ["for other names than the one dialled", () => makeCredentials({ names: ["elsewhere"] })],
    ["the certificate has expired", () => makeCredentials({ validDays: -1 })],
  ])("is refused in words: %s", async (words, make) => {
    const credentials = await make();
    const { port, requests } = await serve(credentials);
    const ca = words.startsWith("no known") ? other.cert : credentials.cert;
    await expect(open(`wss://localhost:${port}`, { ca })).rejects.toThrow(words);
    expect(requests).toEqual([]);
  });

  test("shows no token to whoever nobody vouches for, and notes the certificate", async () => {
    const { port, requests } = await serve(made);
    const { binding } = await open(`wss://127.0.0.1:${port}`);
    expect(binding).toBe(fingerprintOfCertificate(made.cert));
    expect(requests.map(({ authorization }) => authorization)).toEqual([undefined]);
  });
});

describe("the wrong protocol", () => {
  test("is told to who speaks plain text to TLS", async () => {
    const { port } = await serve(made);
    await expect(open(`ws://127.0.0.1:${port}`)).rejects.toThrow("This port speaks TLS: use wss:");
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("https:");
  });

  test("is told to who speaks TLS to plain text", async () => {
    const { port } = await serve(undefined);
    await expect(open(`wss://127.0.0.1:${port}`)).rejects.toThrow(
      "there is no TLS at this address",
    );
  });

  test("ends a connection on which no handshake comes, in time", async () => {
    const { port } = await serve(made, 100);
    for (const said of ["", "\x16\x03\x01"]) {
      const stranger = connect(port, "127.0.0.1");
      stranger.on("error", () => undefined);
      stranger.write(said);
      stranger.resume();
      await once(stranger, "close");
    }
  });
});
