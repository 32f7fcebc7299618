// The step of Slurm, read from its environment variables.

import { expect, test } from "vitest";
import { jobNodes, jobTasks, stepTask } from "../../../cluster/slurm/step.ts";

const step = {
  SLURM_JOB_ID: "12",
  SLURM_STEP_ID: "1",
  SLURM_PROCID: "3",
  SLURM_NTASKS: "8",
  SLURM_STEP_NUM_TASKS: "4",
  SLURM_JOB_NUM_NODES: "4",
  SLURM_STEP_NUM_NODES: "2",
};

test.each<[string, Record<string, string>, object | undefined]>([
  ["a task of a step", step, { step: "12.1", rank: 3, tasks: 4, nodes: 2, restarts: 0 }],
  ["a job that was sent back to the queue", { ...step, SLURM_RESTART_COUNT: "2" }, { restarts: 2 }],
  [
    "a step that does not say its own size",
    { SLURM_JOB_ID: "12", SLURM_STEP_ID: "0", SLURM_PROCID: "0", SLURM_NTASKS: "2" },
    { tasks: 2, nodes: 1 },
  ],
  ["the batch script, which has a rank too", { SLURM_JOB_ID: "12", SLURM_PROCID: "0" }, undefined],
  ["no job", {}, undefined],
])("%s", (_, environment, expected) => {
  if (expected === undefined) expect(stepTask(environment)).toBeUndefined();
  else expect(stepTask(environment)).toMatchObject(expected);
});

test("the size of a job", () => {
  expect([jobNodes({}), jobTasks({})]).toEqual([1, 1]);
  expect(jobNodes({ SLURM_NNODES: "3" })).toBe(3);
  expect(jobTasks({ SLURM_JOB_NUM_NODES: "2", SLURM_NTASKS: "8" })).toBe(8);
  expect(jobTasks({ SLURM_JOB_NUM_NODES: "2" })).toBe(2);
});
