// Memory that all threads of a worker share, so that a large value goes from one to another without
// a copy. V8 does not count it when it decides whether to collect garbage, so that a thread which
// makes little else would keep gigabytes that nobody needs: it is counted here.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { setImmediate } from "./intrinsics.ts";

/** Values smaller than this are copied: that is cheaper than to share them. */
export const sharedFromBytes = 64 * 1024;
/** Garbage is collected after so many bytes, in each thread by itself. */
const collectAfterBytes = 256 * 1024 * 1024;

let bytesSince = 0;
let collect: (() => void) | undefined;

/** Room for the binary parts of a value; shared when it is large. */
export function allocate(bytes: number): ArrayBufferLike {
  if (bytes < sharedFromBytes) return new ArrayBuffer(bytes);
  return new SharedArrayBuffer(bytes);
}

/**
 * So many bytes of shared memory are not referred to any more, or will not be soon: main knows when it
 * lets go of a value, the other threads know only that one came.
 */
export function countShared(bytes: number): void {
  if (bytes < sharedFromBytes) return;
  bytesSince += bytes;
  if (bytesSince < collectAfterBytes) return;
  bytesSince = 0;
  // Not in the middle of something: what refers to the value may still be on the stack.
  setImmediate(() => {
    if (collect === undefined) {
      setFlagsFromString("--expose-gc");
      collect = runInNewContext("gc") as () => void;
    }
    collect();
  }).unref();
}
