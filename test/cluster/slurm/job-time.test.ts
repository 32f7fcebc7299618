// What a process learns of the Slurm job that it runs in: the time left, its step, the steps that run.

import { describe, expect, test } from "vitest";
import { askJobTime, endMargin, jobTime, parseSlurmTime } from "../../../cluster/slurm/job-time.ts";
import { slurmJob, slurmStep } from "../../../cluster/slurm/step.ts";
import { runningSteps, tasksOfSteps } from "../../../cluster/slurm/steps.ts";

describe("the time left", () => {
  const never = () => Promise.reject(new Error("asked"));

  test("comes from the environment, where newer versions tell it", async () => {
    const job = { SLURM_JOB_ID: "12", SLURM_JOB_END_TIME: "1100" };
    expect(await jobTime(job, { now: 1_000_000, ask: never })).toEqual({
      job: "12",
      limitMs: undefined,
      leftMs: 100_000,
    });
    const over = await jobTime(job, { now: 2_000_000, ask: never });
    expect(over).toBeUndefined();
    const whole = { ...job, SLURM_JOB_START_TIME: "500" };
    expect(await jobTime(whole, { now: 1_000_000, ask: never })).toMatchObject({
      limitMs: 600_000,
    });
  });

  test("is asked for elsewhere, and unknown when Slurm does not answer or there is no limit", async () => {
    const asked: string[] = [];
    const answering = (text: string) => (command: string, args: readonly string[]) => {
      asked.push([command, ...args].join(" "));
      return Promise.resolve(text);
    };
    const job = { SLURM_JOB_ID: "12" };
    expect(await jobTime(job, { ask: answering("4:30 1:00:00\n") })).toEqual({
      job: "12",
      limitMs: 3_600_000,
      leftMs: 270_000,
    });
    expect(asked).toEqual(["squeue --noheader --jobs=12 --format=%L %l"]);
    expect(await askJobTime("12", answering("UNLIMITED UNLIMITED\n"))).toBeUndefined();
    expect(await askJobTime("12", answering(""))).toBeUndefined();
    expect(await jobTime(job, { ask: never })).toBeUndefined();
    expect(await jobTime({}, { ask: answering("4:30 5:00") })).toBeUndefined();
    expect(asked).toHaveLength(3);
  });

  test.each([
    ["0:07", 7_000],
    ["59:00", 3_540_000],
    ["1:00:00", 3_600_000],
    ["2-03:04:05", 183_845_000],
    ["UNLIMITED", undefined],
    ["NOT_SET", undefined],
    ["INVALID", undefined],
    [undefined, undefined],
  ])("%s is read as %s", (text, ms) => {
    expect(parseSlurmTime(text)).toBe(ms);
  });

  test.each([
    [60_000, 10_000],
    [300_000, 30_000],
    [86_400_000, 120_000],
  ])("of a limit of %d ms the margin is %d ms", (limitMs, marginMs) => {
    expect(endMargin({ job: "12", limitMs, leftMs: 1_000 })).toBe(marginMs);
    expect(endMargin({ job: "12", limitMs: undefined, leftMs: limitMs })).toBe(marginMs);
  });
});

test("a step is known inside one, and not in the batch script", () => {
  expect(slurmStep({ SLURM_JOB_ID: "12", SLURM_STEP_ID: "3" })).toEqual({
    system: "slurm",
    id: "12",
    step: "3",
  });
  expect(slurmStep({ SLURM_JOB_ID: "12" })).toBeUndefined();
  expect(slurmStep({ SLURM_STEP_ID: "3" })).toBeUndefined();
  expect(slurmJob({ SLURM_JOB_ID: "1; rm" })).toBeUndefined();
});

test("the running steps are those of srun, in job arrays too", async () => {
  const ask = (text: string) => () => Promise.resolve(text);
  expect(await runningSteps("12", ask("12.0\n12.batch\n12.extern\n12_4.11\n"))).toEqual(
    new Set(["0", "11"]),
  );
  expect(await runningSteps("12", ask(""))).toEqual(new Set());
  expect(await tasksOfSteps("12", ask("12.0 4\n12.batch 1\n12.extern 1\n12_4.11 128\n"))).toBe(132);
});
