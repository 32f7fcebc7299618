// The globals that the thread's own code uses, as they are before the user's modules load: test tools
// replace globals, for a while or for good.

/** Milliseconds, as `performance.now()` gives them. */
export const now = performance.now.bind(performance);

export const { setImmediate, setTimeout, clearTimeout } = globalThis;

export const { apply } = Reflect;
export const nextTick = process.nextTick.bind(process);
