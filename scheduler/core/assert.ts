// Inside the core a broken assumption is our own bug: say so, with words that are only made when needed.

export function assert(holds: boolean, words: () => string): asserts holds {
  if (!holds) throw new Error(`broken invariant of the scheduler: ${words()}`);
}
