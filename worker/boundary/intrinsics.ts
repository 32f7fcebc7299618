// What the thread's own machinery needs of the globals, as they are before the user's modules load:
// tools for tests put others in their place, for a while or for good.

/** Milliseconds, as `performance.now()` gives them. */
export const now = performance.now.bind(performance);

export const { setImmediate, setTimeout, clearTimeout } = globalThis;

export const { apply } = Reflect;
export const nextTick = process.nextTick.bind(process);
