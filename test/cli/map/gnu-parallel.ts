// GNU Parallel as the reference: runs the installed program, for tests that compare with it.

import { execFileSync } from "node:child_process";

/** Whether the program is there. Without it the tests that compare are skipped. */
export const hasParallel = (() => {
  try {
    return execFileSync("parallel", ["--version"], { encoding: "utf8" }).startsWith("GNU parallel");
  } catch {
    return false;
  }
})();

/** Runs `parallel` with arguments and input, and returns what it prints, whatever its exit code. */
export function parallel(args: readonly string[], input: string): string {
  return execFileSync("parallel", args, {
    encoding: "utf8",
    input,
    maxBuffer: 1 << 28,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], SHELL: "/bin/sh", LC_ALL: "C" },
  });
}

/** The commands of a dry run. Rows are given to the program without any escape. */
export function dryRun(
  options: readonly string[],
  words: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const input = rows.map((row) => `${row.join("\x01")}\0`).join("");
  const columns = rows.some((row) => row.length > 1) ? ["--colsep", "\x01", "--trim", "n"] : [];
  return parallel(["--dry-run", "-k", "-j1", "-0", ...columns, ...options, ...words], input);
}
