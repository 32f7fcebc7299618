// The watch over the clock of the machine: it tells of moments when they come by that clock, however it is
// set, and asks for nothing while there are no cron expressions.

import { afterEach, beforeEach, expect, test, vi } from "vitest";

/** Loaded after the fake timers, which `src/timers.ts` then takes. */
let CronWatch: typeof import("../../scheduler/cron-watch.ts").CronWatch;
let stages: typeof import("./core/schedules/stage.ts");

const day = Date.parse("2027-03-01T00:00:00Z");
const [second, minute, hour] = [1_000, 60_000, 3_600_000];

beforeEach(async () => {
  vi.useFakeTimers({ now: day });
  vi.resetModules();
  ({ CronWatch } = await import("../../scheduler/cron-watch.ts"));
  stages = await import("./core/schedules/stage.ts");
});
afterEach(() => void vi.useRealTimers());

/** A core and its watch, with a clock that is `off` by some time. */
async function stage() {
  const core = new stages.ScheduleStage();
  const clock = { offMs: 0, looks: 0 };
  const told: { at: number; due: number[] }[] = [];
  const watch = new CronWatch({
    state: core.story.state,
    clock() {
      clock.looks++;
      return Date.now() + clock.offMs;
    },
    tell(at, of, heard) {
      told.push(...of.flatMap(({ due }) => (due.length > 0 ? [{ at, due: [...due] }] : [])));
      core.story.now = Math.max(core.story.now, Date.now());
      core.story.handle({ type: "moments", at, of });
      heard();
      watch.consider();
    },
  });
  const make = async (name: string, options: object) => {
    const done = core.make(name, options);
    watch.consider();
    await vi.advanceTimersByTimeAsync(1);
    return done;
  };
  return { core, clock, told, watch, make };
}

test("tells of each moment when it comes, and waits without a timer when there is no cron", async () => {
  const { core, told, make, watch } = await stage();
  expect(vi.getTimerCount()).toBe(0);
  await make("beat", { everyMs: hour });
  expect(vi.getTimerCount()).toBe(0);
  await make("hourly", { cron: "0 * * * *" });
  expect(core.get("hourly").nextAt).toBe(day + hour);
  await vi.advanceTimersByTimeAsync(2 * hour);
  expect(told.map(({ due }) => due)).toEqual([[day + hour], [day + 2 * hour]]);
  for (const { at, due } of told) expect(at - due[0]!).toBeLessThan(5);
  core.unschedule("hourly");
  watch.consider();
  await vi.advanceTimersByTimeAsync(1);
  expect(vi.getTimerCount()).toBe(0);
});

test("a clock that is set forward is noticed within a minute", async () => {
  const { core, clock, told, make } = await stage();
  await make("hourly", { cron: "0 * * * *", overlap: "allow" });
  clock.offMs = 5 * hour - 30 * second;
  await vi.advanceTimersByTimeAsync(minute + 1);
  expect(told.flatMap(({ due }) => due)).toEqual([1, 2, 3, 4, 5].map((n) => day + n * hour));
  expect(core.get("hourly")).toMatchObject({ runs: 2, skipped: 3, nextAt: day + 6 * hour });
});

test("a clock that is set back makes no moment come twice", async () => {
  const { core, clock, told, make } = await stage();
  await make("hourly", { cron: "0 * * * *", overlap: "allow" });
  await vi.advanceTimersByTimeAsync(2 * hour);
  clock.offMs = -90 * minute;
  await vi.advanceTimersByTimeAsync(3 * hour);
  expect(told.flatMap(({ due }) => due)).toEqual([1, 2, 3].map((n) => day + n * hour));
  clock.offMs = -30 * 24 * hour;
  await vi.advanceTimersByTimeAsync(hour + minute);
  expect(told.flatMap(({ due }) => due).slice(3)).toEqual([day + (6 - 30 * 24) * hour]);
  expect(core.get("hourly").runs).toBe(4);
});

test("goes on where an earlier scheduler ended, with what was not answered and what was missed", async () => {
  const first = await stage();
  await first.make("hourly", { cron: "0 * * * *", overlap: "allow" });
  first.watch.stop();
  first.core.make("nightly", { cron: "0 3 * * *" });
  await vi.advanceTimersByTimeAsync(3 * hour + 5 * minute);
  expect(first.told).toEqual([]);

  const { state } = first.core.story;
  const told: number[][] = [];
  const watch = new CronWatch({
    state,
    tell(at, of, heard) {
      told.push(...of.map(({ due }) => [...due]));
      first.core.story.handle({ type: "moments", at, of });
      heard();
      watch.consider();
    },
  });
  await vi.advanceTimersByTimeAsync(1);
  // The one that waits for an answer comes first.
  expect(told).toEqual([[], [1, 2, 3].map((n) => day + n * hour)]);
  expect(first.core.get("hourly")).toMatchObject({ runs: 1, skipped: 2 });
  expect(first.core.get("nightly")).toMatchObject({ nextAt: day + 27 * hour });
});

test("does not tell again before it was heard", async () => {
  const core = new stages.ScheduleStage();
  const heard: (() => void)[] = [];
  const watch = new CronWatch({
    state: core.story.state,
    tell: (_at, _of, hear) => heard.push(hear),
  });
  core.make("hourly", { cron: "0 * * * *" });
  watch.consider();
  await vi.advanceTimersByTimeAsync(1);
  core.make("nightly", { cron: "0 3 * * *" });
  watch.consider();
  await vi.advanceTimersByTimeAsync(hour);
  expect(heard).toHaveLength(1);
  // What it said is of no schedule any more.
  core.unschedule("hourly");
  watch.consider();
  await vi.advanceTimersByTimeAsync(1);
  heard[0]!();
  await vi.advanceTimersByTimeAsync(1);
  expect(heard).toHaveLength(2);
});

test("near the time limit the moments wait for the next scheduler", async () => {
  const { core, clock, told, make, watch } = await stage();
  await make("hourly", { cron: "0 * * * *" });
  core.story.handle({ type: "time-limit", limit: "the time limit", leftMs: hour });
  watch.consider();
  await vi.advanceTimersByTimeAsync(2 * hour);
  expect(told).toEqual([]);
  expect(clock.looks).toBeLessThan(130);
  await make("nightly", { cron: "0 3 * * *" });
  expect(core.get("nightly").nextAt).toBe(day + 3 * hour);
});

test("with more moments than there is time for, each schedule has its turn", async () => {
  let ms = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (ms += 1));
  vi.resetModules();
  ({ CronWatch } = await import("../../scheduler/cron-watch.ts"));
  const { core, clock, told, make, watch } = await stage();
  for (let index = 0; index < 100; index++) await make(`s${index}`, { cron: "* * * * * *" });
  await vi.advanceTimersByTimeAsync(50);
  expect(told).toEqual([]);
  const runs = () => core.list().map((each) => each.runs + each.skipped);
  for (let turns = 0; turns < 10; turns++) {
    // In the time that some of them take, all are due again.
    clock.offMs += 1_500;
    core.story.state.schedules.revision++;
    watch.consider();
    await vi.advanceTimersToNextTimerAsync();
  }
  expect(Math.min(...runs())).toBeGreaterThan(0);
  vi.restoreAllMocks();
});
