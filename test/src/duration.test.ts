// Durations as text: read, refused and written.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { durationText, formatDuration, parseDuration } from "../../src/duration.ts";

describe("parseDuration", () => {
  test.each([
    ["500ms", 500],
    ["10s", 10_000],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["1h30m", 5_400_000],
    ["1m0s500ms", 60_500],
    ["1.5s", 1_500],
    [" 10s ", 10_000],
    ["0", 0],
    ["0ms", 0],
  ])("reads %s as %d milliseconds", (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  test.each(["", "10", "s", "10 s", "-5s", "5d", "10sec", "1e3ms", "5s,", "infinity", ".5s"])(
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
  [1, "1 ms"],
  [9_999, "9999 ms"],
  [10_000, "10 s"],
  [90_000, "90 s"],
  [600_000, "10 min"],
  [5_400_000, "90 min"],
  [36_000_000, "10 h"],
  [5_097_600_000, "59 days"],
])("%i milliseconds are %s in a message", (ms, text) => {
  expect(durationText(ms)).toBe(text);
});
