// A scheduler with a journal is killed and started again, under clients and workers that stay.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { Client, type Future } from "../../src/index.ts";
import { childrenOf, gone, thence } from "../processes.ts";
import { addCleanUp, behaviours, cleanUp, patientMs } from "./daemons.ts";
import { DurableScheduler } from "./durable-scheduler.ts";
import { Random } from "./random.ts";
import { RandomGraph, type GraphTasks } from "./random-graph.ts";

type Tasks = GraphTasks & typeof import("../fixtures/behaviours.ts");

const graphTasks = path.join(import.meta.dirname, "fixtures", "graph-tasks.ts");
const seed = Number(process.env["THENCE_CHAOS_SEED"] ?? Date.now() % 2 ** 31);

afterEach(cleanUp, patientMs);

const durable = (...more: string[]) => new DurableScheduler<Tasks>([graphTasks, behaviours], more);

test(
  "a graph of 20,000 tasks comes out right while the scheduler is killed again and again",
  async () => {
    console.log(`THENCE_CHAOS_SEED=${seed}`);
    const random = new Random(seed);
    const scheduler = durable();
    await scheduler.start();
    const trace = path.join(scheduler.folder, "trace");
    const workers = await Promise.all(
      ["w1", "w2"].map((name) => scheduler.worker(name, [], { THENCE_TEST_TRACE: trace })),
    );
    const client = await scheduler.connect();
    const graph = new RandomGraph(client, random);
    for (let wave = 0; wave < 5; wave += 1) {
      graph.grow(4_000);
      await sleep(random.below(600));
      await scheduler.restart();
    }
    expect(await client.gather(graph.futures)).toEqual(graph.expected);

    expect(workers.map(({ isRunning }) => isRunning)).toEqual([true, true]);
    // No worker was lost, so each task ran once.
    const runs = readFileSync(trace, "utf8").trim().split("\n");
    expect(new Set(runs).size).toBe(20_000);
    expect(runs).toHaveLength(20_000);
  },
  3 * patientMs,
);

test.each(["SIGKILL", "SIGTERM"] as const)(
  "locks, queues, variables, published futures and what waits for them outlive %s",
  async (signal) => {
    const scheduler = durable();
    await scheduler.start();
    await scheduler.worker("w1");
    const [one, other] = [await scheduler.connect(), await scheduler.connect()];
    const held = await one.lock("db").acquire();
    const next = other.lock("db").acquire();
    await one.queue<number>("work").put(1);
    await one.queue<number>("work").put(2);
    const getting = other.queue<string>("later").get();
    await one.variable<string>("phase").set("second");
    await one.publish("model", { weights: one.submit("echo", [1, 2, 3]), version: 3 });
    const event = other.event("go").wait();
    const gate = path.join(scheduler.folder, "gate");
    const running = one.submit("untilFile", gate);
    // Waits for the only thread.
    const bytes = one.submit("echo", new Uint8Array([1, 2, 3]));
    await one.info();

    await scheduler.restart(signal);

    expect(await other.queue<number>("work").getBatch(9)).toEqual([1, 2]);
    expect(await other.variable<string>("phase").get()).toBe("second");
    const { weights, version } = await other.published<{
      weights: Future<number[]>;
      version: number;
    }>("model");
    expect([await weights.result(), version]).toEqual([[1, 2, 3], 3]);
    await one.queue<string>("later").put("item");
    expect(await getting).toBe("item");
    await one.event("go").set();
    await event;
    held.release();
    (await next).release();
    writeFileSync(gate, "open");
    expect(await running.result()).toBe(gate);
    expect(await bytes.result()).toEqual(new Uint8Array([1, 2, 3]));
  },
  2 * patientMs,
);

