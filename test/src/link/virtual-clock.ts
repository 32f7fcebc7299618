// A clock that advances only on request and runs due timers in a fixed order: the same seed gives the
// same run, and an hour takes no real time.

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

  /** Time goes by while nothing runs: a process that is busy, or a machine that sleeps. */
  jump(ms: number): void {
    this.#now += ms;
  }

  /** Pending timers, which would keep a process alive on a real clock. */
  get pending(): number {
    return this.#due.length;
  }

  /** Runs everything that is due within this time, and everything that follows from it. */
  runFor(ms: number): void {
    const end = this.#now + ms;
    while (this.#step(end));
    this.#now = end;
  }

  /** Like `runFor`, with promises settling in between, until the time is over or `done` returns true. */
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
    // After a jump, timers are late.
    this.#now = Math.max(this.#now, next.at);
    next.run();
    return true;
  }
}

/** Waits until all promises that need no timer have settled. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
