// The GPUs of a worker, from what Slurm sets in each situation.

import { expect, test } from "vitest";
import type { Environment } from "../../../cluster/slurm/step.ts";
import { gpusOf } from "../../../cluster/slurm/gpus.ts";

const step = { SLURM_JOB_ID: "7", SLURM_STEP_ID: "0", SLURM_NODEID: "0", SLURM_LOCALID: "0" };
const two = { ...step, SLURM_GPUS_ON_NODE: "2", CUDA_VISIBLE_DEVICES: "0,1" };
const second = { SLURM_STEP_TASKS_PER_NODE: "2", SLURM_LOCALID: "1" };

test.each<[situation: string, environment: Environment, asked: number | undefined, gpus: string]>([
  ["nothing", {}, undefined, ""],
  ["outside Slurm, where nobody gave any", { CUDA_VISIBLE_DEVICES: "0,1" }, undefined, ""],
  ["outside Slurm, asked for", {}, 2, "0 1"],
  ["outside Slurm, asked for, of those to be seen", { CUDA_VISIBLE_DEVICES: "2,5" }, 1, "2"],
  ["outside Slurm, more than can be seen", { CUDA_VISIBLE_DEVICES: "2" }, 2, "0 1"],
  ["a part of one", {}, 0.5, "0"],
  ["an amount that cannot be of devices", {}, 1e9, ""],
  ["a step without any", step, undefined, ""],
  ["a step with two", two, undefined, "0 1"],
  ["a step with two, of which one is asked for", two, 1, "0"],
  ["a step with two, of which none is asked for", two, 0, ""],
  [
    "the first of two tasks that see both",
    { ...two, ...second, SLURM_LOCALID: "0" },
    undefined,
    "0",
  ],
  ["the second of them", { ...two, ...second }, undefined, "1"],
  ["the second of them, which asks for both", { ...two, ...second }, 2, "0 1"],
  ["a task that is bound to one", { ...two, ...second, CUDA_VISIBLE_DEVICES: "1" }, undefined, "1"],
  [
    "a third task, for which none is left",
    { ...two, SLURM_STEP_TASKS_PER_NODE: "3", SLURM_LOCALID: "2" },
    undefined,
    "",
  ],
  [
    "the batch script",
    { SLURM_JOB_ID: "7", SLURM_JOB_GPUS: "3", CUDA_VISIBLE_DEVICES: "0" },
    undefined,
    "0",
  ],
  ["no variable set by Slurm", { ...step, SLURM_STEP_GPUS: "2,3" }, undefined, "2 3"],
  ["none, in Slurm's word", { ...step, CUDA_VISIBLE_DEVICES: "NoDevFiles" }, undefined, ""],
  ["hidden ones", { ...step, CUDA_VISIBLE_DEVICES: "1,-1,0" }, undefined, "1"],
  ["long names", { ...step, CUDA_VISIBLE_DEVICES: "GPU-a1, MIG-b2" }, undefined, "GPU-a1 MIG-b2"],
])("%s", (_situation, environment, asked, gpus) => {
  expect(gpusOf(environment, asked).map(({ name }) => name)).toEqual(
    gpus.split(" ").filter(Boolean),
  );
});

test("every variable that was set names the device, in its own way", () => {
  const environment = { ...step, ROCR_VISIBLE_DEVICES: "4,5", ZE_AFFINITY_MASK: "0.0,0.1" };
  expect(gpusOf(environment)).toEqual([
    { name: "4", variables: { ROCR_VISIBLE_DEVICES: "4", ZE_AFFINITY_MASK: "0.0" } },
    { name: "5", variables: { ROCR_VISIBLE_DEVICES: "5", ZE_AFFINITY_MASK: "0.1" } },
  ]);
  expect(gpusOf({}, 1)).toEqual([{ name: "0", variables: { CUDA_VISIBLE_DEVICES: "0" } }]);
});
