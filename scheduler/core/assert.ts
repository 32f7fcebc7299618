// Assertions: inside the core a broken assumption is a bug of the scheduler.

export function broken(words: string): never {
  throw new Error(`broken invariant of the scheduler: ${words}`);
}

/** `words` is called only when the assertion fails. */
export function assert(holds: boolean, words: () => string): asserts holds {
  if (!holds) broken(words());
}
