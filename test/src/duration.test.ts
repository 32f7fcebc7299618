// Durations as text: read, refused and written.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeDuration, formatDuration, parseDuration } from "../../src/duration.ts";

describe("parseDuration", () => {
  test.each([
    ["500ms", 500],
    ["10s", 10_000],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["1h30m", 5_400_000],
    ["1m0s500ms", 60_500],
    ["1.5s", 1_500],
    ["1d12h", 129_600_000],
    [" 10s ", 10_000],
    ["0", 0],
    ["0ms", 0],
  ])("reads %s as %d milliseconds", (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  test.each(["", "10", "s", "10 s", "-5s", "5w", "10sec", "1e3ms", "5s,", "infinity", ".5s"])(
    "refuses %j, and says what is expected",
    (text) => {
      expect(() => parseDuration(text)).toThrow(
        `"${text}" is not a duration: expected a number and a unit`,
      );
    },
  );

  test("refuses a duration that a number cannot hold exactly", () => {
    expect(() => parseDuration("9999999999999h")).toThrow("too long");
  });

  test("reads back whatever formatDuration writes", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (milliseconds) => {
        expect(parseDuration(formatDuration(milliseconds))).toBe(milliseconds);
      }),
    );
  });
});

test.each([
  [0, "0ms"],
  [1, "1ms"],
  [1_500, "1s500ms"],
  [60_000, "1m"],
  [5_400_000, "1h30m"],
  [90_061_001, "25h1m1s1ms"],
])("formatDuration writes %d as %s", (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text);
});

test.each([
  [5, "5 ms"],
  [300, "0.3 s"],
  [30_000, "30 s"],
  [60_000, "1 minute"],
  [5_400_000, "1.5 hours"],
  [59 * 86_400_000, "59 days"],
])("%i ms are %s in a sentence", (milliseconds, text) => {
  expect(describeDuration(milliseconds)).toBe(text);
});
