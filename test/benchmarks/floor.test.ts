// The floor goes up, takes calls and comes down: what every ratio of the benchmarks rests on.

import { describe, expect, onTestFinished, test } from "vitest";
import { startFloor } from "../../benchmarks/floor/system.ts";
import { Processes } from "../../benchmarks/runner/processes.ts";

describe("the floor", () => {
  test.each([{ thread: false }, { thread: true }])(
    "takes calls to the worker and back, $thread",
    async (options) => {
      const processes = new Processes();
      onTestFinished(() => processes.end());
      const floor = await startFloor(processes, options);
      expect((await floor.sample("window", 2_500)).tasks).toBe(2_500);
      expect((await floor.sample("burst", 2_500)).tasks).toBe(2_500);
      expect((await floor.sample("round-trip", 5)).latenciesMs).toHaveLength(5);
    },
  );

  test("leaves no process behind", async () => {
    const processes = new Processes();
    const { pids } = await startFloor(processes, { thread: false });
    await processes.end();
    for (const pid of Object.values(pids ?? {})) expect(() => process.kill(pid, 0)).toThrow();
  });

  test("a process that ends says how to whoever is waiting for it", async () => {
    const processes = new Processes();
    const worker = processes.start("benchmarks/floor/worker.ts", ["ws://127.0.0.1:1"], {
      channel: true,
    });
    await expect(worker.ask("ready")).rejects.toThrow("ECONNREFUSED");
    await processes.end();
  });
});
