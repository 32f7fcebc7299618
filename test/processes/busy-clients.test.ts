// Clients whose programs are difficult: they stand still for longer than the grace period, have fake timers,
// outlive their scheduler, or find something else where it was.

import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readFile, writeFile } from "node:fs/promises";
import { afterEach, describe, expect, test } from "vitest";
import { Client } from "../../src/index.ts";
import { ConnectionError } from "../../src/errors/errors.ts";
import { childrenOf, node, type Program } from "../processes.ts";
import { addCleanUp, cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";
import { tasks } from "./daemons.ts";
import { kinds, startCluster, type Kind } from "./kinds.ts";

type Tasks = typeof import("./fixtures/tasks.ts");

afterEach(cleanUp, patientMs);

/** Silence is noticed after 0.6 s, and a client that is cut off given up after a second. */
const impatient = { heartbeatMs: 200, core: { graceMs: 1_000 } };

const fixture = (name: string) => path.join(import.meta.dirname, "fixtures", name);
const fastTime = ["--import", fixture("fast-time.ts")];
const standsStill = (where: string, how: string, ms: number, flags: readonly string[] = []) =>
  node([fixture("stands-still.ts"), where, how, `${ms}`], { flags });

/** On a cluster of either kind, which gives clients up as soon as the other; and its scheduler's log. */
async function standsStillOn(kind: Kind, how: string, ms: number) {
  if (kind === "Client.local") {
    const program = standsStill(tasks, how, ms, fastTime);
    return { program, scheduler: program };
  }
  const scheduler = await startScheduler(impatient);
  await startWorker(scheduler, { name: "one" });
  return { program: standsStill(scheduler.file, how, ms), scheduler: scheduler.program };
}

describe.each(kinds)("a program that stands still for longer than the grace, with %s", (kind) => {
  const comesBack = async (how: string, ms: number, stop?: (program: Program) => Promise<void>) => {
    const { program, scheduler } = await standsStillOn(kind, how, ms);
    await program.wrote(/submitted/);
    const stopped = stop?.(program);
    await scheduler.wrote(/client \S+ is silent: nothing was heard for/);
    await stopped;
    const { how: end, stdout, stderr } = await program.ended;
    expect(end, stderr).toBe(0);
    expect(stdout).toContain("11 111");
    expect(scheduler.stderr).toMatch(/client \S+ is heard again/);
  };

  test(
    "comes back to its tasks when it waits, executes or was stopped",
    async () => {
      const stop = async (program: Program) => {
        program.signal("SIGSTOP");
        await sleep(5_000);
        program.signal("SIGCONT");
      };
      await Promise.all([
        comesBack("waits", 5_000),
        comesBack("executes", 5_000),
        comesBack("sleeps", 500, stop),
      ]);
    },
    patientMs,
  );

  test(
    "has a link that does not stop when it fakes timers",
    async () => {
      const { program, scheduler } = await standsStillOn(kind, "fakes timers", 2_500);
      const { how, stdout, stderr } = await program.ended;
      expect(how, stderr).toBe(0);
      expect(stdout).toContain("11 111");
      expect(scheduler.stderr).not.toMatch(/is silent|dropped/);
    },
    patientMs,
  );
});

describe("a program that is gone", () => {
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
  "a client goes on with the next scheduler of its own cluster, and so do the workers",
  async () => {
    const client = await Client.local<Tasks>({ modules: [tasks], workers: 2, threads: 1 });
    addCleanUp(() => client.close());
    const pids = (await client.workers()).map(({ pid }) => pid);
    const held = await client.lock("db").acquire();
    const old = client.submit("waitFor", 600_000);
    await client.info();
    const [scheduler] = childrenOf(process.pid).filter((pid) => !pids.includes(pid));
    process.kill(scheduler!, "SIGKILL");
    await expect(old.result()).rejects.toThrow(ConnectionError);
    expect([old.status, held.signal.aborted]).toEqual(["lost", true]);
    await expect(client.submit("add", old, 1).result()).rejects.toThrow(ConnectionError);
    expect(await client.submit("add", 2, 20).result()).toBe(22);
    await client.waitForWorkers(2, { timeoutMs: patientMs });
    expect((await client.workers()).map(({ pid }) => pid).sort()).toEqual(pids.sort());
    await (await client.lock("db").acquire())[Symbol.asyncDispose]();
  },
  patientMs,
);

test.each(kinds)(
  "with %s what cannot be sent is a rejected future, and a lock ends with its client",
  async (kind) => {
    const client = await startCluster<Tasks>(kind, { modules: [tasks] });
    const held = await client.lock("db").acquire();
    await client.close();
    expect([held.held, held.signal.aborted]).toEqual([false, true]);
    const late = client.submit("add", 1, 10);
    expect(late.status).toBe("lost");
    await expect(late.result()).rejects.toThrow(/connect again: this client was closed/);
    for (const future of client.map("add", [1], [2])) {
      await expect(future.result()).rejects.toThrow(ConnectionError);
    }
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
      // Ten times slower than the program's time, in which silence would end a session that has nothing to say.
      const scheduler = await startScheduler({ heartbeatMs: 60_000 });
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
      const { how, stdout, stderr } = await standsStill(file, "sleeps", 0, fastTime).ended;
      expect(how, stderr).toBe(0);
      expect(stdout).toContain("11 111");
    },
    patientMs,
  );
});
