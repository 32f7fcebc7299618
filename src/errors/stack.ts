// Where an error says that it happened: in the code of whoever called or awaits us, and not where
// our own code found out, which is some socket or timer.

import { ThenceError } from "./errors.ts";

type Ours = (...args: never[]) => unknown;

/** The stack of an error becomes that of this moment, without `ours` and what it called. */
export function startStackBelow(error: Error, ours: Ours): void {
  // Not every browser has it.
  (Error as Partial<ErrorConstructor>).captureStackTrace?.(error, ours);
}

const placed = new WeakSet<Error>();

/**
 * For `throw atCaller(error)` in an async function: one of our errors gets the place where it is
 * awaited. It is one object, so the first place holds for all.
 */
export function atCaller(error: unknown): unknown {
  if (error instanceof ThenceError && !placed.has(error)) {
    placed.add(error);
    startStackBelow(error, atCaller);
  }
  return error;
}
