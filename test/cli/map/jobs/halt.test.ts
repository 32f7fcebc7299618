// When --halt stops a run, and with which exit status.

import { describe, expect, test } from "vitest";
import { exitStatus } from "../../../../cli/map/jobs/exit-status.ts";
import { HaltRule } from "../../../../cli/map/jobs/halt.ts";
import { readHalt } from "../../../../cli/map/command-line/option-values.ts";
import type { Ending } from "../../../../cli/map/jobs/work.ts";

const ending = (exitCode: number, signal = 0): Ending => ({
  exitCode,
  signal,
  startedAt: 0,
  ranMs: 1,
  host: ":",
  sentBytes: 0,
});

/** Tells the rule of jobs with these exit codes, until it halts; the exit status of the run. */
function run(text: string, exitCodes: readonly number[], total = exitCodes.length) {
  const rule = new HaltRule(readHalt(text), () => total);
  let failed = 0;
  let ended = 0;
  let halted: string | undefined;
  for (const exitCode of exitCodes) {
    ended++;
    if (exitCode !== 0) failed++;
    halted = rule.jobEnded(ending(exitCode), { ended, failed });
    if (halted) break;
  }
  const status = exitStatus({ started: ended, failed, interrupted: false }, rule);
  return { halted, ended, status };
}

describe("when a run halts, and with which status, as GNU Parallel does", () => {
  test.each([
    ["never", [1, 2, 0], undefined, 3, 2],
    ["now,fail=1", [0, 7, 0], "now", 2, 7],
    ["soon,fail=1", [0, 7, 0], "soon", 2, 7],
    ["now,fail=2", [1, 0, 2, 0], "now", 3, 2],
    ["soon,fail=50%", [1, 0, 2, 0], "soon", 3, 50],
    ["now,success=1", [1, 1, 0, 1], "now", 3, 0],
    ["now,success=1", [1, 1, 1], undefined, 3, 3],
    ["soon,done=2", [1, 0, 2], "soon", 2, 1],
    ["now,done=50%", [1, 0, 2, 0], "now", 2, 25],
    ["soon,fail=3", [1, 1], undefined, 2, 2],
    ["soon,fail=80%", [1, 0, 0], undefined, 3, 34],
  ] as const)("%s after %j: %s after %i jobs, status %i", (text, codes, halted, ended, status) => {
    expect(run(text, codes)).toEqual({ halted, ended, status });
  });

  test("the status of a job that a signal ended is that of a shell", () => {
    const rule = new HaltRule(readHalt("now,fail=1"), () => 0);
    expect(rule.jobEnded(ending(0, 9), { ended: 1, failed: 1 })).toBe("now");
    expect(rule.exitStatus).toBe(137);
  });

  test("more than 100 failed jobs are 101, and an interrupted run is 255", () => {
    const rule = new HaltRule(readHalt("never"), () => 0);
    expect(exitStatus({ started: 105, failed: 105, interrupted: false }, rule)).toBe(101);
    expect(exitStatus({ started: 1, failed: 0, interrupted: true }, rule)).toBe(255);
  });
});
