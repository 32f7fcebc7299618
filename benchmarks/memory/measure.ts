// What a kind of thing takes on the heap, beside what the ledger of the core counts for it.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { heapBytes } from "../../scheduler/core/memory/ledger.ts";
import { createState } from "../../scheduler/core/state.ts";
import { step, type Event } from "../../scheduler/core/step.ts";
import type { Kind } from "./kinds.ts";

const perFrame = 1_000;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
setFlagsFromString("--no-expose-gc");

function used(): number {
  for (let round = 0; round < 3; round++) collect();
  return process.memoryUsage().heapUsed;
}

/** Bytes for each of about so many things. */
export function measure(
  { before = [], add, part = 1 }: Kind,
  count: number,
): { measured: number; counted: number } {
  const state = createState();
  let now = 1_000;
  // Through text and back, so that no string is shared that would not be after a socket.
  const handle = (events: readonly Event[]) => {
    for (const event of events) step(state, now++, JSON.parse(JSON.stringify(event)) as Event);
  };
  handle([
    { type: "client-joins", id: "ann", name: "ann" },
    { type: "client-joins", id: "bob", name: "bob" },
    ...before,
  ]);
  const many = Math.ceil(count * part);
  const [usedBefore, countedBefore] = [used(), heapBytes(state)];
  for (let from = 0; from < many; from += perFrame) {
    handle(add(from, Math.min(perFrame, many - from)));
  }
  const counted = (heapBytes(state) - countedBefore) / many;
  return { measured: (used() - usedBefore) / many, counted };
}
