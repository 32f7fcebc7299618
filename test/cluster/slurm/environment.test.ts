// A worker's threads, memory and name from Slurm's variables, with a row for each situation.

import { describe, expect, test } from "vitest";
import {
  taskMemory,
  workerCores,
  workerName,
  workerThreads,
  type Machine,
} from "../../../cluster/slurm/environment.ts";
import { insideStep, type Environment } from "../../../cluster/slurm/step.ts";

const step = {
  SLURM_JOB_ID: "7",
  SLURM_STEP_ID: "0",
  SLURMD_NODENAME: "n1",
  SLURM_PROCID: "0",
  SLURM_LOCALID: "0",
  SLURM_NODEID: "0",
} satisfies Environment;
// Slurm sets all of these in the batch script too, except the step.
const { SLURM_STEP_ID: _, ...batchScript } = step;

describe("threads", () => {
  test.each<[situation: string, environment: Environment, allowed: number, threads: number]>([
    ["outside Slurm", {}, 8, 8],
    ["--cpus-per-task", { ...step, SLURM_CPUS_PER_TASK: "128" }, 128, 128],
    [
      "--cpus-per-task wins over all else",
      { ...step, SLURM_CPUS_PER_TASK: "4", SLURM_CPUS_ON_NODE: "8" },
      2,
      4,
    ],
    ["confined by affinity or a cgroup", { ...step, SLURM_CPUS_ON_NODE: "8" }, 2, 2],
    ["confined by nothing", { ...step, SLURM_CPUS_ON_NODE: "4" }, 64, 4],
    [
      "four tasks that share a cgroup",
      { ...step, SLURM_CPUS_ON_NODE: "8", SLURM_STEP_TASKS_PER_NODE: "4" },
      8,
      2,
    ],
    [
      "more tasks than CPUs",
      { ...step, SLURM_CPUS_ON_NODE: "2", SLURM_STEP_TASKS_PER_NODE: "4" },
      64,
      1,
    ],
    [
      "on the third host",
      {
        ...step,
        SLURM_NODEID: "2",
        SLURM_CPUS_ON_NODE: "8",
        SLURM_STEP_TASKS_PER_NODE: "4(x2),2(x2)",
      },
      64,
      4,
    ],
    [
      "on the last host",
      { ...step, SLURM_NODEID: "3", SLURM_CPUS_ON_NODE: "8", SLURM_STEP_TASKS_PER_NODE: "4(x3),1" },
      64,
      8,
    ],
    [
      "tasks known of the job only",
      { ...step, SLURM_CPUS_ON_NODE: "8", SLURM_TASKS_PER_NODE: "2" },
      64,
      4,
    ],
    [
      "in the batch script, alone there",
      { ...batchScript, SLURM_CPUS_ON_NODE: "8", SLURM_TASKS_PER_NODE: "4" },
      64,
      8,
    ],
    [
      "nonsense",
      {
        ...step,
        SLURM_CPUS_PER_TASK: "many",
        SLURM_CPUS_ON_NODE: "",
        SLURM_STEP_TASKS_PER_NODE: "?",
      },
      8,
      8,
    ],
    ["zero", { ...step, SLURM_CPUS_PER_TASK: "0", SLURM_CPUS_ON_NODE: "0" }, 8, 8],
  ])("%s", (_situation, environment, allowed, threads) => {
    expect(workerThreads(environment, allowed)).toBe(threads);
  });
});

describe("cores", () => {
  test("are those that the process may use, with words about those that Slurm said besides", () => {
    expect(workerCores({ ...step, SLURM_CPUS_PER_TASK: "8" }, 8)).toEqual({ cores: 8 });
    expect(workerCores({ ...step, SLURM_CPUS_PER_TASK: "4" }, 8)).toEqual({ cores: 4 });
    expect(workerCores({}, 8)).toEqual({ cores: 8 });
    expect(workerCores({ ...step, SLURM_CPUS_PER_TASK: "8" }, 1)).toEqual({
      cores: 1,
      warning: expect.stringMatching(
        /^give srun --cpus-per-task=8 too, or the worker --threads 1: /,
      ),
    });
  });
});

