// Slurm's environment variables. These functions are pure: the environment and the number of allowed
// cores are arguments, so every case is a row of a table in the tests.

import { availableParallelism } from "node:os";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Whether this process was started by `srun`. The batch script is not a step, although Slurm sets
 * `SLURM_PROCID`, `SLURM_LOCALID` and `SLURM_NODEID` there too, all to 0.
 */
export function insideStep(environment: Environment): boolean {
  return count(environment.SLURM_STEP_ID) !== undefined;
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
 * A worker's name that is the same at every start of the same step: `n1-0` is task 0 on the host `n1`.
 * From the second step of a job on, the name includes the step, `n1-1.0`, because ranks start from 0
 * in each step. Undefined outside a step, where all processes have the same rank.
 */
export function workerName(environment: Environment): string | undefined {
  const step = count(environment.SLURM_STEP_ID);
  const rank = count(environment.SLURM_PROCID);
  const host = environment.SLURMD_NODENAME;
  if (step === undefined || rank === undefined || !host) return undefined;
  return step === 0 ? `${host}-${rank}` : `${host}-${step}.${rank}`;
}

/** Tasks of this step on this host, from a list like `2(x3),1` with one number for each host. */
function tasksOnNode(environment: Environment): number {
  if (!insideStep(environment)) return 1;
  const list = environment.SLURM_STEP_TASKS_PER_NODE ?? environment.SLURM_TASKS_PER_NODE ?? "";
  let place = count(environment.SLURM_NODEID) ?? 0;
  for (const [, tasks, hosts = "1"] of list.matchAll(/(\d+)(?:\(x(\d+)\))?/g)) {
    place -= Number(hosts);
    if (place < 0) return Math.max(1, Number(tasks));
  }
  return 1;
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
