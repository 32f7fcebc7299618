// The default limit for results and inputs: a share of what is left beside Node itself.

import { expect, test } from "vitest";
import { defaultMemoryBytes, garbageBytes } from "../../../worker/results/memory-limit.ts";

const mebibyte = 2 ** 20;
const inMebibytes = (bytes: number) => Math.floor(bytes / mebibyte);

test.each<[memory: number, threads: number, limit: number]>([
  [100_000, 1, 59_931],
  [1_400, 1, 771],
  [500, 1, 231],
  [500, 16, 75],
])("of %i MiB, with %i threads, it is %i MiB", (memory, threads, limit) => {
  expect(inMebibytes(defaultMemoryBytes(threads, memory * mebibyte))).toBe(limit);
});

test("with Node, a result in two copies and what is not collected yet it is within the memory", () => {
  for (const memory of [500, 1_000, 4_000]) {
    const limit = inMebibytes(defaultMemoryBytes(1, memory * mebibyte));
    const garbage = inMebibytes(2 * garbageBytes(limit * mebibyte, 1));
    expect(limit + garbage + 90 + 25 + 2 * 40).toBeLessThanOrEqual(memory);
  }
});
