// A clock that stands still until it is told to go on, and then runs what is due in a fixed order:
// the same seed gives the same run, and an hour takes no time.

import type { Cancel, Clock } from "../../../src/link/clock.ts";

type Due = { at: number; order: number; run: () => void };

export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  #state: number;
  #due: Due[] = [];

  constructor(seed = 1) {
    this.#state = seed >>> 0;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(run: () => void, ms: number): Cancel {
    const due = { at: this.#now + Math.max(0, ms), order: (this.#order += 1), run };
    const later = this.#due.findIndex(({ at }) => at > due.at);
    if (later === -1) this.#due.push(due);
    else this.#due.splice(later, 0, due);
    return () => {
      const index = this.#due.indexOf(due);
      if (index !== -1) this.#due.splice(index, 1);
    };
  }

  nextTick(run: () => void): Cancel {
    return this.setTimeout(run, 0);
  }

  setImmediate(run: () => void): Cancel {
    return this.setTimeout(run, 0);
  }

  /** Mulberry32. */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Timers that are still to come: what would keep a process alive, were this a real clock. */
  get pending(): number {
    return this.#due.length;
  }

  /** Runs everything that falls due within this time, and what that brings about. */
  runFor(ms: number): void {
    const end = this.#now + ms;
    while (this.#step(end));
    this.#now = end;
  }

  /** The same, letting promises go on in between, until the time is over or `done` says so. */
  async advance(ms: number, done: () => boolean = () => false): Promise<void> {
    const end = this.#now + ms;
    await settled();
    while (!done() && this.#step(end)) await settled();
    if (!done()) this.#now = end;
  }

  #step(end: number): boolean {
    const next = this.#due[0];
    if (next === undefined || next.at > end) return false;
    this.#due.shift();
    this.#now = next.at;
    next.run();
    return true;
  }
}

/** Every promise that can go on without a timer has gone on. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
