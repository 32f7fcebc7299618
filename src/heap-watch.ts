// Watches the heap of this process, whatever its role counts: after a collection of garbage, what is used is in use.
// The role is told when that comes near the end of the heap, and when it does not any more.

import { constants, PerformanceObserver } from "node:perf_hooks";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { oldSpaceBytes } from "./old-space.ts";
import { clearInterval, now, setInterval } from "./timers.ts";

/** Parts of the heap. */
const [exhaustedAbove, enoughBelow] = [0.85, 0.75];
const lookEveryMs = 500;
/** While it is nearly used up, the garbage is collected so often if nothing else does. */
const collectEveryMs = 10_000;

/** Returns what stops it. */
export function watchHeap(tell: (isExhausted: boolean) => void): () => void {
  let isExhausted = false;
  let lookedAt = 0;
  let timer: NodeJS.Timeout | undefined;
  const say = (next: boolean) => {
    if (next === isExhausted) return;
    isExhausted = next;
    if (next) {
      lookedAt = now();
      timer = setInterval(look, lookEveryMs);
      timer.unref();
    } else clearInterval(timer);
    tell(next);
  };
  const look = () => {
    // Without a collection it is a bound: what is used may be garbage.
    if (usedPart() < enoughBelow) return say(false);
    if (now() - lookedAt < collectEveryMs) return;
    collectGarbage();
    lookedAt = now();
    if (usedPart() < enoughBelow) say(false);
  };
  const observer = new PerformanceObserver((list) => {
    const isWhole = list.getEntries().some((entry) => {
      const { kind } = (entry as unknown as { detail: { kind: number } }).detail;
      return kind === constants.NODE_PERFORMANCE_GC_MAJOR;
    });
    if (!isWhole) return;
    const part = usedPart();
    if (part > exhaustedAbove) say(true);
    else if (part < enoughBelow) say(false);
  });
  observer.observe({ entryTypes: ["gc"] });
  return () => {
    observer.disconnect();
    clearInterval(timer);
  };
}

function usedPart(): number {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
  return used / oldSpaceBytes(limit);
}

let collect: (() => void) | undefined;

function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
    setFlagsFromString("--no-expose-gc");
  }
  collect();
}
