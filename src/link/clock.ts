// Time and timers as a value: links run on the machine's clock, and in tests and simulations on a
// virtual one.

import {
  clearImmediate,
  clearTimeout,
  nextTick,
  now,
  setImmediate,
  setTimeout,
} from "../timers.ts";

/** Cancels a timer; has no effect after it has fired. */
export type Cancel = () => void;

export type Clock = {
  /** Milliseconds since a fixed moment; never decreases. */
  now(): number;
  /** With `keepAlive: false` the timer does not keep the process alive. Default: true. */
  setTimeout(run: () => void, ms: number, options?: { keepAlive?: boolean }): Cancel;
  /** Runs after the current code has finished. */
  nextTick(run: () => void): Cancel;
  /** Runs after all other work of this turn of the event loop. */
  setImmediate(run: () => void): Cancel;
  /** A number from 0 to 1, for jitter. */
  random(): number;
};

export const systemClock: Clock = {
  now,
  setTimeout(run, ms, { keepAlive = true } = {}) {
    const timer = setTimeout(run, ms);
    if (!keepAlive) timer.unref();
    return () => clearTimeout(timer);
  },
  nextTick(run) {
    let wanted = true;
    nextTick(() => {
      if (wanted) run();
    });
    return () => {
      wanted = false;
    };
  },
  setImmediate(run) {
    const immediate = setImmediate(run);
    return () => clearImmediate(immediate);
  },
  random: Math.random,
};
