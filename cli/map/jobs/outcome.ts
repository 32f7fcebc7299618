// How a job ended: what the job log, the results and the halts are told of it.

export type Outcome = {
  /** -1 when a timeout, a halt or an interrupt ended it, as in the job log of GNU Parallel. */
  readonly exitCode: number;
  /** The number of the signal that ended it; 0 when none did. */
  readonly signal: number;
  /** In milliseconds since 1970. */
  readonly startedAt: number;
  readonly ranMs: number;
  /** ":" for the local cluster, else the host of the worker. */
  readonly host: string;
  /** Bytes given to the job and received from it, with `--pipe`. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
};
