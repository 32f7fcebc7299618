// How much memory a worker may use for results and inputs when nobody says.

import { availableParallelism, totalmem } from "node:os";

/** Of the memory that this process may have; the rest is for the tasks themselves. */
const share = 0.6;

/** A worker with half of this machine's threads takes half of what there is. */
export function defaultMemoryBytes(threads: number): number {
  const constrained = process.constrainedMemory();
  const total = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return Math.floor(share * total * Math.min(1, threads / availableParallelism()));
}
