// The default limit of the memory that a worker uses for results and inputs.

import { availableParallelism, totalmem } from "node:os";

/** Share of the memory that this process may have; the rest is for the tasks themselves. */
const share = 0.6;

/** In proportion to the threads: a worker with half of this machine's threads takes half of the share. */
export function defaultMemoryBytes(threads: number): number {
  const constrained = process.constrainedMemory();
  const total = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return Math.floor(share * total * Math.min(1, threads / availableParallelism()));
}
