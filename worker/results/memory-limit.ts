// The default limit of the memory that a worker uses for results and inputs.

import { availableParallelism, totalmem } from "node:os";
import { cgroupMemoryLimit } from "./cgroup-limit.ts";

/** Share of the memory that this process may have; the rest is for the tasks themselves. */
const share = 0.6;

/**
 * A share of the memory of the worker's process. A batch system says how much that is. Without one it is in
 * proportion to the threads: a worker with half of this machine's threads has half of the memory.
 *
 * @param own the bytes of the process, when they are known
 */
export function defaultMemoryBytes(threads: number, own?: number): number {
  const machine = Math.min(totalmem(), cgroupMemoryLimit());
  const bytes = own ?? machine * Math.min(1, threads / availableParallelism());
  return Math.floor(share * bytes);
}
