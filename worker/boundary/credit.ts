// What a thread may say again once its lines and frames have been taken. It is told so at the end of a turn, in
// which a port delivers a thousand messages, and not sooner than garbage can be collected: while V8 marks what is
// in use, nothing new is freed, and a loop of long lines fills a small heap with garbage within 100 ms.

import { oldSpaceBytes } from "../../src/old-space.ts";
import { setImmediate, setTimeout } from "../../src/timers.ts";
import { bytesPerWeight } from "./messages.ts";

/** What is taken in so many milliseconds is at most as large as the heap. */
const heapMs = 400;

export class Credit {
  readonly #give: (weight: number) => void;
  readonly #bytesPerMs: number;
  #taken = 0;
  #isDue = false;

  /** @param give tells the thread that so much has been taken: see `weightOf` */
  constructor(give: (weight: number) => void, heapBytes = oldSpaceBytes()) {
    this.#give = give;
    this.#bytesPerMs = heapBytes / heapMs;
  }

  add(weight: number): void {
    this.#taken += weight;
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      const ms = (this.#taken * bytesPerWeight) / this.#bytesPerMs;
      if (ms < 1) this.#giveAll();
      else setTimeout(() => this.#giveAll(), ms).unref();
    });
  }

  #giveAll(): void {
    const taken = this.#taken;
    this.#taken = 0;
    this.#isDue = false;
    this.#give(taken);
  }
}
