// The default limit of the memory that a worker uses for results and inputs.

import { availableParallelism, totalmem } from "node:os";
import { cgroupMemoryLimit } from "../../src/cgroup-limit.ts";

/** Share of the memory that this process may have; the rest is for the tasks themselves. */
const share = 0.6;
const mebibyte = 2 ** 20;
/** What Node takes, in a worker and its supervisor, before any task; and then with each thread. */
const nodeBytes = 90 * mebibyte;
const threadBytes = 25 * mebibyte;
/** With many threads in little memory, this part of it is for results all the same. */
const leastPart = 0.25;

/**
 * A share of the memory of the worker's process, without what Node itself takes. A batch system says how much that is. Without one it is in
 * proportion to the threads: a worker with half of this machine's threads has half of the memory.
 *
 * @param own the bytes of the process, when they are known
 */
export function defaultMemoryBytes(threads: number, own?: number): number {
  const machine = Math.min(totalmem(), cgroupMemoryLimit());
  const bytes = own ?? machine * Math.min(1, threads / availableParallelism());
  const free = Math.max(bytes - nodeBytes - threads * threadBytes, leastPart * bytes);
  return Math.floor(share * free);
}

/** Part of the limit that unused memory may come to, in all threads, before it is collected. */
const garbageShare = 0.2;

/** How many bytes of shared memory each thread, and the main one, may leave unused. */
export function garbageBytes(memoryBytes: number, threads: number): number {
  return Math.floor((garbageShare * memoryBytes) / (threads + 1));
}
