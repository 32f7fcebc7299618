// The scheduler's port: which requests are allowed or refused, and the HTTP endpoints.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket as NetSocket } from "node:net";
import { promisify } from "node:util";
import { afterEach, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { jsonAnswer, textAnswer, type Endpoints } from "../../scheduler/endpoints.ts";
import { startServer, type Server, type ServerOptions } from "../../scheduler/server.ts";
import { dial, type DialOptions } from "../../src/link/dial.ts";
import { AuthenticationError, ConnectionError, ProtocolError } from "../../src/errors/errors.ts";
import type { Socket, SocketData } from "../../src/link/socket.ts";
import { limits } from "../../src/wire/limits.ts";
import { viewTokenOf } from "../../src/meeting/token.ts";
import { provenWebSocket } from "../proven.ts";
import { AcceptingSide, type Note } from "../src/link/accepting-side.ts";

const token = "a-token-for-tests";
const running: Server[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function start(options: Partial<ServerOptions> = {}) {
  const accepted: Socket[] = [];
  const turnedAway: string[] = [];
  const server = await startServer({
    host: "127.0.0.1",
    port: 0,
    token,
    accept: (socket) => accepted.push(socket),
    turnedAway: (why) => turnedAway.push(why),
    ...options,
  });
  running.push(server);
  const at = `127.0.0.1:${server.port}`;
  return { server, accepted, turnedAway, at, http: `http://${at}`, ws: `ws://${at}` };
}

/** The status of the answer to an upgrade; 101 when it succeeds. */
async function upgradeStatus(url: string, headers: Record<string, string>): Promise<number> {
  const webSocket = new WebSocket(url, { headers });
  const { promise, resolve } = Promise.withResolvers<number>();
  webSocket.on("open", () => resolve(101));
  webSocket.on("unexpected-response", (_, response) => resolve(response.statusCode ?? 0));
  webSocket.on("error", () => undefined);
  const status = await promise;
  webSocket.terminate();
  return status;
}

/** Everything that the server sends on a connection until it closes it. */
async function rawAnswer(port: number, text: string, then?: (socket: NetSocket) => void) {
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.setEncoding("utf8").on("data", (data: string) => (answer += data));
  socket.on("error", () => undefined);
  socket.write(text);
  then?.(socket);
  const startedAt = performance.now();
  await once(socket, "close");
  return { answer, tookMs: performance.now() - startedAt };
}

describe("over HTTP", () => {
  test("a probe gets ok, a person a line that says what this is", async () => {
    const { http } = await start();
    const get = async (path: string, init?: RequestInit) => {
      const response = await fetch(http + path, init);
      return { status: response.status, text: await response.text() };
    };
    expect(await get("/health")).toEqual({ status: 200, text: "ok\n" });
    expect(await get("/health?full=1")).toEqual({ status: 200, text: "ok\n" });
    expect(await get("/")).toEqual({
      status: 200,
      text: expect.stringMatching(/thence scheduler/),
    });
    for (const path of ["/x", "/__proto__", "/toString", "/../etc/passwd"]) {
      expect(await get(path)).toEqual({ status: 404, text: "not found\n" });
    }
    expect(await get("/health", { method: "POST", body: "x" })).toMatchObject({ status: 405 });
  });

  test("a request that is no HTTP is answered and closed", async () => {
    const { server } = await start();
    const { answer } = await rawAnswer(server.port, "what is this\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1\.1 400/);
  });
});

describe("an endpoint with data", () => {
  const endpoints: Endpoints = {
    "/workers": ({ query }) => jsonAnswer({ named: query.get("name") }),
    "/page": () => ({ contentType: "text/html; charset=utf-8", body: "<h1>é</h1>" }),
    "/broken": () => {
      throw new Error("a fault of the endpoint");
    },
  };
  const viewToken = viewTokenOf(token);
  const bearer = { authorization: `Bearer ${viewToken}` };

  async function startWithEndpoints() {
    const started = await start({ endpoints });
    const get = async (path: string, headers: Record<string, string> = {}, method = "GET") => {
      const response = await fetch(started.http + path, { method, headers });
      return {
        status: response.status,
        type: response.headers.get("content-type"),
        text: await response.text(),
      };
    };
    return { ...started, get };
  }

  test("answers who shows the view token, with its status, content type and body", async () => {
    const { get, turnedAway } = await startWithEndpoints();
    expect(await get("/workers?name=n1", bearer)).toEqual({
      status: 200,
      type: "application/json",
      text: '{"named":"n1"}\n',
    });
    expect(await get("/page", bearer)).toEqual({
      status: 200,
      type: "text/html; charset=utf-8",
      text: "<h1>é</h1>",
    });
    expect(await get("/page", bearer, "HEAD")).toMatchObject({ status: 200, text: "" });
    expect(turnedAway).toEqual([]);
  });

  test("is 401 without the view token, which counts in the header only", async () => {
    const { http, get, turnedAway } = await startWithEndpoints();
    const wrong = [{}, { authorization: `Bearer ${viewToken}x` }, { authorization: viewToken }];
    for (const headers of wrong) {
      const answer = await get("/workers", headers);
      expect(answer.status).toBe(401);
      expect(answer.text).not.toContain("named");
    }
    expect(await get(`/workers?token=${viewToken}`)).toMatchObject({ status: 401 });
    const refused = await fetch(`${http}/workers`);
    await refused.text();
    expect(refused.headers.get("www-authenticate")).toBe("Bearer");
    expect(turnedAway).toHaveLength(wrong.length + 2);
    expect(turnedAway.join()).not.toContain(token);
  });

  test("is 401 for the full token, which says that it should not be sent", async () => {
    const { get } = await startWithEndpoints();
    const answer = await get("/workers", { authorization: `Bearer ${token}` });
    expect(answer).toMatchObject({ status: 401 });
    expect(answer.text).toMatch(/only the view token is accepted: `thence token --view`/);
  });

  test("is 403 for a web page of another origin, even with the token", async () => {
    const { get } = await startWithEndpoints();
    const answer = await get("/workers", { ...bearer, origin: "http://evil.example" });
    expect(answer.status).toBe(403);
  });

  test("is 405 for every method that writes, and 404 where there is none", async () => {
    const { get, http } = await startWithEndpoints();
    for (const method of ["POST", "PUT", "DELETE"]) {
      expect(await get("/workers", bearer, method)).toMatchObject({ status: 405 });
    }
    const refused = await fetch(`${http}/workers`, { method: "POST", headers: bearer, body: "x" });
    await refused.text();
    expect(refused.headers.get("allow")).toBe("GET, HEAD");
    for (const path of ["/worker", "/workers/", "/__proto__", "/toString"]) {
      expect(await get(path, bearer)).toMatchObject({ status: 404, text: "not found\n" });
    }
  });

  test("that throws is answered with 500, and the log has the reason", async () => {
    const { get, turnedAway } = await startWithEndpoints();
    const answer = await get("/broken", bearer);
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain("a fault");
    expect(turnedAway).toEqual(["/broken failed: a fault of the endpoint"]);
    expect(await get("/health")).toMatchObject({ status: 200 });
  });

  test("cannot replace a public page", async () => {
    const { http } = await start({ endpoints: { "/health": () => textAnswer("secrets") } });
    expect(await (await fetch(`${http}/health`)).text()).toBe("ok\n");
  });
});

describe("at the door", () => {
  test("the token lets in, and nothing else does", async () => {
    const { ws, accepted, turnedAway } = await start();
    const webSocket = await provenWebSocket(ws, token);
    await vi.waitFor(() => expect(accepted).toHaveLength(1));
    for (const wrong of [`${token}x`, token.slice(1), "", viewTokenOf(`${token}x`)]) {
      await expect(provenWebSocket(ws, wrong)).rejects.toThrow(AuthenticationError);
    }
    await vi.waitFor(() => expect(turnedAway).toHaveLength(4));
    expect(turnedAway.join()).toContain("has another token");
    expect(accepted).toHaveLength(1);
    expect(turnedAway.join()).not.toContain(token);
    webSocket.terminate();
  });

  test("a program of an older version, which shows its token, is told so", async () => {
    const { ws, accepted, turnedAway } = await start();
    expect(await upgradeStatus(ws, { authorization: `Bearer ${token}` })).toBe(401);
    expect(accepted).toEqual([]);
    expect(turnedAway).toEqual([expect.stringMatching(/^Install the same version of thence/)]);
  });

  test("pages from elsewhere are refused, whatever they know", async () => {
    const { ws, at } = await start();
    const withOrigin = (origin: string) => upgradeStatus(ws, { origin });
    expect(await withOrigin(`http://${at}`)).toBe(101);
    for (const origin of [
      "http://evil.example",
      "null",
      `https://${at}`,
      `http://${at}.evil.example`,
    ]) {
      expect(await withOrigin(origin)).toBe(403);
    }
  });

  test("a malformed Host is refused", async () => {
    const { ws } = await start();
    expect(await upgradeStatus(ws, { host: "a b" })).toBe(400);
    expect(await upgradeStatus(ws, { host: `${"a".repeat(300)}` })).toBe(400);
  });

  test("an upgrade that is no WebSocket's is refused with words", async () => {
    const { server, accepted, turnedAway } = await start();
    const { answer } = await rawAnswer(
      server.port,
      `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400/);
    expect(accepted).toEqual([]);
    expect(turnedAway).toHaveLength(1);
  });

  test("a peer that goes away while it is being answered hurts nobody", async () => {
    const { server, ws } = await start();
    const request = `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
    for (let index = 0; index < 50; index += 1) {
      await rawAnswer(server.port, request, (socket) => socket.resetAndDestroy());
    }
    expect(await upgradeStatus(ws, {})).toBe(101);
  });

  test.each([
    ["nothing", ""],
    ["half a request", "GET / HTTP/1.1\r\nHost: x\r\nX: "],
  ])("a connection that says %s is cut in time", async (_, text) => {
    const { server } = await start({ requestMs: 500 });
    const { tookMs } = await rawAnswer(server.port, text);
    expect(tookMs).toBeGreaterThan(300);
    expect(tookMs).toBeLessThan(5_000);
  });

  test("an answer that nobody reads is cut in time, and one that is read slowly is not", async () => {
    const bytes = 30_000_000;
    const body = () => ({ contentType: "text/plain", body: new Uint8Array(bytes) });
    const { server } = await start({ requestMs: 500, endpoints: { "/large": body } });
    const request =
      `GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n` +
      `Authorization: Bearer ${viewTokenOf(token)}\r\n\r\n`;
    /** How many bytes come, with so many pauses, each of so long and after so many bytes. */
    const readBy = async (pauseMs: number, after: number, pauses: number) => {
      const socket = connect(server.port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.write(request);
      let read = 0;
      let since = 0;
      let left = pauses;
      socket.on("data", (data) => {
        read += data.length;
        since += data.length;
        if (since < after || left === 0) return;
        since = 0;
        left -= 1;
        socket.pause();
        setTimeout(() => socket.resume(), pauseMs);
      });
      await new Promise((resolve) => socket.once("close", resolve));
      return read;
    };
    const [slowly, never] = await Promise.all([readBy(500, 6_000_000, 4), readBy(4_000, 1, 1)]);
    expect(slowly).toBeGreaterThan(bytes);
    expect(never).toBeLessThan(bytes);
  });

  test("an address that cannot be had is an error that says what to do", async () => {
    const { server } = await start();
    const again = startServer({ host: "127.0.0.1", port: server.port, token, accept() {} });
    await expect(again).rejects.toThrow(ConnectionError);
    await expect(again).rejects.toThrow(
      /^Choose another port, or stop the program that uses this one: .*127/,
    );
    const elsewhere = startServer({ host: "192.0.2.1", port: 0, token, accept() {} });
    await expect(elsewhere).rejects.toThrow(/^Choose an address of this machine: /);
  });

  test("closing the server cuts what is connected, and frees the port", async () => {
    const { server, ws } = await start();
    const webSocket = new WebSocket(ws);
    webSocket.on("error", () => undefined);
    await once(webSocket, "open");
    const closed = once(webSocket, "close");
    await server.close();
    running.length = 0;
    await closed;
    const next = await startServer({ host: "127.0.0.1", port: server.port, token, accept() {} });
    await next.close();
  });
});

describe("strangers, who have proved nothing yet,", () => {
  async function stranger(ws: string) {
    const webSocket = new WebSocket(ws);
    webSocket.on("error", () => undefined);
    const closed = once(webSocket, "close");
    await once(webSocket, "open");
    return { webSocket, closed };
  }

  test("are cut off when they send too much, in one message or in many", async () => {
    const { ws, accepted, turnedAway } = await start();
    const one = await stranger(ws);
    one.webSocket.send("x".repeat(limits.strangerBytes * 4));
    await one.closed;
    const many = await stranger(ws);
    for (let sent = 0; sent < limits.strangerBytes * 4; sent += 125) {
      many.webSocket.ping("x".repeat(125));
    }
    await many.closed;
    expect(turnedAway).toHaveLength(2);
    expect(turnedAway[0]).toMatch(/^it sent too much before it proved/);
    expect(accepted).toEqual([]);
  });

  test("are no news when they vanish as they connect, and are when they say why they leave", async () => {
    const { server, ws, turnedAway } = await start();
    const killed = await stranger(ws);
    killed.webSocket.terminate();
    const honest = await stranger(ws);
    honest.webSocket.close(4001, "the dialling side has another token");
    await honest.closed;
    await server.close();
    running.length = 0;
    expect(turnedAway).toEqual([
      expect.stringMatching(/: the dialling side has another token$/) as string,
    ]);
  });

  test("are cut off in time when they say nothing", async () => {
    const { ws, turnedAway } = await start({ proofMs: 100 });
    const { closed } = await stranger(ws);
    expect((await closed)[0]).toBe(4001);
    expect(turnedAway).toEqual(["no proof within 0.1 s"]);
  });

  test("are only so many at once: the oldest makes room, and who knows the token gets in", async () => {
    const { ws, accepted, turnedAway } = await start({ maxStrangers: 3 });
    const strangers = [];
    for (let count = 0; count < 3; count++) strangers.push(await stranger(ws));
    const webSocket = await provenWebSocket(ws, token);
    await vi.waitFor(() => expect(accepted).toHaveLength(1));
    await strangers[0]!.closed;
    expect(turnedAway).toEqual([expect.stringMatching(/^too many others/)]);
    expect(strangers[1]!.webSocket.readyState).toBe(WebSocket.OPEN);
    // Who has proved the token does not count.
    strangers.push(await stranger(ws));
    expect(turnedAway).toHaveLength(1);
    for (const each of strangers) each.webSocket.terminate();
    webSocket.terminate();
  });

  test("are bounded no more once they have proved the token", async () => {
    const { promise: heard, resolve: message } = Promise.withResolvers<SocketData>();
    const { ws } = await start({
      accept: (socket) => socket.listen({ message, wrote() {}, closed() {} }),
    });
    const webSocket = await provenWebSocket(ws, token);
    const large = "y".repeat(limits.strangerBytes * 2);
    webSocket.send(large);
    expect(await heard).toBe(large);
    webSocket.terminate();
  });
});

describe("dialled for real", () => {
  async function world(options: Partial<ServerOptions> = {}) {
    const side = new AcceptingSide();
    const started = await start({ accept: (socket) => void side.accept(socket), ...options });
    const on = {
      messages: vi.fn<(batch: Note[]) => void>(),
      down: vi.fn(),
      up: vi.fn(),
      reset: vi.fn(),
      lost: vi.fn(),
    };
    const connect = (more: Partial<DialOptions<Note>> = {}) =>
      dial<Note, Note>({
        target: async () => ({ url: started.ws, token }),
        describeTarget: started.ws,
        hello: () => ({ role: "client", id: "c1", name: "driver" }),
        check: (value) => value as Note,
        timeoutMs: 5_000,
        on,
        ...more,
      });
    return { side, on, connect, ...started };
  }

  test("a link comes back when its socket is terminated, and nothing is lost", async () => {
    const { side, on, connect } = await world();
    const link = await connect();
    const count = 200;
    for (let n = 0; n < count; n += 1) {
      link.send({ type: "note", n });
      if (n % 50 === 25) side.sockets.at(-1)!.terminate();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await vi.waitFor(() => expect(side.heard).toHaveLength(count), 10_000);
    expect(side.heard.map(({ n }) => n)).toEqual(Array.from({ length: count }, (_, n) => n));
    expect(on.down).toHaveBeenCalled();
    expect(on.up.mock.calls.length).toBe(on.down.mock.calls.length);
    await link.close();
    await vi.waitFor(() => expect(side.ends).toEqual([undefined]));
  });

  test("a wrong token is refused at once", async () => {
    const { ws, connect } = await world();
    const startedAt = performance.now();
    const refused = connect({ target: async () => ({ url: ws, token: "wrong" }) });
    await expect(refused).rejects.toThrow(AuthenticationError);
    await expect(refused).rejects.toThrow(/^Give the token of .*is not the one of this scheduler/);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test("an address nobody answers is an error after the time given", async () => {
    const { server, connect } = await world();
    await server.close();
    running.length = 0;
    const failed = connect({ timeoutMs: 300 });
    await expect(failed).rejects.toThrow(/^Check that .* within 0\.3 s\. .*ECONNREFUSED/);
  });

  test("a frame that is too large, or no UTF-8, ends that session alone", async () => {
    const { side, ws, connect } = await world();
    const good = await connect();
    const cases: [(webSocket: WebSocket) => void, number][] = [
      [(webSocket) => webSocket.send(Buffer.from([0xff, 0xfe]), { binary: false }), 1007],
      // Only the header of a frame of 2^40 bytes.
      [
        (webSocket) =>
          (webSocket as unknown as { _socket: NetSocket })._socket.write(
            Buffer.from([0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
          ),
        1009,
      ],
    ];
    for (const [misbehave, expected] of cases) {
      const webSocket = await provenWebSocket(ws, token);
      webSocket.on("error", () => undefined);
      const { protocol, ...hello } = side.hellos[0]!;
      webSocket.send(JSON.stringify({ protocol, ...hello, id: `bad-${expected}` }));
      await once(webSocket, "message");
      const closed = once(webSocket, "close");
      misbehave(webSocket);
      const [code] = (await closed) as [number];
      expect(code).toBe(expected);
    }
    await vi.waitFor(() => expect(side.ends).toHaveLength(2));
    for (const end of side.ends) expect(end).toBeInstanceOf(ProtocolError);
    good.send({ type: "note", n: 1 });
    await vi.waitFor(() => expect(side.heard).toEqual([{ type: "note", n: 1 }]));
    await good.close();
  });

  test("a program that closes its link ends by itself", async () => {
    const { server } = await world();
    const program = new URL("../fixtures/dial-and-close.ts", import.meta.url).pathname;
    const run = promisify(execFile);
    const startedAt = performance.now();
    const { stdout } = await run(process.execPath, [program, String(server.port), token], {
      timeout: 20_000,
    });
    expect(stdout).toMatch(/^closed after \d+ ms\n$/);
    const closedAfterMs = Number(/\d+/.exec(stdout)![0]);
    expect(closedAfterMs).toBeLessThan(1_000);
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  });
});
