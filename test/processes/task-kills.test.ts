// Tasks that take their thread or their whole worker down: they are tried again so many times and no
// more, the error says where and how they died, and whoever was near them comes to no harm.

import { afterEach, describe, expect, test } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, WorkerLostError } from "../../src/index.ts";
import { tested } from "../isolation.ts";
import type { Program } from "../processes.ts";
import { addCleanUp, behaviours, cleanUp, connect, patientMs, startScheduler } from "./daemons.ts";
import { startWorker, tasks, type Scheduler } from "./daemons.ts";
import { kinds, startCluster } from "./kinds.ts";

type Tasks = typeof import("./fixtures/tasks.ts") & typeof import("../fixtures/behaviours.ts");

afterEach(cleanUp, patientMs);

describe("a task that takes its thread down", () => {
  test(
    "by process.exit, by a stray timer or out of memory fails with where and how, and alone",
    async () => {
      const scheduler = await startScheduler();
      const worker = await startWorker(scheduler, {
        name: "one",
        modules: [tasks, behaviours],
        threads: 2,
        flags: ["--max-old-space-size=48"],
      });
      const client = await connect<Tasks>(scheduler);
      const numbers = Array.from({ length: 300 }, (_, index) => index);
      const bystanders = () => client.map("add", numbers, numbers);

      const before = bystanders();
      const deaths = {
        exit: client.with({ maxWorkerLosses: 2 }).submit("exit", 3),
        timer: client.submit("throwFromItsTimer"),
        memory: client.with({ maxWorkerLosses: 1 }).submit("eatMemory"),
      };
      const after = bystanders();
      const sums = numbers.map((number) => 2 * number);
      expect(await client.gather(before)).toEqual(sums);
      expect(await client.gather(after)).toEqual(sums);

      const stacks: Record<string, string> = {};
      const errorOf = async (name: keyof typeof deaths) => {
        const error = await deaths[name].exception();
        expect(error, name).toBeInstanceOf(WorkerLostError);
        stacks[name] = ((error as Error).cause as Error).stack!;
        return (error as Error).message;
      };
      const times = (text: string, part: RegExp) => text.match(part)?.length;
      const exit = await errorOf("exit");
      expect(exit).toContain('"exit" was executing when each of these went down: one (');
      expect(times(exit, /one \(.*?ended with exit code 3\)/g)).toBe(2);
      expect(times(await errorOf("timer"), /one \(.*?from a stray timer\)/g)).toBe(3);
      expect(times(await errorOf("memory"), /one \(.*?memory.*?\)/g)).toBe(1);

      // The cause is what ended the thread.
      expect(stacks["exit"]).toMatch(/exit code 3\n +at exit \(.*behaviours\.ts:\d+:\d+\)$/);
      expect(stacks["timer"]).toMatch(/from a stray timer\n +at Timeout.*tasks\.ts/);
      expect(stacks["memory"]).toContain("memory limit of 48 MiB");
      await worker.wrote(/a thread ended .*from a stray timer.*stack=.*tasks\.ts/);

      for (const each of [before[0]!, after.at(-1)!]) {
        expect((await client.explain(each)).losses).toEqual([]);
      }
      expect(await client.gather(bystanders())).toEqual(sums);
      expect(await client.workers()).toMatchObject([{ name: "one", pid: worker.pid }]);
    },
    patientMs,
  );

  test(
    "fails the task that submitted it too, when that waits on the same thread",
    async () => {
      const client = await Client.local<Tasks>({ modules: [tasks], threads: 1 });
      addCleanUp(() => client.close());
      const parent = client.with({ maxWorkerLosses: 2 }).submit("waitForExit", 4);
      const error = await parent.exception();
      expect(error).toBeInstanceOf(WorkerLostError);
      const { message } = error as Error;
      expect(message).toContain('"waitForExit" was executing when each of these went down');
      expect(message.match(/its sub-task endItsThread-.*?exit code 4/g)).toHaveLength(2);
    },
    patientMs,
  );

  test(
    "after it has returned, by a stray timer, keeps its result",
    async () => {
      const scheduler = await startScheduler();
      await startWorker(scheduler, { name: "one", modules: [behaviours] });
      const client = await connect<Tasks>(scheduler);
      const returned = client.submit("throwFromTimer", 1);
      expect(await returned.result()).toBe("returned");
      // Each may meet the end of the thread, and none is to blame for it.
      for (let number = 0; number < 50; number += 1) {
        expect(await client.submit("echo", number).result()).toBe(number);
      }
    },
    patientMs,
  );
});

// With processes it kills its own only: see isolation.test.ts.
describe.skipIf(tested.isolation === "processes")("a task that kills its whole worker", () => {
  test(
    "fails after so many workers, and what was queued behind it survives without blame",
    async () => {
      const scheduler = await startScheduler();
      const worker = await supervised(scheduler, "one");
      const client = await connect<Tasks>(scheduler);
      const numbers = Array.from({ length: 200 }, (_, index) => index);
      const before = client.map("add", numbers, numbers);
      const killer = client.submit("killItsWorker");
      const after = client.map("add", numbers, numbers);

      const error = await killer.exception();
      expect(error).toBeInstanceOf(WorkerLostError);
      const { message } = error as Error;
      expect(message).toContain(
        '"killItsWorker" was executing when each of these went down: one (',
      );
      expect(message.match(/one \(its process \(\d+\) ended\)/g)).toHaveLength(3);
      // It was perhaps not known to be the cause the first time.
      expect(worker.deaths).toBeGreaterThanOrEqual(3);
      expect(worker.deaths).toBeLessThanOrEqual(4);

      const sums = numbers.map((number) => 2 * number);
      expect(await client.gather(before)).toEqual(sums);
      expect(await client.gather(after)).toEqual(sums);
      for (const each of [...before, ...after]) {
        expect((await client.explain(each)).losses).toEqual([]);
      }
      expect(await client.submit("add", 1, 10).result()).toBe(11);
    },
    patientMs,
  );
});

