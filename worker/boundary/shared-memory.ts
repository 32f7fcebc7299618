// Memory that all threads of a worker share, so that a large value goes from one to another without a copy.
// V8 does not count shared memory when it decides whether to collect garbage, so a thread that makes
// little else would keep gigabytes of unused memory. So the bytes are counted here, and garbage is
// collected after so many.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { setImmediate } from "./intrinsics.ts";

/** Smaller values are copied, since that costs less than sharing them. */
export const sharedFromBytes = 64 * 1024;
/** Bytes after which garbage is collected, counted by each thread for itself. */
let collectAfterBytes = 256 * 1024 * 1024;

let bytesSince = 0;
let collect: (() => void) | undefined;

/** Has garbage collected after fewer bytes, in a thread of a process with little memory. */
export function collectAfter(bytes: number): void {
  collectAfterBytes = Math.min(collectAfterBytes, Math.max(bytes, sharedFromBytes));
}

/** Makes room for the binary parts of a value; shared memory when they are large. */
export function allocate(bytes: number): ArrayBufferLike {
  if (bytes < sharedFromBytes) return new ArrayBuffer(bytes);
  return new SharedArrayBuffer(bytes);
}

/**
 * Counts bytes of shared memory that can soon be collected. The main thread counts a value when it frees
 * it; a thread, which does not know when its values are freed, when a value arrives.
 */
export function countShared(bytes: number): void {
  if (bytes < sharedFromBytes) return;
  bytesSince += bytes;
  if (bytesSince < collectAfterBytes) return;
  bytesSince = 0;
  // Later, since references to the value may still be on the stack.
  setImmediate(() => {
    if (collect === undefined) {
      setFlagsFromString("--expose-gc");
      collect = runInNewContext("gc") as () => void;
    }
    collect();
  }).unref();
}
