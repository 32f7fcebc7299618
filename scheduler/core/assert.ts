// Inside the core a broken assumption is our own bug: say so.

export function broken(words: string): never {
  throw new Error(`broken invariant of the scheduler: ${words}`);
}

/** The words are only made when they are needed. */
export function assert(holds: boolean, words: () => string): asserts holds {
  if (!holds) broken(words());
}
