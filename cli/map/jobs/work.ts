// The work that jobs are: commands on this machine, commands on a cluster, or calls of functions. The
// loop in `jobs.ts` starts and ends jobs without knowing which of them they are.

import type { Job } from "./job.ts";
import type { Outcome } from "./outcome.ts";
import type { JobOutput } from "../output/printer.ts";

/** A job before it has a slot. */
export type WaitingJob = Omit<Job, "slot"> & {
  /** It does not pass a filter. */
  readonly skipped?: boolean;
  /** The block that it reads, with `--pipe`. */
  readonly input?: Uint8Array | undefined;
  /** The command in the job log of an earlier run, with `--retry-failed`. */
  readonly command?: string | undefined;
};

/** A job with its slot, ready to be started. */
export type PreparedJob = Job & {
  /** The command as a shell runs it, or the call as people read it. */
  readonly command: string;
  /** By a filter, or an expression that called `skip()`: it is not started, and counts as failed. */
  readonly skipped: boolean;
  /** Runs it once more. */
  start(output: JobOutput, events: AttemptEvents): Attempt;
};

/** Makes the command of a job, or the arguments of its call. */
export type Prepare = (job: WaitingJob, slot: number) => PreparedJob;

/** One run of a job. */
export type Attempt = {
  /** Ends it early. `ended` is called all the same. */
  kill(): void;
};

/** How a run ended; the printer knows what was received. */
export type Ending = Omit<Outcome, "receivedBytes">;

export type AttemptEvents = {
  /** Called once, when its output is handed to the printer. */
  ended: (ending: Ending) => void;
  /** Called instead of `ended` when no job can be run any more: the cluster is lost, say. */
  broken: (error: unknown) => void;
};

/** As GNU Parallel logs a job that was killed by a timeout. */
export const exitCodeOfKilled = -1;
/** As GNU Parallel logs a job that is skipped. */
export const exitCodeOfSkipped = -2;
