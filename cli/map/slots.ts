// The jobs that run at once on this machine.

import { availableParallelism } from "node:os";
import { slotsOn, type Slots } from "./option-values.ts";

/** For `-j0`: each job has a process, with its files, or a place in a thread. */
const mostSlots = 1_000;

export function slotsHere(slots: Slots): number {
  const count = slotsOn(availableParallelism(), slots);
  return count === Infinity ? mostSlots : count;
}
