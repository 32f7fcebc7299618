// How many jobs are on their way at once.

import { expect, test } from "vitest";
import { GrowingWindow } from "../../../../cli/map/jobs/window.ts";

/** Ends jobs that take so long each, on the virtual clock. */
function endJobs(window: GrowingWindow, count: number, tick: (ms: number) => void, ms: number) {
  for (let i = 0; i < count; i++) {
    tick(ms);
    window.jobEnded();
  }
}

test("short calls are sent ahead, as many as end in a fifth of a second", () => {
  let now = 0;
  const window = new GrowingWindow(
    () => 2,
    () => now,
  );
  expect(window.size).toBe(2);
  endJobs(window, 50_000, (ms) => (now += ms), 0.02);
  expect(window.size).toBeGreaterThan(2_000);
  expect(window.size).toBeLessThanOrEqual(4_096);
});

test("long calls are not sent ahead, and a window that grew shrinks when they come", () => {
  let now = 0;
  const window = new GrowingWindow(
    () => 4,
    () => now,
  );
  const tick = (ms: number) => (now += ms);
  endJobs(window, 20, tick, 100);
  expect(window.size).toBe(4);
  endJobs(window, 10_000, tick, 0.1);
  const grown = window.size;
  expect(grown).toBeGreaterThan(500);
  endJobs(window, 4 * grown, tick, 100);
  expect(window.size).toBe(4);
});