describe("memory", () => {
  const gib = 2 ** 30;
  const machine = { cores: 8, allowedCores: 8, memoryBytes: 64 * gib, memoryLimit: Infinity };
  const two = { SLURM_STEP_TASKS_PER_NODE: "2" };
  test.each<[situation: string, environment: Environment, facts: Partial<Machine>, gib?: number]>([
    ["outside Slurm", { SLURM_MEM_PER_NODE: "1024" }, {}],
    ["--mem", { ...step, SLURM_MEM_PER_NODE: "4096" }, {}, 4],
    ["--mem, for two tasks", { ...step, ...two, SLURM_MEM_PER_NODE: "4096" }, {}, 2],
    ["--mem, in the batch script", { ...batchScript, ...two, SLURM_MEM_PER_NODE: "4096" }, {}, 4],
    [
      "--mem-per-cpu",
      { ...step, ...two, SLURM_MEM_PER_CPU: "1024", SLURM_CPUS_PER_TASK: "3" },
      {},
      3,
    ],
    [
      "--mem-per-cpu, two tasks without --cpus-per-task",
      { ...step, ...two, SLURM_MEM_PER_CPU: "1024", SLURM_CPUS_ON_NODE: "8" },
      {},
      4,
    ],
    ["--mem=0, all of the node", { ...step, ...two, SLURM_MEM_PER_NODE: "0" }, {}, 32],
    ["nothing asked for, a quarter of the cores", { ...step, SLURM_CPUS_PER_TASK: "2" }, {}, 16],
    [
      "nothing asked for, confined to a quarter of the cores",
      { ...step, ...two },
      { allowedCores: 2 },
      16,
    ],
    ["a smaller cgroup", { ...step, SLURM_MEM_PER_NODE: "4096" }, { memoryLimit: 3 * gib }, 3],
    [
      "a smaller cgroup, which two tasks share",
      { ...step, ...two, SLURM_MEM_PER_NODE: "8192" },
      { memoryLimit: 3 * gib },
      1.5,
    ],
    ["more than there is", { ...step, SLURM_MEM_PER_NODE: "999999" }, {}, 64],
    ["nonsense", { ...step, SLURM_MEM_PER_NODE: "4G", SLURM_MEM_PER_CPU: "" }, {}, 64],
  ])("%s", (_situation, environment, facts, expected) => {
    const bytes = taskMemory(environment, { ...machine, ...facts });
    expect(bytes && bytes / gib).toBe(expected);
  });
});

describe("the name", () => {
  test.each<[situation: string, environment: Environment, name: string | undefined]>([
    ["outside Slurm", {}, undefined],
    ["in the batch script", batchScript, undefined],
    ["the first task", step, "n1-7.0-0"],
    ["another task of the host", { ...step, SLURM_PROCID: "3", SLURM_LOCALID: "3" }, "n1-7.0-3"],
    ["a later step of the job", { ...step, SLURM_STEP_ID: "2" }, "n1-7.2-0"],
    [
      "a job of an array, which has an id of its own",
      { ...step, SLURM_JOB_ID: "9", SLURM_ARRAY_JOB_ID: "7", SLURM_ARRAY_TASK_ID: "2" },
      "n1-9.0-0",
    ],
    ["a job that does not say its id", { ...step, SLURM_JOB_ID: undefined }, "n1-0"],
    ["a host that does not say its name", { ...step, SLURMD_NODENAME: undefined }, undefined],
  ])("%s", (_situation, environment, name) => {
    expect(workerName(environment)).toBe(name);
  });

  test("differs for all tasks, whichever jobs, steps and hosts they are of", () => {
    const numbers = ["0", "1", "2", "10"];
    const names = numbers.flatMap((SLURM_JOB_ID) =>
      numbers.flatMap((SLURM_STEP_ID) =>
        ["n1", "n2"].flatMap((SLURMD_NODENAME) =>
          numbers.map((SLURM_PROCID) =>
            workerName({ SLURM_JOB_ID, SLURM_STEP_ID, SLURMD_NODENAME, SLURM_PROCID }),
          ),
        ),
      ),
    );
    expect(new Set(names).size).toBe(names.length);
  });
});

test("the batch script is not a step, for all that Slurm sets there", () => {
  expect(insideStep({})).toBe(false);
  expect(insideStep(batchScript)).toBe(false);
  expect(insideStep(step)).toBe(true);
});
