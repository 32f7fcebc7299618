// Clients whose programs are difficult: they stand still for longer than the grace period, have fake timers,
// outlive their scheduler, or find something else where it was.

import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readFile, writeFile } from "node:fs/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Client } from "../../src/index.ts";
import { ConnectionError } from "../../src/errors/errors.ts";
import { node } from "../processes.ts";
import { addCleanUp, cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";

type Tasks = typeof import("./fixtures/tasks.ts");

afterEach(cleanUp, patientMs);
afterEach(() => void vi.useRealTimers());

/** Silence is noticed after 0.6 s, and a client that is cut off given up after a second. */
const impatient = { heartbeatMs: 200, core: { graceMs: 1_000 } };

const standsStill = (file: string, how: string, ms: number) =>
  node([path.join(import.meta.dirname, "fixtures", "stands-still.ts"), file, how, `${ms}`]);

describe("a program that stands still for longer than the grace", () => {
  test.each(["waits", "executes"])(
    "comes back to its tasks when it %s",
    async (how) => {
      const scheduler = await startScheduler(impatient);
      await startWorker(scheduler, { name: "one" });
      const program = standsStill(scheduler.file, how, 5_000);
      await scheduler.program.wrote(/client \S+ is silent: nothing was heard for 0\.6 s/);
      const { how: end, stdout, stderr } = await program.ended;
      expect(end, stderr).toBe(0);
      expect(stdout).toContain("11 111");
      expect(scheduler.program.stderr).toMatch(/client \S+ is heard again/);
    },
    patientMs,
  );

  test(
    "comes back to its tasks when it was stopped",
    async () => {
      const scheduler = await startScheduler(impatient);
      await startWorker(scheduler, { name: "one" });
      const program = standsStill(scheduler.file, "sleeps", 500);
      await program.wrote(/submitted/);
      program.signal("SIGSTOP");
      await scheduler.program.wrote(/is silent/);
      await sleep(3_000);
      program.signal("SIGCONT");
      const { how, stdout, stderr } = await program.ended;
      expect(how, stderr).toBe(0);
      expect(stdout).toContain("11 111");
    },
    patientMs,
  );

  test(
    "is given up after the time that is an option, and soon when it is killed",
    async () => {
      const core = { graceMs: 500, clientGraceMs: 2_000 };
      const scheduler = await startScheduler({ heartbeatMs: 200, core });
      const [stopped, killed] = [1, 2].map(() => standsStill(scheduler.file, "sleeps", 60_000));
      await Promise.all([stopped!.wrote(/submitted/), killed!.wrote(/submitted/)]);
      const client = await connect<Tasks>(scheduler);
      for (const program of [stopped!, killed!]) program.signal("SIGSTOP");
      await scheduler.program.wrote(/is silent[^]*is silent/);
      const clients = async () => (await client.info()).clients;
      killed!.signal("SIGKILL");
      await expect.poll(clients, { timeout: patientMs }).toBe(2);
      await expect.poll(clients, { timeout: patientMs }).toBe(1);
    },
    patientMs,
  );
});

test(
  "fake timers in the program do not stop its link",
  async () => {
    const scheduler = await startScheduler(impatient);
    await startWorker(scheduler, { name: "one" });
    const client = await connect<Tasks>(scheduler);
    vi.useFakeTimers();
    await sleep(2_000);
    expect(scheduler.program.stderr).not.toMatch(/is silent|dropped/);
    expect(await client.submit("add", 1, 10).result({ timeoutMs: 30_000 })).toBe(11);
    await expect(client.event("never").wait({ timeoutMs: 50 })).rejects.toThrow(/not set/);
  },
  patientMs,
);

test(
  "a client goes on with the next scheduler of its file",
  async () => {
    const scheduler = await startScheduler({ heartbeatMs: 200, core: { graceMs: 1_000 } });
    const client = await Client.connect<Tasks>(scheduler.file);
    addCleanUp(() => client.close());
    const held = await client.lock("db").acquire();
    const old = client.submit("add", 1, 10);
    await client.info();
    await scheduler.program.end("SIGKILL");
    await expect(old.result()).rejects.toThrow(ConnectionError);
    expect(old.status).toBe("lost");
    expect([held.held, held.signal.aborted]).toEqual([false, true]);
    const meanwhile = client.submit("add", 2, 20);
    const dependent = client.submit("add", old, 1);
    await expect(dependent.result()).rejects.toThrow(ConnectionError);

    const next = await startScheduler(
      { heartbeatMs: 200, core: { graceMs: 1_000 } },
      [],
      scheduler,
    );
    await startWorker(next, { name: "one" });
    expect(await meanwhile.result()).toBe(22);
    expect(await client.submit("add", 3, 30).result()).toBe(33);
    await (await client.lock("db").acquire())[Symbol.asyncDispose]();
  },
  patientMs,
);

test(
  "futures are passed between clients at once, in any order",
  async () => {
    const scheduler = await startScheduler();
    await startWorker(scheduler, { name: "one" });
    const clients = await Promise.all([1, 2, 3].map(() => connect<Tasks>(scheduler)));
    for (let round = 0; round < 20; round++) {
      let last = clients[0]!.submit("add", 0, 1);
      for (let step = 1; step <= 9; step++) {
        const input = last;
        last = clients[step % 3]!.submit("add", input, 1);
        // Only what depends on it needs it.
        input.release();
      }
      expect(await last.result()).toBe(10);
    }
  },
  patientMs,
);

describe("close leaves nothing that keeps the program alive, after", () => {
  const answers: [what: string, serve: () => Server][] = [
    [
      "a complete answer",
      () => createHttpServer({ keepAliveTimeout: 0 }, (_, response) => response.end("hello")),
    ],
    [
      "a refusal of the upgrade",
      () =>
        createHttpServer().on("upgrade", (_, socket) =>
          socket.write("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno"),
        ),
    ],
    [
      "a redirect",
      () => createHttpServer((_, response) => response.writeHead(302, { location: "/" }).end()),
    ],
    ["no answer", () => createServer(() => undefined)],
    [
      "an answer that never ends",
      () =>
        createServer((socket: Socket) => {
          socket.on("error", () => undefined);
          socket.write("HTTP/1.1 200 OK\r\n\r\n");
          const timer = setInterval(() => socket.write("x"), 50);
          socket.once("close", () => clearInterval(timer));
        }),
    ],
    [
      "headers that never end",
      () =>
        createServer((socket: Socket) => {
          socket.on("error", () => undefined);
          socket.write("HTTP/1.1 200 OK\r\nA: ");
          const timer = setInterval(() => socket.write("x"), 50);
          socket.once("close", () => clearInterval(timer));
        }),
    ],
  ];

  test.each(answers)(
    "%s from the first address of the file",
    async (_, serve) => {
      const scheduler = await startScheduler(impatient);
      await startWorker(scheduler, { name: "one" });
      const open = new Set<Socket>();
      const server = serve();
      server.on("connection", (socket: Socket) => {
        open.add(socket);
        socket.once("close", () => open.delete(socket));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      addCleanUp(async () => {
        for (const socket of open) socket.destroy();
        server.close();
      });
      const { port } = server.address() as AddressInfo;
      const file = path.join(scheduler.folder, "two.json");
      const facts = JSON.parse(await readFile(scheduler.file, "utf8"));
      const urls = [`ws://127.0.0.1:${port}`, scheduler.url];
      await writeFile(file, JSON.stringify({ ...facts, urls }), { mode: 0o600 });
      const { how, stdout, stderr } = await standsStill(file, "sleeps", 0).ended;
      expect(how, stderr).toBe(0);
      expect(stdout).toContain("11 111");
    },
    patientMs,
  );
});
