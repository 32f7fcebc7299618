// What the floor says: one JSON array per frame, of up to 1,000 calls or results.

import type { RawData } from "ws";

/** Calls or results in one frame at most. */
export const FRAME_ITEMS = 1_000;

export type Call = [id: number, name: string, args: unknown[]];
export type Result = [id: number, value: unknown];

/** Both ends: no compression; a mask of zeros, which ws does not spend a pass over the bytes on. */
export const socketOptions = { perMessageDeflate: false, generateMask: () => undefined };

export function read<Item>(data: RawData): Item[] {
  // eslint-disable-next-line @typescript-eslint/no-base-to-string -- always one Buffer, by default
  return JSON.parse(data.toString()) as Item[];
}

/**
 * Gathers what is pushed within one turn and sends it in as few frames as the limit allows. The
 * turn is that of `process.nextTick`: everything that one read from a socket brought is together.
 */
export class Outbox<Item> {
  readonly #send: (text: string) => void;
  #items: Item[] = [];

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  push(items: readonly Item[]): void {
    if (this.#items.length === 0) process.nextTick(() => this.#flush());
    for (const item of items) this.#items.push(item);
  }

  #flush(): void {
    const items = this.#items;
    this.#items = [];
    for (let start = 0; start < items.length; start += FRAME_ITEMS) {
      this.#send(JSON.stringify(items.slice(start, start + FRAME_ITEMS)));
    }
  }
}
