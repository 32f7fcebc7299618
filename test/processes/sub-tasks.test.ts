// Tasks that submit tasks, on real workers: deep and wide on few threads, cancelled, and with their
// workers killed.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { TaskCancelledError, TaskError, type SerializationError } from "../../src/index.ts";
import { cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";
import { kinds, startCluster } from "./kinds.ts";
import { openGate } from "./fixtures/traces.ts";

type Tasks = typeof import("./fixtures/sub-tasks.ts");
const modules = [path.join(import.meta.dirname, "fixtures", "sub-tasks.ts")];

afterEach(cleanUp, patientMs);

async function stage(workers: { name: string; threads?: number; resources?: string }[]) {
  const scheduler = await startScheduler();
  const programs = await Promise.all(
    workers.map((worker) => startWorker(scheduler, { ...worker, modules })),
  );
  const client = await connect<Tasks>(scheduler);
  const file = path.join(scheduler.folder, "said");
  const said = () => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []);
  return { scheduler, programs, client, file, said };
}

describe("a value that a task scatters", () => {
  test.each(kinds)(
    "is there for its sub-tasks: in the scheduler, on its own worker or on another, with %s",
    async (kind) => {
      const client = await startCluster<Tasks>(kind, { modules, workers: 2 });
      const [one, two] = (await client.workers()).map(({ name }) => name);
      const onOne = client.with({ workers: [one!] });
      expect(await onOne.submit("scatterForSubTasks", 10).result()).toEqual({
        holders: ["scheduler"],
        sums: [20, 20],
        own: 10,
      });
      const large = 100_000;
      const rest = { sums: [2 * large, 2 * large], own: large };
      const own = await onOne.submit("scatterForSubTasks", large).result();
      expect(own).toMatchObject({ holders: [one], ...rest });
      const other = await onOne.submit("scatterForSubTasks", large, [two!]).result();
      expect(other).toMatchObject({ holders: [two], ...rest });
      // They go with the task.
      const held = async () => (await client.workers()).map((each) => each.held.results);
      await expect.poll(held).toEqual([0, 0]);
    },
    patientMs,
  );
});

describe("on one thread", () => {
  test(
    "a recursion runs however deep, with errors, values and futures as anywhere",
    async () => {
      const { client } = await stage([{ name: "one" }]);
      expect(await client.submit("fib", 10).result()).toBe(55);
      expect(await client.submit("deep", 500).result()).toBe(500);
      const values = new Float64Array([1, 2, 3]);
      expect(await client.submit("twice", values).result()).toEqual(values.map((each) => each * 2));
      expect(await client.submit("catchSubTask").result()).toEqual([
        "TaskError",
        "RangeError",
        "too far",
      ]);

      const passed = (await client.submit("passOn").exception()) as TaskError;
      expect(passed).toBeInstanceOf(TaskError);
      expect(passed.cause).toBeInstanceOf(TaskError);
      expect((passed.cause as TaskError).cause).toBeInstanceOf(RangeError);
      const refused = (await client.submit("returnFuture").exception()) as SerializationError;
      expect([refused.code, refused.message]).toEqual([
        "not-serializable",
        expect.stringMatching(/^Return its value, not the future: "square-/),
      ]);
      const { tasks } = await client.info();
      expect({ ...tasks, finished: 0, failed: 0 }).toEqual({
        waiting: 0,
        ready: 0,
        running: 0,
        finished: 0,
        failed: 0,
        cancelled: 0,
        released: 0,
      });
    },
    patientMs,
  );

  test(
    "a task that does not wait has its sub-tasks let go, but for those it fires and forgets",
    async () => {
      const { client, file, said } = await stage([{ name: "one" }]);
      expect(await client.submit("fireAndReturn", file).result()).toBe(1);
      await expect.poll(said, { timeout: patientMs }).toHaveLength(1);
      await expect
        .poll(async () => (await client.info()).tasks, { timeout: patientMs })
        .toMatchObject({ ready: 0, running: 0 });
      expect(said()).toHaveLength(1);
    },
    patientMs,
  );

  test(
    "tasks that hold a resource wait for tasks that need the same",
    async () => {
      const { client } = await stage([{ name: "one", resources: "gpu=1" }]);
      const holding = client.with({ resources: { gpu: 1 } });
      const futures = holding.map("nestedHolding", [5, 5, 5]);
      expect(await client.gather(futures)).toEqual([5, 5, 5]);
      expect((await client.workers())[0]!.resources).toEqual({ gpu: { total: 1, used: 0 } });
    },
    patientMs,
  );
});

test(
  "a thousand tasks with ten sub-tasks each end on two threads",
  async () => {
    const { client } = await stage([{ name: "one", threads: 2 }]);
    const counts = Array.from({ length: 1_000 }, () => 10);
    const sums = await client.gather(client.map("sumOfSquares", counts));
    expect(sums).toEqual(counts.map(() => 285));
    expect((await client.info()).totals).toMatchObject({ submitted: 11_000, failed: 0 });
  },
  patientMs,
);

test(
  "cancelling a task ends what it waits for, and no thread is lost over it",
  async () => {
    const { client, programs, file, said } = await stage([{ name: "one", threads: 2 }]);
    const parent = client.submit("waitForSlow", file, 4);
    await expect.poll(said, { timeout: patientMs }).toHaveLength(2);
    expect((await client.explain(parent)).why).toMatch(/^attempt 1 waits for its sub-tasks, /);

    parent.cancel("enough");
    await expect(parent.result()).rejects.toThrow(TaskCancelledError);
    await expect
      .poll(async () => (await client.info()).tasks, { timeout: patientMs })
      .toMatchObject({ ready: 0, running: 0 });
    await expect
      .poll(() => said().filter((line) => line.startsWith("told")), { timeout: patientMs })
      .toHaveLength(2);
    expect(said().filter((line) => line.startsWith("begun"))).toHaveLength(2);
    await expect
      .poll(async () => (await client.workers())[0]!.tasks, { timeout: patientMs })
      .toBe(0);
    expect(programs[0]!.stderr).not.toContain("its thread is replaced");
  },
  patientMs,
);

test(
  "kill -9 of the worker of a task that waits: it runs again elsewhere, with sub-tasks of its own",
  async () => {
    const { scheduler, client, programs } = await stage([{ name: "one" }]);
    const { folder } = scheduler;
    const future = client.submit("waitForGates", folder, 3);
    const why = async () => (await client.explain(future)).why;
    await expect
      .poll(why, { timeout: patientMs })
      .toMatch(/waits for its sub-tasks, .* worker one/);
    await startWorker(scheduler, { name: "two", modules });
    expect((await programs[0]!.end("SIGKILL")).how).toBe("SIGKILL");
    await expect
      .poll(why, { timeout: patientMs })
      .toMatch(/waits for its sub-tasks, .* worker two/);
    openGate(folder);
    expect(await future.result()).toEqual([2, 2, 2]);
    expect((await client.info()).totals).toMatchObject({ submitted: 7, finished: 4, failed: 0 });
  },
  patientMs,
);
