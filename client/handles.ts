// Futures as users give them: one, or several in anything that can be iterated over.

import { heldStateOf, isFuture, type Future } from "./future.ts";
import type { FutureState } from "./future-state.ts";

/** One future, or any iterable of futures. */
export type Futures = Future | Iterable<Future>;

export function listOf(futures: Futures): Iterable<Future> {
  return isFuture(futures) ? [futures] : futures;
}

/** @throws {TypeError} when one is no future, or was released */
export function statesOf(futures: Futures): FutureState[] {
  return Array.from(listOf(futures), checkedState);
}

/** @throws {TypeError} when it is no future, or was released */
export function checkedState(future: Future): FutureState {
  if (isFuture(future)) return heldStateOf(future);
  throw new TypeError(`give futures: there is ${typeof future} among them`);
}
