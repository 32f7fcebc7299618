// Tasks that take their thread or their whole worker down: they are tried again so many times and no
// more, the error says where and how they died, and whoever was near them comes to no harm.

import { afterEach, describe, expect, test } from "vitest";
import { WorkerLostError } from "../../src/index.ts";
import { tested } from "../isolation.ts";
import type { Program } from "../processes.ts";
import { behaviours, cleanUp, connect, patientMs, startScheduler } from "./daemons.ts";
import { startWorker, tasks, type Scheduler } from "./daemons.ts";

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

/** A worker that is started again whenever it ends, until the test is over. */
async function supervised(scheduler: Scheduler, name: string): Promise<{ deaths: number }> {
  const counted = { deaths: 0 };
  const watch = (worker: Program) => {
    void worker.ended.then(async () => {
      counted.deaths += 1;
      if (scheduler.program.isRunning) watch(await startWorker(scheduler, { name }));
    });
  };
  watch(await startWorker(scheduler, { name }));
  return counted;
}
