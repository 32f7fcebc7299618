// A worker is killed in the middle of a large map: the caller only waits a little longer.

import { afterEach, expect, test } from "vitest";
import { cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";
import { openGate, ranOn, timesRun } from "./fixtures/traces.ts";

type Tasks = typeof import("./fixtures/tasks.ts");

afterEach(cleanUp, patientMs);

test(
  "kill -9 of one of two workers in the middle of a map of 20,000 tasks gives 20,000 right results",
  async () => {
    const scheduler = await startScheduler();
    const [one, two] = await Promise.all([
      startWorker(scheduler, { name: "one" }),
      startWorker(scheduler, { name: "two" }),
    ]);
    const client = await connect<Tasks>(scheduler);
    await client.waitForWorkers(2, { timeoutMs: patientMs });
    const { folder } = scheduler;
    const indexes = Array.from({ length: 20_000 }, (_, index) => index);
    const futures = client.map(
      "double",
      indexes.map(() => folder),
      indexes,
    );
    const settled = () => futures.filter(({ done }) => done).length;

    await expect.poll(settled, { timeout: patientMs, interval: 1 }).toBeGreaterThan(3_000);
    one.signal("SIGKILL");
    const doneBefore = indexes.filter((index) => futures[index]!.done);
    expect((await one.ended).how).toBe("SIGKILL");
    // The second half could not have begun: this was the middle.
    expect(settled()).toBeLessThanOrEqual(10_000);
    openGate(folder);

    expect(await client.gather(futures)).toEqual(indexes.map((index) => index * 2));
    const times = timesRun(folder);
    expect(times.size).toBe(20_000);
    expect(doneBefore.filter((index) => times.get(index) !== 1)).toEqual([]);
    expect(ranOn(folder, one.pid).length).toBeGreaterThan(0);
    expect(ranOn(folder, two.pid).length).toBeGreaterThan(10_000);
    expect(await client.workers()).toMatchObject([{ name: "two", status: "up" }]);
    expect(scheduler.program.stderr).toContain(
      `worker one was lost: its process (${one.pid}) ended`,
    );
  },
  patientMs,
);
