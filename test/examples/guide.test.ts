// The guide's job, as `npm run demo` does it: the real daemons, the answer last, nothing left behind.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { examples, runExample } from "./run-example.ts";

test("the demo prints the five sums and leaves no process", { timeout: 120_000 }, async () => {
  const { code, stdout, stderr } = await runExample("guide/demo.ts");
  expect(code, stderr).toBe(0);
  expect(stdout).toBe("11\n13\n15\n17\n19\n");
  expect(processesWith(path.join(examples, "guide", "tasks.ts"))).toEqual([]);
});

test("the job without a scheduler says in one line what to set", { timeout: 60_000 }, async () => {
  const { code, stdout, stderr } = await runExample("guide/main.ts");
  expect(code).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^Set THENCE_SCHEDULER_FILE .*\n$/);
});

/** The command lines of this machine's processes that name a file, where there is a /proc. */
function processesWith(file: string): string[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return "";
      }
    })
    .filter((line) => line.includes(file));
}
