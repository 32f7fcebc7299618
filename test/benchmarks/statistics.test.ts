// The statistics that the benchmarks report, on numbers small enough to check by hand.

import { describe, expect, test } from "vitest";
import { median, percentile, spread } from "../../benchmarks/runner/statistics.ts";

describe("statistics of the benchmarks", () => {
  test("a percentile is one of the values, reached by at least that part of them", () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(percentile(values, 0.5)).toBe(50);
    expect(percentile(values, 0.99)).toBe(99);
    expect(percentile(values, 1)).toBe(100);
    expect(percentile([7], 0.99)).toBe(7);
  });

  test("a median lies in the middle, also between two values", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  test("a spread leaves its values in their order", () => {
    const values = [5, 1, 9];
    expect(spread(values)).toEqual({ median: 5, min: 1, max: 9 });
    expect(values).toEqual([5, 1, 9]);
  });

  test("nothing has no median and no percentile", () => {
    expect(() => median([])).toThrow("nothing");
    expect(() => percentile([], 0.5)).toThrow("nothing");
  });
});
