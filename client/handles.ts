// Futures as users give them, one or several in anything that can be iterated over, and what is done
// with them without waiting.

import { heldStateOf, isFuture, type Future } from "./future.ts";
import type { FutureState } from "./future-state.ts";
import { checkedNames, checkedReason } from "./option-checks.ts";

/** One future, or any iterable of futures. */
export type Futures = Future | Iterable<Future>;

export type CancelOptions = {
  /** For people: it is in the error of everybody who waits. */
  reason?: string;
  /** End it for the other clients too. Default: false. */
  force?: boolean;
};

export function cancel(futures: Futures, options: CancelOptions): void {
  const { force = false } = checkedNames(options, ["reason", "force"], "cancel");
  const reason = checkedReason(options.reason);
  for (const state of statesOf(futures)) state.session.cancel(state, reason, force);
}

export function retry(futures: Futures): void {
  for (const state of statesOf(futures)) state.session.retry(state);
}

export function release(futures: Futures): void {
  for (const future of listOf(futures)) future.release();
}

export function fireAndForget(futures: Futures): void {
  for (const state of statesOf(futures)) state.session.detach(state);
}

function listOf(futures: Futures): Iterable<Future> {
  return isFuture(futures) ? [futures] : futures;
}

/** @throws {TypeError} when one is no future, or was released */
export function statesOf(futures: Futures): FutureState[] {
  return Array.from(listOf(futures), checkedState);
}

/** What `await future.result()` waits for is waited for here. */
export function promiseGiven(): TypeError {
  return new TypeError("give the futures themselves: there is a promise among them");
}

export function isThenable(value: unknown): boolean {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === "function";
}

function notFutures(value: unknown): string {
  return `give futures: there is ${value === null ? "null" : typeof value} among them`;
}

/** @throws {TypeError} when it is no future, or was released */
export function checkedState(future: Future): FutureState {
  if (isFuture(future)) return heldStateOf(future);
  throw isThenable(future) ? promiseGiven() : new TypeError(notFutures(future));
}