test(
  "what nobody holds a future of runs on after a restart, and priorities and delays stay",
  async () => {
    const scheduler = durable();
    await scheduler.start();
    const client = await scheduler.connect();
    const file = path.join(scheduler.folder, "done");
    // No worker is there yet: all of this waits.
    client.fireAndForget(client.with({ priority: 5 }).submit("echo", 1));
    const urgent = client.with({ priority: 9 }).submit("thread");
    const late = client.with({ delayMs: 2_000 }).submit("echo", "late");
    const submittedAt = Date.now();
    await client.info();
    client.fireAndForget(client.submit("untilFile", file));
    await client.info();
    await scheduler.restart();
    await scheduler.restart();
    await scheduler.worker("w1", ["--threads", "2"]);
    expect(await urgent.result()).toBeTypeOf("string");
    expect(await late.result()).toBe("late");
    expect(Date.now() - submittedAt).toBeGreaterThanOrEqual(1_990);
    await client.close();
    const watcher = await scheduler.connect();
    expect((await watcher.info()).tasks.running).toBe(1);
    writeFileSync(file, "");
    await expect
      .poll(async () => (await watcher.info()).tasks.running, { timeout: patientMs })
      .toBe(0);
  },
  2 * patientMs,
);

test(
  "a stream of events goes on, and each task ends in it once",
  async () => {
    const scheduler = durable();
    await scheduler.start();
    await scheduler.worker("w1");
    const client = await scheduler.connect();
    const events = client.events({ functions: ["echo"] });
    const ends: string[] = [];
    const reading = (async () => {
      for await (const event of events) {
        if (event.type === "finished") ends.push(event.key);
        if (ends.length === 1_000) return;
      }
    })();
    const futures = client.map(
      "echo",
      Array.from({ length: 500 }, (_, index) => index),
    );
    await futures[0]!.result();
    await scheduler.restart();
    futures.push(...client.map("echo", Array.from({ length: 500 }, String)));
    await client.wait(futures);
    await reading;
    expect(ends.toSorted()).toEqual(futures.map(({ key }) => key).toSorted());
  },
  2 * patientMs,
);

test(
  "its supervisor starts the next scheduler, and the futures settle",
  async () => {
    const scheduler = durable();
    await scheduler.start(0, { isSupervised: true });
    await scheduler.worker("w1");
    const client = await scheduler.connect();
    const gate = path.join(scheduler.folder, "gate");
    const futures = [client.submit("untilFile", gate), ...client.map("echo", ["a", "b", "c"])];
    await client.info();
    for (let round = 0; round < 2; round += 1) {
      const [child] = childrenOf(scheduler.program.pid);
      process.kill(child!, "SIGKILL");
      await gone(child!);
      await client.info();
    }
    writeFileSync(gate, "open");
    expect(await client.gather(futures)).toEqual([gate, "a", "b", "c"]);
    expect(scheduler.program.stderr).toMatch(/the scheduler died, and the next one goes on/);
    expect((await scheduler.program.end()).how).toBe(0);
  },
  2 * patientMs,
);

test(
  "a journal stays small, and what was compacted is there after a crash",
  async () => {
    const scheduler = durable();
    await scheduler.start();
    await scheduler.worker("w1");
    const client = await scheduler.connect();
    const kept = client.submit("echo", "x".repeat(100_000));
    await kept.result();
    const folder = path.join(scheduler.folder, "journal");
    const bytes = () =>
      readdirSync(folder).reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
    for (let round = 0; round < 4; round += 1) {
      const futures = Array.from({ length: 40 }, (_, index) =>
        client.submit("echo", `${round} ${index} ${"y".repeat(200_000)}`),
      );
      await client.gather(futures);
      client.release(futures);
    }
    // 64 MB went through it, and nearly as much in results.
    await expect.poll(bytes, { timeout: patientMs }).toBeLessThan(24 * 2 ** 20);
    await scheduler.restart();
    const again = client.submit("echo", kept);
    expect(await again.result()).toHaveLength(100_000);
  },
  2 * patientMs,
);

test(
  "a journal that is in use is refused, with its user",
  async () => {
    const scheduler = durable();
    await scheduler.start();
    const other = thence([
      ...["scheduler", "--port", "0", "--no-supervise"],
      ...["--journal", path.join(scheduler.folder, "journal")],
    ]);
    const { how, stderr } = await other.ended;
    expect(how).toBe(1);
    expect(stderr).toContain(`process ${scheduler.program.pid}`);
  },
  patientMs,
);

