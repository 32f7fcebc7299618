// The job and the step of Slurm to which this process belongs. These functions are pure: the environment is
// an argument.

import type { JobStep } from "../../src/wire/lifetimes.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The id of the job that this process runs in. */
export function slurmJob({ SLURM_JOB_ID: id }: Environment): string | undefined {
  return id !== undefined && /^\d{1,20}$/.test(id) ? id : undefined;
}

/** The step that this process runs in; undefined in the batch script, which is no step, and outside of Slurm. */
export function slurmStep(environment: Environment): JobStep | undefined {
  const id = slurmJob(environment);
  const { SLURM_STEP_ID: step } = environment;
  if (id === undefined || step === undefined || !/^\d{1,20}$/.test(step)) return undefined;
  return { system: "slurm", id, step };
}

/**
 * Whether this process was started by `srun`. The batch script is not a step, although Slurm sets
 * `SLURM_PROCID`, `SLURM_LOCALID` and `SLURM_NODEID` there too, all to 0.
 */
export function insideStep(environment: Environment): boolean {
  return count(environment.SLURM_STEP_ID) !== undefined;
}

/** A task of a step: one of the processes that an `srun` started. */
export type StepTask = {
  /** `job.step`, like `12.0`. */
  readonly step: string;
  /** From 0 to `tasks - 1`, in order of the nodes. */
  readonly rank: number;
  readonly tasks: number;
  readonly nodes: number;
  /** How often the job was sent back to the queue and started again. */
  readonly restarts: number;
};

/** What this process is in its step; undefined outside of one. */
export function stepTask(environment: Environment): StepTask | undefined {
  const step = slurmStep(environment);
  const rank = count(environment.SLURM_PROCID);
  if (step === undefined || rank === undefined) return undefined;
  return {
    step: `${step.id}.${step.step}`,
    rank,
    // An interactive step has one task, whatever the job has.
    tasks: count(environment.SLURM_STEP_NUM_TASKS) ?? count(environment.SLURM_NTASKS) ?? 1,
    nodes: count(environment.SLURM_STEP_NUM_NODES) ?? jobNodes(environment),
    restarts: count(environment.SLURM_RESTART_COUNT) ?? 0,
  };
}

/** The number of nodes of the job; 1 outside of a job. */
export function jobNodes(environment: Environment): number {
  return count(environment.SLURM_JOB_NUM_NODES) ?? count(environment.SLURM_NNODES) ?? 1;
}

/** The number of tasks that the job has room for; 1 outside of a job. */
export function jobTasks(environment: Environment): number {
  return Math.max(jobNodes(environment), count(environment.SLURM_NTASKS) ?? 1);
}

/** The whole number that a variable holds; undefined when it holds none. */
export function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
