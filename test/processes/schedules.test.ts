// Schedules on real processes: the client that made them has gone, and the scheduler is killed again and again.

import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { cleanUp, patientMs } from "./daemons.ts";
import { DurableScheduler } from "./durable-scheduler.ts";

type Tasks = typeof import("./fixtures/schedule-tasks.ts");

const module = path.join(import.meta.dirname, "fixtures", "schedule-tasks.ts");

afterEach(cleanUp, patientMs);

test(
  "each moment has one task while the scheduler is killed again and again, and is not left out",
  async () => {
    const scheduler = new DurableScheduler<Tasks>([module]);
    const trace = path.join(scheduler.folder, "trace");
    await scheduler.start();
    const worker = await scheduler.worker("w1", ["--threads", "2"]);
    const maker = await scheduler.connect();
    const value = await maker.scatter(7);
    const cron = { cron: "* * * * * *", overlap: "allow" } as const;
    const { nextAt } = await maker.schedule("second", cron, "note", trace, value);
    await maker.schedule("beat", { everyMs: 200, overlap: "allow" }, "note", trace, 8);
    await maker.close();

    for (let kills = 0; kills < 4; kills += 1) {
      await sleep(700 * (kills + 1));
      await scheduler.program.end("SIGKILL");
      await sleep(kills === 2 ? 2_500 : 0);
      await scheduler.start();
    }
    const client = await scheduler.connect();
    const runs = async (name: string) =>
      (await client.schedules()).find((each) => each.name === name)!.runs;
    while ((await runs("second")) < 10 || (await runs("beat")) < 50) await sleep(50);
    const schedules = await client.schedules();
    for (const { name } of schedules) await client.unschedule(name);
    while ((await client.info()).tasks.running > 0) await sleep(20);

    const lines = readFileSync(trace, "utf8").trim().split("\n");
    expect(new Set(lines).size).toBe(lines.length);
    const momentsOf = (name: string, value: number) =>
      lines
        .filter((line) => line.startsWith(`${name}@`) && line.endsWith(` ${value}`))
        .map((line) => Date.parse(line.slice(name.length + 1, line.lastIndexOf(" "))))
        .sort((a, b) => a - b);
    const [seconds, beats] = [momentsOf("second", 7), momentsOf("beat", 8)];
    expect(seconds.length + beats.length).toBe(lines.length);
    expect(seconds[0]).toBe(nextAt);
    expect(seconds).toEqual(seconds.map((_, index) => nextAt! + 1_000 * index));
    expect(beats).toEqual(beats.map((_, index) => beats[0]! + 200 * index));
    expect(schedules.map(({ skipped }) => skipped)).toEqual([0, 0]);
    expect(worker.isRunning).toBe(true);
  },
  3 * patientMs,
);
