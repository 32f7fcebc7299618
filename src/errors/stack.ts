// Stack traces that point to the caller's code, and not to the socket or timer where this package
// noticed the error.

import { ThenceError } from "./errors.ts";

type Ours = (...args: never[]) => unknown;

/** Replaces the stack of an error by the current one, without `ours` and the frames below it. */
export function startStackBelow(error: Error, ours: Ours): void {
  // Some browsers lack `captureStackTrace`.
  (Error as Partial<ErrorConstructor>).captureStackTrace?.(error, ours);
  asText(error);
}

/**
 * Has an error hold its stack as text. Until a stack is read it holds the objects whose methods are in it. One of
 * them may be a future that holds the error until it is collected: that would never be.
 */
export function asText<E extends Error>(error: E): E {
  void error.stack;
  return error;
}

const placed = new WeakSet<Error>();

/**
 * For `throw atCaller(error)` in an async function: gives one of this package's errors the stack of
 * the code that awaits it. The first await of the same error wins.
 */
export function atCaller(error: unknown): unknown {
  if (error instanceof ThenceError && !placed.has(error)) {
    placed.add(error);
    startStackBelow(error, atCaller);
  }
  return error;
}

/**
 * For an error that is kept until somebody awaits it: it has no frames until then, which would be those of
 * this package's code, and hold whatever objects were at work there.
 */
export function untilAwaited<E extends Error>(error: E): E {
  return placed.has(error) ? error : withoutFrames(error);
}

/**
 * Removes the frames of an error that a socket brings: they are those of the socket's code, which has done
 * nothing wrong, and a program prints them all, as the cause of what it was waiting for.
 */
export function withoutFrames<E extends Error>(error: E): E {
  error.stack = `${error.name}: ${error.message}`;
  return error;
}
