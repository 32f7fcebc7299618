// What a worker keeps on the heap of its main thread, which has a limit of its own: V8 ends the process that
// reaches it, whatever memory the machine has. Values lie outside the heap (`outsideHeap`); counted here is
// what has to be on it. Above the limit of the account, or when the heap is nearly used up whatever is counted,
// the worker takes no new tasks and says less.

import { systemClock, type Cancel, type Clock } from "../src/link/clock.ts";
import { oldSpaceBytes } from "../src/old-space.ts";
import { formatSize } from "../src/size.ts";

/** What is on the heap: what it is, as in "messages that wait to be sent", and its bytes now. */
export type HeapPart = { readonly what: string; readonly bytes: () => number };

export type HeapAccountOptions = {
  readonly limitBytes?: number;
  readonly parts: readonly HeapPart[];
  /** The heap is full, for this reason; then, without one, it has room again. */
  readonly full: (reason: string | undefined) => void;
  readonly clock?: Clock | undefined;
};

const mebibyte = 2 ** 20;
/** What the worker's own code and its parts take. */
const ownBytes = 32 * mebibyte;
/** What is counted is an estimate; the rest is for that, and for what is not counted. */
const share = 0.5;
const leastBytes = 8 * mebibyte;
/** It has room again below this share of its limit. */
const roomShare = 0.7;
/** How often a full heap is looked at. */
const againMs = 20;
const remedy = "NODE_OPTIONS=--max-old-space-size=<MiB> raises it";

/** The part of the heap that may be filled with what is counted. */
export function defaultHeapBytes(heapSizeLimit?: number): number {
  return Math.max(leastBytes, Math.floor(share * (oldSpaceBytes(heapSizeLimit) - ownBytes)));
}

export class HeapAccount {
  readonly #options: HeapAccountOptions;
  readonly limitBytes: number;
  readonly #clock: Clock;
  #isFull = false;
  #isExhausted = false;
  #again: Cancel | undefined;

  constructor(options: HeapAccountOptions) {
    this.#options = options;
    this.limitBytes = options.limitBytes ?? defaultHeapBytes();
    this.#clock = options.clock ?? systemClock;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** To be called when something was added. While the heap is full it looks by itself. */
  check(): void {
    if (this.#isFull || this.#counted() <= this.limitBytes) return;
    const most = this.#options.parts.reduce((a, b) => (b.bytes() > a.bytes() ? b : a));
    const limit = formatSize(this.limitBytes);
    this.#fill(
      `${most.what} take ${formatSize(most.bytes())} of its JavaScript heap, its limit is ${limit}: ${remedy}`,
    );
  }

  /** Whether what is in use comes near the end of the heap: see `watchHeap`. */
  set isExhausted(isExhausted: boolean) {
    this.#isExhausted = isExhausted;
    if (!isExhausted || this.#isFull) return;
    const limit = formatSize(oldSpaceBytes());
    this.#fill(`its JavaScript heap is nearly used up, its limit is ${limit}: ${remedy}`);
  }

  close(): void {
    this.#again?.();
    this.#again = undefined;
  }

  #fill(reason: string): void {
    this.#isFull = true;
    this.#lookAgain();
    this.#options.full(reason);
  }

  #lookAgain(): void {
    this.#again = this.#clock.setTimeout(
      () => {
        const hasRoom = !this.#isExhausted && this.#counted() <= roomShare * this.limitBytes;
        if (!hasRoom) return this.#lookAgain();
        this.#isFull = false;
        this.#again = undefined;
        this.#options.full(undefined);
      },
      againMs,
      { keepAlive: false },
    );
  }

  #counted(): number {
    let sum = 0;
    for (const { bytes } of this.#options.parts) sum += bytes();
    return sum;
  }
}
