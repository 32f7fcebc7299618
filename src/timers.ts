// The timers and clocks of the platform as they are when this module loads. A program's tests may replace
// the globals later (fake timers), which must not stop a link's heartbeat. The house tests forbid the
// globals in the product's folders. A simulation replaces the globals before this module loads.

export const {
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  setImmediate,
  clearImmediate,
  queueMicrotask,
} = globalThis;

const { performance } = globalThis;

/** Milliseconds since a fixed moment; never decreases. */
export const now: () => number = performance.now.bind(performance);

/** Milliseconds since 1970, on a clock that never goes back. */
export function timestamp(): number {
  return performance.timeOrigin + now();
}

/** Milliseconds since 1970 by the clock of the machine, which may be set back or forward at any moment. */
export const wallTime: () => number = Date.now;

/** Runs after the current code has finished, and before promises go on; in browsers, with them. */
export const nextTick: (run: () => void) => void =
  (globalThis.process as NodeJS.Process | undefined)?.nextTick?.bind(process) ?? queueMicrotask;
