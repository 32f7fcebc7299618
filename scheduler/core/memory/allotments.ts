// Allotments: what work cannot do without is taken at every level, be it full. Each kind of that has a part of the limit
// of the heap to itself. What does not fit into its part is refused, and may be tried again; the rest goes on as ever.

import { formatSize } from "../../../src/size.ts";
import type { State } from "../state.ts";

/** Parts of the limit of the heap. */
const parts = {
  /** The facts of workers: their functions, tags, resources and names. */
  workers: 1 / 4,
  /** Rate limits, which outlive their tasks. */
  rates: 1 / 8,
  /** Locks, queues and the like, and requests that wait. */
  waits: 1 / 8,
  /** Futures of the tasks of others. */
  wants: 1 / 8,
} as const;
export type Allotment = keyof typeof parts;

export function noneAllotted(): Record<Allotment, number> {
  return { workers: 0, rates: 0, waits: 0, wants: 0 };
}

type Book = Pick<State, "ledger">;

/** Something is kept from now on; with `times` -1 it is let go. */
export function enterAllotted(book: Book, to: Allotment, bytes: number, times = 1): void {
  allot(book, to, bytes, times);
  book.ledger.heapBytes += times * bytes;
}

/** The same of what is entered otherwise. */
export function allot({ ledger }: Book, to: Allotment, bytes: number, times = 1): void {
  ledger.allotted[to] += times * bytes;
}

/** Why so many bytes more are not taken, in words; undefined when they are. */
export function whyNoRoom(
  { ledger, options }: State,
  of: Allotment,
  bytes: number,
): string | undefined {
  const limit = parts[of] * options.heapBytes;
  const used = ledger.allotted[of];
  if (bytes === 0 || used + bytes <= limit) return undefined;
  return `they take ${formatSize(used)} of the ${formatSize(limit)} that they may have, and this takes ${formatSize(bytes)} more (--memory-limit)`;
}
