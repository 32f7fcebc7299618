// The rate limit for log lines that outsiders can cause.

import { afterEach, beforeEach, expect, test, vi } from "vitest";

// Our timers are taken when our modules load: so the fake ones have to be there by then.
let rateLimited: (typeof import("../../src/rate-limit.ts"))["rateLimited"];
beforeEach(async () => {
  vi.useFakeTimers();
  vi.resetModules();
  ({ rateLimited } = await import("../../src/rate-limit.ts"));
});
afterEach(() => void vi.useRealTimers());

test("twenty lines a minute are written, and at its end one says how many were left out", () => {
  const written: string[] = [];
  const { say } = rateLimited((text) => void written.push(text), { what: "refusals" });
  for (let count = 0; count < 3_000; count += 1) say(`turned away ${count}`);
  expect(written).toHaveLength(20);
  vi.advanceTimersByTime(60_000);
  say("turned away again");
  vi.advanceTimersByTime(600_000);
  say("and again");
  expect(written.slice(20)).toEqual([
    "2,980 more refusals were left out",
    "turned away again",
    "and again",
  ]);
});

test("the rest is counted at the end of a log too", () => {
  const written: string[] = [];
  const limit = rateLimited((text) => void written.push(text), {
    what: "refusals",
    linesPerMinute: 1,
  });
  for (let count = 0; count < 3; count += 1) limit.say("turned away");
  limit.flush();
  limit.flush();
  expect(written).toEqual(["turned away", "2 more refusals were left out"]);
});
