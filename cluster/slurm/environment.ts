// What Slurm gives a worker: cores, memory and a name, from its environment variables. These functions are pure: the environment and the facts of the machine
// are arguments, so every case is a row of a table in the tests.

import { availableParallelism, cpus, totalmem } from "node:os";
import { cgroupMemoryLimit } from "../../src/cgroup-limit.ts";
import { count, insideStep, type Environment } from "./step.ts";

/** What this machine has, and what of it this process may use. */
export type Machine = {
  readonly cores: number;
  /** The cores that affinity or a cgroup leaves to this process. */
  readonly allowedCores: number;
  readonly memoryBytes: number;
  /** The memory of its cgroup, which all tasks of a step on this node share; Infinity without a limit. */
  readonly memoryLimit: number;
};

export function thisMachine(): Machine {
  return {
    cores: cpus().length,
    allowedCores: availableParallelism(),
    memoryBytes: totalmem(),
    memoryLimit: cgroupMemoryLimit(),
  };
}

/**
 * The threads of a worker: `SLURM_CPUS_PER_TASK`; else `allowed`, the cores that affinity or a cgroup
 * leaves to this process, but at most its share of `SLURM_CPUS_ON_NODE`, because the processes of a
 * node often share a cgroup, and some sites confine no process. Outside Slurm: `allowed`.
 */
export function workerThreads(environment: Environment, allowed = availableParallelism()): number {
  const perTask = count(environment.SLURM_CPUS_PER_TASK);
  if (perTask) return perTask;
  const onNode = count(environment.SLURM_CPUS_ON_NODE);
  if (!onNode) return allowed;
  return Math.min(allowed, Math.max(1, Math.floor(onNode / tasksOnNode(environment))));
}

/**
 * The cores that this task really has; and a warning when Slurm said more of them than it may use, as when
 * `srun` was not given the `--cpus-per-task` of the job.
 */
export function workerCores(
  environment: Environment,
  allowed = availableParallelism(),
): { cores: number; warning: string | undefined } {
  const said = workerThreads(environment, allowed);
  if (said <= allowed) return { cores: said, warning: undefined };
  const warning =
    `give srun --cpus-per-task=${said} too, or the worker --threads ${allowed}: SLURM_CPUS_PER_TASK ` +
    `says ${said} cores, but this process may use ${allowed}, which its threads share`;
  return { cores: allowed, warning };
}

const mebibyte = 2 ** 20;

/**
 * The bytes of memory that this task of a job may use: what was asked for by `--mem`, divided among the
 * tasks on the node, or by `--mem-per-cpu`; else its cores' part of the machine. A limit of the kernel that
 * is smaller wins. Undefined outside Slurm.
 */
export function taskMemory(environment: Environment, machine = thisMachine()): number | undefined {
  if (count(environment.SLURM_JOB_ID) === undefined) return undefined;
  const tasks = tasksOnNode(environment);
  const { cores } = workerCores(environment, machine.allowedCores);
  const perNode = count(environment.SLURM_MEM_PER_NODE);
  const perCore = count(environment.SLURM_MEM_PER_CPU);
  let bytes = machine.memoryBytes * Math.min(1, cores / machine.cores);
  if (perNode) bytes = (perNode * mebibyte) / tasks;
  // `--mem=0` asks for all of the node.
  else if (perNode === 0) bytes = machine.memoryBytes / tasks;
  else if (perCore) bytes = perCore * mebibyte * cores;
  return Math.floor(Math.min(bytes, machine.memoryLimit / tasks, machine.memoryBytes));
}

/**
 * A worker's name that is the same at every start of the same task, and that no task of another step or job
 * has: `n1-7.0-3` is on the host `n1`, in step 0 of job 7, with rank 3. Undefined outside a step, where all
 * processes have the same rank.
 */
export function workerName(environment: Environment): string | undefined {
  const step = count(environment.SLURM_STEP_ID);
  const rank = count(environment.SLURM_PROCID);
  const host = environment.SLURMD_NODENAME;
  if (step === undefined || rank === undefined || !host) return undefined;
  const job = count(environment.SLURM_JOB_ID);
  return job === undefined ? `${host}-${rank}` : `${host}-${job}.${step}-${rank}`;
}

/** Tasks of this step on this host, from a list like `2(x3),1` with one number for each host. */
export function tasksOnNode(environment: Environment): number {
  if (!insideStep(environment)) return 1;
  const list = environment.SLURM_STEP_TASKS_PER_NODE ?? environment.SLURM_TASKS_PER_NODE ?? "";
  let place = count(environment.SLURM_NODEID) ?? 0;
  for (const [, tasks, hosts = "1"] of list.matchAll(/(\d+)(?:\(x(\d+)\))?/g)) {
    place -= Number(hosts);
    if (place < 0) return Math.max(1, Number(tasks));
  }
  return 1;
}