describe("tasks beside one that takes its worker or its thread down", () => {
  test.each(kinds)(
    "on a shared thread run apart from it, and do not fail, with %s",
    async (kind) => {
      const client = await startCluster<Tasks>(kind, { modules: [tasks], concurrency: 6 });
      const innocent = client.map("waitFor", [600, 600, 600, 600, 600]);
      const guilty = client.submit("throwFromItsTimer");
      const error = await guilty.exception();
      expect(error).toBeInstanceOf(WorkerLostError);
      expect((error as Error).message.match(/from a stray timer/g)).toHaveLength(3);
      await client.gather(innocent);
      for (const each of innocent) expect((await client.explain(each)).losses).toEqual([]);
    },
    patientMs,
  );

  test(
    "on a worker with several threads do not fail, in a cluster of its own and with daemons",
    async () => {
      const scheduler = await startScheduler();
      await startWorker(scheduler, { name: "one", threads: 4, isSupervised: true });
      const daemons = await connect<Tasks>(scheduler);
      const local = await Client.local<Tasks>({ modules: [tasks], threads: 4 });
      addCleanUp(() => local.close());
      for (const client of [daemons, local]) {
        const innocent = client.map("waitFor", [400, 400, 400]);
        const guilty = client.with({ maxWorkerLosses: 2 }).submit("killSoon", 200);
        expect(await guilty.exception()).toBeInstanceOf(WorkerLostError);
        await client.gather(innocent);
        for (const each of innocent) expect((await client.explain(each)).losses).toEqual([]);
      }
    },
    2 * patientMs,
  );

  test(
    "on a worker of the program that stood still lose nothing and are not blamed",
    async () => {
      const client = await startCluster<Tasks>("Client.local", { modules: [tasks], threads: 2 });
      const [worker] = await client.workers();
      const running = client.map("waitFor", [500, 800]);
      await expect.poll(async () => (await client.explain(running[1]!)).why).toMatch(/executing/);
      process.kill(worker!.pid, "SIGSTOP");
      await sleep(2_000);
      process.kill(worker!.pid, "SIGCONT");
      expect(await client.gather(running)).toEqual([1, 1]);
      for (const each of running) expect((await client.explain(each)).losses).toEqual([]);
    },
    patientMs,
  );

  test(
    "on a worker that stood still lose nothing and are not blamed",
    async () => {
      const scheduler = await startScheduler({ heartbeatMs: 500 });
      const worker = await startWorker(scheduler, { name: "one", threads: 2 });
      const client = await connect<Tasks>(scheduler);
      for (const stillMs of [200, 3_000]) {
        const running = client.map("waitFor", [500, 800]);
        await expect.poll(async () => (await client.explain(running[1]!)).why).toMatch(/executing/);
        process.kill(worker.pid, "SIGSTOP");
        await sleep(stillMs);
        process.kill(worker.pid, "SIGCONT");
        expect(await client.gather(running)).toEqual([1, 1]);
        for (const each of running) expect((await client.explain(each)).losses).toEqual([]);
      }
    },
    patientMs,
  );
});

test(
  "a task that was sent ahead and taken back is at its first attempt; one that a drain stopped says so",
  async () => {
    const scheduler = await startScheduler();
    const one = await startWorker(scheduler, { name: "one", more: ["--drain-timeout", "1s"] });
    const client = await connect<Tasks>(scheduler);
    const long = client.submit("waitFor", 20_000);
    await expect.poll(async () => (await client.explain(long)).why).toMatch(/executing/);
    const ahead = client.submit("waitFor", 1);
    await startWorker(scheduler, { name: "two" });
    expect(await ahead.result()).toBe(1);
    process.kill(one.pid, "SIGTERM");
    await one.ended;
    await expect.poll(async () => (await client.explain(long)).worker).toBe("two");
    const { history, attempt } = await client.explain(long);
    expect(attempt).toBe(2);
    expect(history.map(({ why }) => why).join()).toContain("stopped while it ran");
    expect(history.map(({ why }) => why).join()).not.toContain("unstarted");
  },
  patientMs,
);

/** A worker that is started again whenever it ends, until the test is over. */
async function supervised(scheduler: Scheduler, name: string): Promise<{ deaths: number }> {
  const counted = { deaths: 0 };
  const watch = (worker: Program) => {
    void worker.ended.then(async () => {
      counted.deaths += 1;
      if (!scheduler.program.isRunning) return;
      // The test may end while it starts.
      const next = await startWorker(scheduler, { name }).catch(() => undefined);
      if (next) watch(next);
    });
  };
  watch(await startWorker(scheduler, { name }));
  return counted;
}
