// What a worker keeps on the heap of its main thread, which has a limit of its own: V8 ends the process that
// reaches it, whatever memory the machine has. Values lie outside the heap (`outsideHeap`); counted here is
// what has to be on it. Above the limit of the account the worker takes no new tasks.

import { systemClock, type Cancel, type Clock } from "../src/link/clock.ts";
import { oldSpaceBytes } from "../src/old-space.ts";
import { formatSize } from "../src/size.ts";

/** Bytes now on the heap, by what they are, as in "messages that wait to be sent". */
export type HeapParts = () => Readonly<Record<string, number>>;

export type HeapAccountOptions = {
  readonly limitBytes?: number;
  readonly parts: HeapParts;
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

/** The part of the heap that may be filled with what is counted. */
export function defaultHeapBytes(heapSizeLimit?: number): number {
  return Math.max(leastBytes, Math.floor(share * (oldSpaceBytes(heapSizeLimit) - ownBytes)));
}

export class HeapAccount {
  readonly #options: HeapAccountOptions;
  readonly #limitBytes: number;
  readonly #clock: Clock;
  #isFull = false;
  #again: Cancel | undefined;

  constructor(options: HeapAccountOptions) {
    this.#options = options;
    this.#limitBytes = options.limitBytes ?? defaultHeapBytes();
    this.#clock = options.clock ?? systemClock;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** To be called when something was added. While the heap is full it looks by itself. */
  check(): void {
    if (this.#isFull) return;
    const parts = this.#options.parts();
    if (sumOf(parts) <= this.#limitBytes) return;
    this.#isFull = true;
    this.#lookAgain();
    const [[what = "", bytes = 0] = []] = Object.entries(parts).sort(([, a], [, b]) => b - a);
    const most = `${what} take ${formatSize(bytes)}`;
    const limit = formatSize(this.#limitBytes);
    this.#options.full(
      `${most} of its JavaScript heap, its limit is ${limit}: NODE_OPTIONS=--max-old-space-size=<MiB> raises it`,
    );
  }

  close(): void {
    this.#again?.();
    this.#again = undefined;
  }

  #lookAgain(): void {
    this.#again = this.#clock.setTimeout(
      () => {
        if (sumOf(this.#options.parts()) > roomShare * this.#limitBytes) return this.#lookAgain();
        this.#isFull = false;
        this.#again = undefined;
        this.#options.full(undefined);
      },
      againMs,
      { keepAlive: false },
    );
  }
}

function sumOf(parts: Readonly<Record<string, number>>): number {
  let sum = 0;
  for (const name in parts) sum += parts[name]!;
  return sum;
}
