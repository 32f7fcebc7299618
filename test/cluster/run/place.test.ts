// What a process of a run is told by its environment.

import { expect, test } from "vitest";
import { placeOfRun } from "../../../cluster/run/place.ts";

const step = {
  SLURM_JOB_ID: "12",
  SLURM_STEP_ID: "1",
  SLURM_PROCID: "3",
  SLURM_STEP_NUM_TASKS: "4",
  SLURM_STEP_NUM_NODES: "2",
};

test("alone, it is the only rank, and meets nobody", () => {
  expect(placeOfRun({}, "/home/ada")).toEqual({
    rank: 0,
    ranks: 1,
    nodes: 1,
    isStep: false,
    schedulerFile: undefined,
  });
});

test("the ranks of a step meet in a file that is named after it", () => {
  expect(placeOfRun(step, "/home/ada")).toEqual({
    rank: 3,
    ranks: 4,
    nodes: 2,
    isStep: true,
    schedulerFile: "/home/ada/scheduler-12.1.json",
  });
});

test("what an earlier run of the job left does not mislead its ranks", () => {
  const { schedulerFile } = placeOfRun({ ...step, SLURM_RESTART_COUNT: "2" }, "/home/ada");
  expect(schedulerFile).toBe("/home/ada/scheduler-12.1-2.json");
});

test("a step of one task meets nobody", () => {
  const { schedulerFile } = placeOfRun({ ...step, SLURM_STEP_NUM_TASKS: "1" }, "/home/ada");
  expect(schedulerFile).toBeUndefined();
});

test.each([
  [{ SLURM_JOB_NUM_NODES: "2" }, "this runs on 1 of the 2 nodes of the job: start it by srun"],
  [{ SLURM_NTASKS: "4" }, "this runs on 1 of the 4 tasks of the job: start it by srun"],
])("without srun, it says what it leaves unused: %j", (job, warning) => {
  expect(placeOfRun({ SLURM_JOB_ID: "12", ...job }, "/").warning).toBe(warning);
});
