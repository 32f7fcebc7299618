// Limits and atMostOnce on real processes, with a journal and a scheduler that is killed.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { WorkerLostError } from "../../src/index.ts";
import { DurableScheduler } from "./durable-scheduler.ts";
import { cleanUp, patientMs } from "./daemons.ts";

type Tasks = typeof import("./fixtures/limited-tasks.ts");
const module = path.join(import.meta.dirname, "fixtures", "limited-tasks.ts");

afterEach(cleanUp, patientMs);

const newStage = () => new DurableScheduler<Tasks>([module]);

test(
  "of two functions of two clients that share a limit no more run than may, across a restart too",
  async () => {
    const stage = newStage();
    await stage.start();
    await Promise.all([
      stage.worker("w1", ["--threads", "2"]),
      stage.worker("w2", ["--threads", "2"]),
    ]);
    const limit = { maxRunning: 2, limitName: "file" };
    const [one, other] = [await stage.connect(), await stage.connect()];
    const running = path.join(stage.folder, "running");
    mkdirSync(running);
    const times = Array.from({ length: 12 }, () => 40);
    const folders = times.map(() => running);
    const futures = [
      ...one.with(limit).map("reads", folders, times),
      ...other.with(limit).map("writes", folders, times),
    ];
    await futures[0]!.result();
    await stage.restart();
    const seen = await Promise.all(futures.map((future) => future.result()));
    expect(Math.max(...seen)).toBe(2);
  },
  patientMs,
);

test(
  "no more start in any time than may",
  async () => {
    const stage = newStage();
    await stage.start();
    await Promise.all([
      stage.worker("w1", ["--threads", "2"]),
      stage.worker("w2", ["--threads", "2"]),
    ]);
    const client = await stage.connect();
    const limited = client.with({ rateLimit: { count: 3, perMs: 400 } });
    const running = path.join(stage.folder, "running");
    mkdirSync(running);
    const began = Date.now();
    const futures = Array.from({ length: 9 }, () => limited.submit("reads", running, 1));
    await client.gather(futures.slice(0, 3));
    expect((await client.explain(futures[8]!)).why).toContain('its limit "reads": 3 started');
    await client.gather(futures);
    expect(Date.now() - began).toBeGreaterThanOrEqual(800 - 5);
  },
  patientMs,
);

test(
  "with atMostOnce a task of a killed worker fails, also after the scheduler was killed, and never begins again",
  async () => {
    const stage = newStage();
    await stage.start();
    const worker = await stage.worker("w1", ["--threads", "2"]);
    const client = await stage.connect();
    const trace = path.join(stage.folder, "trace");
    const gate = path.join(stage.folder, "gate");
    const once = client.with({ atMostOnce: true }).submit("leavesLine", trace, gate);
    while (!existsSync(trace)) await sleep(10);
    await stage.restart();
    await stage.worker("w2", ["--threads", "2"]);
    await worker.end("SIGKILL");
    await expect(once.result({ timeoutMs: patientMs })).rejects.toThrow(WorkerLostError);
    await expect(once.result()).rejects.toThrow(
      /"leavesLine" may have run on worker w1, and atMostOnce/,
    );
    // Another one runs there, so that the first would have begun by now.
    const other = client.submit("reads", stage.folder, 1);
    await other.result();
    expect(readFileSync(trace, "utf8")).toBe("begun\n");
  },
  patientMs,
);
