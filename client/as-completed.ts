// Futures in the order in which they settle. Each one that is awaited has a waiter of its own, so
// that what one of them costs does not depend on how many others there are.

import type { Future } from "./future.ts";
import type { FutureState, Waiter } from "./future-state.ts";
import { checkedState } from "./handles.ts";

/**
 * Yields each future as it settles, in settling order: those that failed or were cancelled, too.
 * Those that had settled when they were added come in the order they were added. The loop ends when
 * nothing that was added is left; it can be added to and iterated over again after that.
 *
 * Leaving the loop early lets go of all that was not yielded: nothing is watched any more, and
 * `count` is 0. The tasks themselves go on for whoever holds their futures.
 */
export class AsCompleted<Member extends Future = Future> implements AsyncIterable<Member> {
  /** Added, and not settled yet. */
  readonly #open = new Set<Watched<Member>>();
  /** Settled, and not yielded yet, from `#next` on. */
  #settled: Member[] = [];
  #next = 0;
  /** Whom to wake when something settles, or is let go. */
  #sleeping: PromiseWithResolvers<void> | undefined;

  /** @internal Use `client.asCompleted`. */
  constructor(futures: Iterable<Member>) {
    this.#add([...futures]);
  }

  /** How many were added and are not yielded yet, settled or not. */
  get count(): number {
    return this.#open.size + this.#settled.length - this.#next;
  }

  /**
   * Adds futures, also while a loop runs. One that is added twice is yielded twice.
   *
   * @throws {TypeError} when one is no future, or was released
   */
  add(...futures: Member[]): void {
    this.#add(futures);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Member, void, undefined> {
    try {
      for (;;) {
        if (this.#next < this.#settled.length) {
          yield this.#take();
        } else if (this.#open.size > 0) {
          const [first] = this.#open;
          const { promise } = (this.#sleeping ??= Promise.withResolvers());
          await first!.state.session.during(promise);
        } else {
          return;
        }
      }
    } finally {
      this.#letGo();
    }
  }

  #add(futures: readonly Member[]): void {
    // All or none: those before one that is refused must not stay watched.
    const states = futures.map(checkedState);
    for (const [index, future] of futures.entries()) this.#watch(future, states[index]!);
  }

  #watch(future: Member, state: FutureState): void {
    if (state.settled) {
      this.#settle(future);
      return;
    }
    const watched = new Watched(future, state, this.#ended);
    this.#open.add(watched);
    state.watch(watched);
  }

  readonly #ended = (watched: Watched<Member>): void => {
    this.#open.delete(watched);
    this.#settle(watched.future);
  };

  #settle(future: Member): void {
    this.#settled.push(future);
    this.#wake();
  }

  #take(): Member {
    const future = this.#settled[this.#next]!;
    this.#next++;
    if (this.#next === this.#settled.length) {
      this.#settled = [];
      this.#next = 0;
    }
    return future;
  }

  #letGo(): void {
    for (const watched of this.#open) watched.state.unwatch(watched);
    this.#open.clear();
    this.#settled = [];
    this.#next = 0;
    this.#wake();
  }

  #wake(): void {
    this.#sleeping?.resolve();
    this.#sleeping = undefined;
  }
}

class Watched<Member extends Future> implements Waiter {
  /** Held here too: a handle that only this loop knows must not be collected as garbage. */
  readonly future: Member;
  readonly state: FutureState;
  readonly #ended: (watched: Watched<Member>) => void;

  constructor(future: Member, state: FutureState, ended: (watched: Watched<Member>) => void) {
    this.future = future;
    this.state = state;
    this.#ended = ended;
  }

  notify(): void {
    this.#ended(this);
  }
}
