// How much may be on the JavaScript heap of this process: V8 ends a process that reaches the limit, whatever memory
// the machine has.

import { getHeapStatistics } from "node:v8";

/** The statistics of V8 count three spaces for young objects besides, of this size with much memory. */
const youngBytes = 3 * 64 * 2 ** 20;

/** Bytes that old objects may take: `--max-old-space-size`, when that is given, from 64 MiB on. */
export function oldSpaceBytes(heapSizeLimit: number = getHeapStatistics().heap_size_limit): number {
  return Math.max(heapSizeLimit - youngBytes, heapSizeLimit / 4);
}
