// The area by tasks that submit tasks agrees with a plain loop, on one thread as on several.

import { expect, test } from "vitest";
import { runExample } from "./run-example.ts";

test.each([1, 2])("finds the area on %i threads", { timeout: 120_000 }, async (threads) => {
  const { code, stdout, stderr } = await runExample("quadrature/main.ts", `${threads}`);
  expect(code, stderr).toBe(0);
  const [, value, tasks] =
    /^(\d\.\d+), by (\d+) tasks on \d threads\na plain loop says the same\n$/.exec(stdout) ?? [];
  expect(Number(value)).toBeCloseTo(0.504066, 5);
  expect(Number(tasks)).toBeGreaterThan(50);
});
