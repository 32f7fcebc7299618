// A task that never ends and never yields: nothing but its own thread is held up, and that thread is
// gone soon after somebody says so.

import { readFileSync } from "node:fs";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { thence } from "../processes.ts";
import { cleanUp, connect, patientMs, startScheduler, startWorker } from "./daemons.ts";

type Tasks = typeof import("./fixtures/tasks.ts");

const heartbeatMs = 200;

afterEach(cleanUp, patientMs);

test(
  "a task that spins leaves heartbeats and status alive, and is gone within 3 s of its cancellation",
  async () => {
    const scheduler = await startScheduler({ heartbeatMs });
    const worker = await startWorker(scheduler, { name: "one" });
    const client = await connect<Tasks>(scheduler);
    const file = path.join(scheduler.folder, "spinning");
    const turn = () => {
      try {
        return readFileSync(file, "utf8");
      } catch {
        return "";
      }
    };
    const spinning = client.submit("spinWriting", file);
    const next = client.submit("add", 1, 10);
    await expect.poll(turn, { timeout: patientMs, interval: 10 }).not.toBe("");

    // A worker that is silent for three beats has lost its link: so look for longer than that.
    const spunFrom = performance.now();
    do {
      const status = await thence(["status", "--json", "--scheduler-file", scheduler.file]).ended;
      expect(status).toMatchObject({ how: 0, stderr: "" });
      const facts = JSON.parse(status.stdout);
      expect(facts.tasks.running).toBeGreaterThanOrEqual(1);
      expect(facts.workers).toMatchObject([{ name: "one", status: "up", finished: 0 }]);
    } while (performance.now() - spunFrom < 6 * heartbeatMs);
    expect(worker.stderr).not.toContain("the link to the scheduler is down");
    expect(scheduler.program.stderr).not.toContain("dropped");
    expect(next.done).toBe(false);
    const before = turn();
    await expect.poll(turn).not.toBe(before);

    spinning.cancel("enough");
    const cancelledAt = performance.now();
    expect(spinning.status).toBe("cancelled");
    // The thread was the only one: that the next task ran on the worker says that it is gone.
    expect(await next.result({ timeoutMs: patientMs })).toBe(11);
    const tookMs = performance.now() - cancelledAt;
    const after = turn();
    expect(tookMs).toBeLessThan(3_000);
    await expect(spinning.result()).rejects.toThrow("enough");
    expect(await client.submit("add", 2, 2).result()).toBe(4);
    expect(turn()).toBe(after);
    expect(await client.workers()).toMatchObject([{ name: "one", pid: worker.pid, tasks: 0 }]);
  },
  patientMs,
);
