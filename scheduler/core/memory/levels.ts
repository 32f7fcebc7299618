// How much of its memory the state uses. Above the lower mark new work is slowed down by the shell, and workers keep
// their small results. Above the upper mark whatever brings something is refused, and all that ends something
// goes on. Each mark has a lower one for the way back, so that the level does not change with every message.

import { formatSize } from "../../../src/size.ts";
import type { State } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";
import { updateOffloading } from "../values/offloading.ts";
import { heapBytes, type Level } from "./ledger.ts";

/** Parts of the limit. */
const marks = { tight: 0.8, tightAgain: 0.7, full: 1, fullAgain: 0.95 };

export type MemoryUse = { readonly usedBytes: number; readonly limitBytes: number };

/** Of the two limits, the one that is nearer: of the heap, or of all. */
export function memoryUse(state: State): MemoryUse {
  const { options, ledger } = state;
  const ofHeap = heapBytes(state);
  const ofAll = ofHeap + ledger.outsideBytes;
  return ofAll / options.memoryBytes > ofHeap / options.heapBytes
    ? { usedBytes: ofAll, limitBytes: options.memoryBytes }
    : { usedBytes: ofHeap, limitBytes: options.heapBytes };
}

/** Why nothing new is taken for now, in words; undefined when it is. */
export function whyFull(step: StepContext): string | undefined {
  reviewMemory(step);
  return step.state.ledger.level === "full" ? "its memory is full" : undefined;
}

/** Finds the level anew: before anything new is taken, and at the end of every step. */
export function reviewMemory(step: StepContext): void {
  const { state, effects } = step;
  const { ledger } = state;
  const before = ledger.level;
  const use = memoryUse(state);
  const level = levelAt(use.usedBytes / use.limitBytes, before, ledger.isExhausted);
  if (level === before) return;
  ledger.level = level;
  const facts = `${formatSize(use.usedBytes)} of ${formatSize(use.limitBytes)}`;
  if (level === "full") {
    const text = ledger.isExhausted
      ? "nothing new is taken until there is memory: the heap of this process is nearly used up"
      : `nothing new is taken until there is memory: in use are ${facts} (--memory-limit)`;
    effects.log("error", text);
  } else if (before === "full") {
    effects.log("warning", `there is memory again: the scheduler goes on, with ${facts} in use`);
  }
  updateOffloading(step);
}

function levelAt(part: number, before: Level, isExhausted: boolean): Level {
  if (isExhausted || part > (before === "full" ? marks.fullAgain : marks.full)) return "full";
  return part > (before === "ample" ? marks.tight : marks.tightAgain) ? "tight" : "ample";
}
