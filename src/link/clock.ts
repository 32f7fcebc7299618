// Time and timers as a value, so that links run the same on the machine's clock and, in tests and
// simulations, on a virtual one.

/** Undoes a timer; harmless after it has fired. */
export type Cancel = () => void;

export type Clock = {
  /** Milliseconds from some fixed moment; never goes back. */
  now(): number;
  /** `keepAlive: false` lets the process end while this timer is still to come. Default: true. */
  setTimeout(run: () => void, ms: number, options?: { keepAlive?: boolean }): Cancel;
  /** As soon as the code that runs now is done. */
  nextTick(run: () => void): Cancel;
  /** Once everything else of this turn of the event loop has run. */
  setImmediate(run: () => void): Cancel;
  /** From 0 up to 1, for jitter. */
  random(): number;
};

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout(run, ms, { keepAlive = true } = {}) {
    const timer = setTimeout(run, ms);
    if (!keepAlive) timer.unref();
    return () => clearTimeout(timer);
  },
  nextTick(run) {
    let wanted = true;
    process.nextTick(() => {
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
