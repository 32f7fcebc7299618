// Tasks inside system calls that nothing ends but the end of their process: they are over for their users, the
// worker hands over what it can and is replaced, and every request to end a daemon is heard.

import { execFileSync } from "node:child_process";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { Client, TaskTimeoutError } from "../../src/index.ts";
import { thence } from "../processes.ts";
import {
  addCleanUp,
  cleanUp,
  connect,
  patientMs,
  startScheduler,
  startWorker,
  type Scheduler,
} from "./daemons.ts";

type Tasks = typeof import("../fixtures/wedges.ts");
const module = path.join(import.meta.dirname, "..", "fixtures", "wedges.ts");

afterEach(cleanUp, patientMs);

function fifoIn({ folder }: { folder: string }): string {
  const fifo = path.join(folder, "fifo");
  execFileSync("mkfifo", [fifo]);
  return fifo;
}

const executing = async (client: Client<Tasks>, key: string) =>
  expect.poll(async () => (await client.explain(key)).why, { timeout: 20_000 }).toMatch(/execut/);

test(
  "the worker hands over what it has, is replaced, and nobody else is blamed",
  async () => {
    const scheduler = await startScheduler();
    const more = ["--drain-timeout", "1s"];
    const one = await startWorker(scheduler, {
      ...{ name: "one", modules: [module], threads: 2, isSupervised: true, more },
    });
    const client = await connect<Tasks>(scheduler);
    const [first] = await client.workers();
    // A value that only this worker has.
    const large = client.submit("bytes", 300_000);
    await client.wait([large]);
    const stuck = client
      .with({ timeoutMs: 300, graceMs: 100 })
      .submit("readFifo", fifoIn(scheduler));
    await executing(client, stuck.key);
    const second = await startWorker(scheduler, { name: "two", modules: [module] });
    const long = client.with({ workers: ["one"] }).submit("pause", 20_000);
    const queued = client.with({ workers: ["one"] }).map("pause", [1, 1, 1, 1]);

    const error = await stuck.exception();
    expect(error).toBeInstanceOf(TaskTimeoutError);
    await client.gather(queued);
    const others = async () => (await client.workers()).find(({ name }) => name === "one");
    await expect.poll(async () => (await others())?.pid, { timeout: 30_000 }).not.toBe(first!.pid);
    await one.wrote(/inside a system call.*another process takes the place/);
    for (const each of [large, long, ...queued]) {
      expect((await client.explain(each)).losses).toEqual([]);
    }
    expect((await large.result()).length).toBe(300_000);
    // It was handed over, and not made again.
    expect((await client.explain(large)).attempt).toBe(1);
    long.cancel();
    expect(second.isRunning).toBe(true);
    expect((await one.end()).how).toBe(0);
  },
  patientMs,
);

test(
  "with Client.local too",
  async () => {
    const scheduler = await startScheduler();
    const fifo = fifoIn(scheduler);
    const client = await Client.local<Tasks>({ modules: [module], threads: 2 });
    addCleanUp(() => client.close());
    const stuck = client.with({ graceMs: 100 }).submit("readFifo", fifo);
    await executing(client, stuck.key);
    const [first] = await client.workers();
    stuck.cancel();
    await expect
      .poll(async () => (await client.workers())[0]?.pid ?? first!.pid, { timeout: 30_000 })
      .not.toBe(first!.pid);
    expect(await client.submit("pause", 1).result()).toBe(1);
  },
  patientMs,
);

test.each(["spinAfterwards", "exitForEver"] as const)(
  "a thread that never takes the next task keeps it from nobody: %s",
  async (holdsUp) => {
    const scheduler = await startScheduler();
    await startWorker(scheduler, { name: "one", modules: [module] });
    const client = await connect<Tasks>(scheduler);
    const before = await client.submit("thread").result();
    const guilty =
      holdsUp === "exitForEver"
        ? client.with({ maxWorkerLosses: 1 }).submit(holdsUp)
        : client.submit(holdsUp, 1e9);
    await client.wait([guilty]);
    const next = client.submit("thread");
    expect(await next.result()).not.toBe(before);
    expect(await client.explain(next)).toMatchObject({ attempt: 1, losses: [] });
  },
  patientMs,
);

describe("a request to end", () => {
  async function stuckWorker(isSupervised: boolean, drain: string) {
    const scheduler = await startScheduler();
    const worker = await startWorker(scheduler, {
      ...{ name: "one", modules: [module], isSupervised, more: ["--drain-timeout", drain] },
    });
    const client = await connect<Tasks>(scheduler);
    const stuck = client.submit("readFifo", fifoIn(scheduler));
    await executing(client, stuck.key);
    return { worker, stuck };
  }

  test.each([true, false])(
    "ends a worker within its drain timeout and some seconds, supervised: %s",
    async (isSupervised) => {
      const { worker, stuck } = await stuckWorker(isSupervised, "500ms");
      const begun = performance.now();
      const { how, stderr } = await worker.end();
      expect(performance.now() - begun).toBeLessThan(8_000);
      expect(how, stderr).toBe(0);
      expect(stuck.done).toBe(false);
    },
    patientMs,
  );

  test.each([true, false])(
    "ends a worker at once when it is repeated, supervised: %s",
    async (isSupervised) => {
      const { worker } = await stuckWorker(isSupervised, "10m");
      worker.signal("SIGTERM");
      await worker.wrote(/waiting for the task that runs/);
      // Earlier it would be the same request.
      const repeating = setInterval(() => worker.signal("SIGTERM"), 200);
      const begun = performance.now();
      await worker.ended;
      clearInterval(repeating);
      expect(performance.now() - begun).toBeLessThan(4_000);
    },
    patientMs,
  );

  test(
    "ends a worker whose module never loads",
    async () => {
      const scheduler = await startScheduler();
      const blocked = path.join(import.meta.dirname, "fixtures", "blocks-at-import.ts");
      const worker = thence(workerLine(scheduler, blocked), {
        env: { THENCE_TEST_FIFO: fifoIn(scheduler) },
      });
      await worker.wrote(/still loading/);
      const begun = performance.now();
      expect((await worker.end()).how).toBe(0);
      expect(performance.now() - begun).toBeLessThan(4_000);
    },
    patientMs,
  );
});

const workerLine = ({ file }: Scheduler, module: string) => [
  ...["worker", "--scheduler-file", file, "--module", module, "--threads", "1"],
];
