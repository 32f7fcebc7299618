// The watch over the clock of the machine for tasks with `startAt`.

import { afterEach, beforeEach, expect, test, vi } from "vitest";

let WallWatch: typeof import("../../scheduler/wall-watch.ts").WallWatch;
let Story: typeof import("./core/story.ts").Story;

beforeEach(async () => {
  vi.useFakeTimers({ now: 10_000 });
  vi.resetModules();
  ({ WallWatch } = await import("../../scheduler/wall-watch.ts"));
  ({ Story } = await import("./core/story.ts"));
});
afterEach(() => void vi.useRealTimers());

function stage() {
  const story = new Story();
  story.at(Date.now());
  const clock = { aheadMs: 0, looks: 0 };
  const told: number[] = [];
  const watch = new WallWatch({
    state: story.state,
    now: () => Date.now(),
    clock() {
      clock.looks++;
      return Date.now() + clock.aheadMs;
    },
    tell(at) {
      told.push(at);
      story.now = Date.now();
      story.handle({ type: "wall-clock", at });
    },
  });
  const submit = (key: string, startAt: number) => {
    story.client(`client of ${key}`).submit("f", [key], { startAt });
    watch.consider();
  };
  return { story, clock, told, watch, submit };
}

test("looks only while a task waits for a moment, and tells only when the clock was set", async () => {
  const { story, clock, told, watch, submit } = stage();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(clock.looks).toBe(0);
  submit("far", 100_000);
  await vi.advanceTimersByTimeAsync(5_000);
  expect([clock.looks, told]).toEqual([6, []]);

  clock.aheadMs = 40_000;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told).toEqual([66_000]);
  expect(story.nextWakeUp).toBe(60_000);
  await vi.advanceTimersByTimeAsync(34_000);
  story.at(60_000);
  watch.consider();
  await vi.advanceTimersByTimeAsync(2_000);
  const { looks } = clock;
  await vi.advanceTimersByTimeAsync(10_000);
  expect([clock.looks, vi.getTimerCount(), told]).toEqual([looks, 0, [66_000]]);
});

test("a clock that is ahead from the start is told with the first task", () => {
  const { story, clock, told, submit } = stage();
  clock.aheadMs = 90_000;
  submit("due", 99_000);
  expect(told).toEqual([100_000]);
  expect(story.state.counts.ready).toBe(1);
});