test(
  "Client.local goes on from its journal when its scheduler dies, and so does the next program",
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "thence-journal-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const options = { modules: [behaviours], journal: path.join(folder, "journal"), threads: 1 };
    const client = await Client.local<Tasks>(options);
    addCleanUp(() => client.close());
    const gate = path.join(folder, "gate");
    const futures = [client.submit("untilFile", gate), ...client.map("echo", ["a", "b", "c"])];
    await client.publish("kept", client.submit("echo", "still there"));
    await client.info();
    const lock = readdirSync(options.journal).find((name) => name.startsWith("lock"))!;
    const { pid } = JSON.parse(readFileSync(path.join(options.journal, lock), "utf8")) as {
      pid: number;
    };
    process.kill(pid, "SIGKILL");
    await gone(pid);
    writeFileSync(gate, "open");
    expect(await client.gather(futures)).toEqual([gate, "a", "b", "c"]);
    const published = await client.published<Future<string>>("kept");
    expect(await published.result()).toBe("still there");
    await client.close();

    const next = await Client.local<Tasks>(options);
    addCleanUp(() => next.close());
    const kept = await next.published<Future<string>>("kept");
    expect(await kept.result()).toBe("still there");
  },
  2 * patientMs,
);

test(
  "a scheduler that is shut down says so, and the next one waits for nobody",
  async () => {
    const scheduler = durable();
    await scheduler.start();
    const worker = await scheduler.worker("w1");
    const [client, other] = [await scheduler.connect(), await scheduler.connect()];
    const lost = client.submit("neverEnds");
    await client.info();
    await other.shutdown({ reason: "over and out" });
    expect((await worker.ended).how).toBe(0);
    expect((await scheduler.program.ended).how).toBe(0);
    expect(String(await lost.exception())).toContain("over and out");
    await scheduler.start();
    const last = await scheduler.connect();
    const { workers, tasks } = await last.info();
    expect([workers, tasks.running, tasks.ready]).toEqual([0, 0, 0]);
  },
  2 * patientMs,
);

test(
  "what was submitted to be kept is fetched after two crashes, by another program, while it is kept",
  async () => {
    const scheduler = durable();
    await scheduler.start();
    const ask = async (...args: string[]) => {
      const env = { THENCE_SCHEDULER_FILE: scheduler.file };
      const { how, stdout, stderr } = await thence(args, { env }).ended;
      // A loaded machine takes its time to connect, and then that is said.
      const said = stderr.replace(/^thence: waiting for .*\n/m, "");
      return { how, stdout: stdout.trim(), stderr: said };
    };
    const submit = async (...args: string[]) => {
      const { how, stdout, stderr } = await ask("submit", "--detach", ...args);
      expect([how, stderr]).toEqual([0, ""]);
      return stdout;
    };
    // No worker is there yet: it is queued at the first crash.
    const queued = await submit("echo", "1");
    await scheduler.restart();
    const worker = await scheduler.worker("w1");
    const bytes = await submit("bytes", "300000");
    expect((await ask("result", queued, "--wait")).stdout).toBe("1");
    expect((await ask("result", bytes, "--wait")).how).toBe(0);
    const gate = path.join(scheduler.folder, "gate");
    const running = await submit("untilFile", gate);
    const short = await submit("--keep", "2s", "echo", "short");
    const before = scheduler.program.pid;
    await scheduler.restart();
    expect(scheduler.program.pid).not.toBe(before);

    const notYet = await ask("result", running);
    expect([notYet.how, notYet.stderr]).toEqual([1, expect.stringContaining("no result yet")]);
    expect((await ask("result", queued)).stdout).toBe("1");
    const client = await scheduler.connect();
    const kept = client.future<Uint8Array>(bytes);
    expect(await kept.result()).toHaveLength(300_000);
    expect(await client.whoHas([kept])).toEqual({ [bytes]: ["w1"] });
    const listed = await client.tasks({ client: "thence submit" });
    expect(listed.map(({ key }) => key)).toEqual([queued, bytes, running, short]);

    writeFileSync(gate, "open");
    expect((await ask("result", running, "--wait")).stdout).toBe(JSON.stringify(gate));
    // Only its holder had it.
    await worker.end("SIGKILL");
    await scheduler.worker("w2");
    kept.release();
    const again = await ask("result", bytes, "--wait");
    expect([again.how, again.stdout.slice(0, 20)]).toEqual([0, "Uint8Array(300000) ["]);
    const isThere = async () => (await ask("result", short)).stderr;
    await expect.poll(isThere, { timeout: patientMs }).toContain("no task has the key");
  },
  3 * patientMs,
);
