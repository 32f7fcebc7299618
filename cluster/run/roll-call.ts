// Which ranks of a run have come to the scheduler. A scheduler that ends before all have come would leave
// the others looking for it.

import { formatDuration } from "../../src/duration.ts";
import type { Log } from "../../src/log.ts";
import { clearTimeout, setTimeout } from "../../src/timers.ts";

/** How long, in milliseconds, the last ones are waited for: as long as they look for the scheduler. */
const patienceMs = 60_000;

export class RollCall {
  readonly #expected: number;
  readonly #log: Log;
  readonly #present = new Set<string>();
  readonly #gone = new Set<string>();
  #isEnding = false;
  readonly #over = Promise.withResolvers<void>();
  /** Resolves when all have come, or are waited for no longer. */
  readonly over = this.#over.promise;

  constructor(ranks: number, log: Log) {
    this.#expected = ranks;
    this.#log = log;
    this.#check();
  }

  /** @param name of the worker of a rank, which is the same when the worker starts anew */
  came(name: string): void {
    this.#present.add(name);
    this.#check();
  }

  /**
   * Its worker could not start, or has left in good order, and does not come again. Returns whether that is
   * so of all, while the end has not begun.
   */
  gone(name: string): boolean {
    this.came(name);
    this.#gone.add(name);
    return this.#gone.size >= this.#expected && !this.#isEnding;
  }

  /** Ends the wait. */
  giveUp(): void {
    this.#over.resolve();
  }

  /** Resolves when all have come, or it is no use to wait longer. */
  async wait(): Promise<void> {
    this.#isEnding = true;
    const missing = this.#expected - this.#present.size;
    if (missing > 0) {
      const who = missing === 1 ? "a rank" : `${missing} ranks`;
      this.#log.info(`waiting for ${who} to come, for up to ${formatDuration(patienceMs)}`);
    }
    const timer = setTimeout(() => this.giveUp(), patienceMs);
    await this.over;
    clearTimeout(timer);
  }

  #check(): void {
    if (this.#present.size >= this.#expected) this.#over.resolve();
  }
}
