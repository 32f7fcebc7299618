// The jobs that run at once on this machine.

import { availableParallelism } from "node:os";
import { slotsOn, type Slots } from "../command-line/option-values.ts";

/** For `-j0`: each job has a process, with its files, or a place in a thread. */
const mostSlots = 1_000;

/** The number of slots at any time: it may stand in a file, which may be changed meanwhile. */
export function slotCounter(slots: Slots): () => number {
  let count = slotsHere(slots);
  if (!("file" in slots)) return () => count;
  return () => {
    try {
      count = slotsHere(slots);
    } catch {
      // The file is being written.
    }
    return count;
  };
}

export function slotsHere(slots: Slots): number {
  const count = slotsOn(availableParallelism(), slots);
  return count === Infinity ? mostSlots : count;
}
