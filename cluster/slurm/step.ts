// The step of Slurm to which this process belongs, and its job. These functions are pure: the environment
// is an argument.

type Environment = Readonly<Record<string, string | undefined>>;

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

/**
 * What this process is in its step; undefined outside of one. The batch script is not in a step, though
 * Slurm sets `SLURM_PROCID` there, too.
 */
export function stepTask(environment: Environment): StepTask | undefined {
  const { SLURM_JOB_ID: job, SLURM_STEP_ID: step } = environment;
  const rank = count(environment.SLURM_PROCID);
  if (!job || count(step) === undefined || rank === undefined) return undefined;
  return {
    step: `${job}.${step}`,
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

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
