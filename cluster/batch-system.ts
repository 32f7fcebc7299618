// What this package needs of a batch system: to submit the script of a job, to hear how jobs are, and to
// cancel them. Slurm is one, in slurm/; others follow behind the same interface.

import { ThenceError } from "../src/errors/errors.ts";

/** Where a job stands: it waits for its turn, runs, or is over. */
export type JobPhase = "pending" | "running" | "ended";

export type JobStatus = {
  readonly id: string;
  readonly phase: JobPhase;
  /** The batch system's own word: `PENDING`, `RUNNING`, `TIMEOUT`. */
  readonly state: string;
  /** Why it waits, or why it ended, in the batch system's own words: `Priority`, `NonZeroExitCode`. */
  readonly reason?: string;
};

export type BatchSystem = {
  /** For people: `Slurm`. */
  readonly name: string;
  /**
   * Submits one job and returns its id.
   *
   * @throws {BatchSystemError} with the words of the batch system, when it is refused
   */
  submit(script: string): Promise<string>;
  /**
   * How these jobs are, by id. A job that the batch system does not know any more is missing.
   *
   * @throws {BatchSystemError} when the batch system does not answer
   */
  jobs(ids: readonly string[]): Promise<ReadonlyMap<string, JobStatus>>;
  /** How a job ended, for people: its state, its reason and its exit code. Never rejects. */
  describeEnd(id: string): Promise<string>;
  /** Ends jobs, those that wait and those that run. Jobs that are over are no error. */
  cancel(ids: readonly string[]): Promise<void>;
};

/** The batch system refused a request or did not answer; the message has its own words. */
export class BatchSystemError extends ThenceError {
  constructor(message: string, options?: { cause?: unknown; retriable?: boolean }) {
    super("batch-system-refused", message, options);
  }
}
Object.defineProperty(BatchSystemError.prototype, "name", {
  value: "BatchSystemError",
  configurable: true,
  writable: true,
});
