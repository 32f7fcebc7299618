// The shared types of `thence map`: what a job is made of.

/** The values of one combination of the sources, by column; `{1}` is the first. */
export type Row = readonly string[];

/**
 * What one job is made of. With `-N 3`, a job has three rows, and `{1}`, `{2}` … number their values
 * one after the other. With `-N 0`, its row has no values.
 */
export type Job = {
  /** Place in the order of the input; the first job is 1. */
  readonly seq: number;
  readonly rows: readonly Row[];
  /** Number of the slot that runs the job; the first slot is 1. */
  readonly slot: number;
};
