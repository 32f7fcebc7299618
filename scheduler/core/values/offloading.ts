// The bound on values that the scheduler keeps. When they are too many bytes, workers are told to hold
// small results as well as large ones, until there is room again. What they send all the same is not
// kept while memory is full.

import type { Payload } from "../../../src/payload/payload.ts";
import { bytesOf } from "../effects.ts";
import type { State, Worker } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";

/** Results up to this size are kept here even then: they cost less memory than their tasks. */
const tinyBytes = 256;
/** No more parts have their places in a head of that size. Parts without a byte take memory, too. */
const tinyParts = 16;

/** Called when `keptBytes` has changed, or the level of all memory. */
export function updateOffloading({ state, effects }: StepContext): void {
  const { keptBytes } = state.options;
  // The lower bound for the way back is so that it does not change with every result.
  const isOver =
    state.ledger.level !== "ample" ||
    state.keptBytes > (state.offloading ? 0.8 * keptBytes : keptBytes);
  if (isOver === state.offloading) return;
  state.offloading = isOver;
  const aboveBytes = bound(state);
  for (const worker of state.workers.values()) effects.tell(worker, { type: "keep", aboveBytes });
}

/** For a worker that joins: it knows of the usual bound only. */
export function announceOffloading({ state, effects }: StepContext, worker: Worker): void {
  if (state.offloading) effects.tell(worker, { type: "keep", aboveBytes: bound(state) });
}

/** Whether a result is kept: any, unless memory is full, and its worker should have held it. */
export function hasRoomFor({ ledger }: State, value: Payload): boolean {
  if (ledger.level !== "full") return true;
  const parts = typeof value === "string" ? 0 : value.parts.length;
  return bytesOf(value) <= tinyBytes && parts <= tinyParts;
}

/** Workers hold results of more than so many bytes. */
function bound({ offloading, options: { smallResultBytes } }: State): number {
  return offloading ? Math.min(tinyBytes, smallResultBytes) : smallResultBytes;
}
