// The exit status of `thence map`: the number of failed jobs up to 100, 101 for more, what a halt
// decided, or 255 when the run itself failed or was ended.

import type { HaltRule } from "./halt.ts";

/** Wrong usage, a cluster that is lost, or a run that was interrupted. */
export const statusOfFailedRun = 255;
const mostFailed = 101;

export type RunTally = {
  readonly started: number;
  readonly failed: number;
  /** It was ended by a signal before all jobs had run. */
  readonly interrupted: boolean;
};

export function exitStatus({ started, failed, interrupted }: RunTally, halt: HaltRule): number {
  if (interrupted) return statusOfFailedRun;
  return halt.exitStatus ?? halt.statusWithoutHalt(failed, started) ?? Math.min(failed, mostFailed);
}
