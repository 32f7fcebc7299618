// A worker is killed with what it holds, and the answer is right all the same.

import { expect, test } from "vitest";
import { runExample } from "./run-example.ts";

test("what is lost with a worker is made again", { timeout: 120_000 }, async () => {
  const { code, stdout, stderr } = await runExample("recovery/main.ts");
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^killed local-[01]$/m);
  expect(stdout).toContain("totals 17179869184 17180393472 17180917760 17181442048");
  expect(stdout).toContain("and all is there again: it finished;");
});
