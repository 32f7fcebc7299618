// Waiting for futures: one object that counts down, however many futures it waits for. `result`,
// `exception`, `gather` and `wait` are all made of it.

import { TimeoutError } from "../src/errors/errors.ts";
import { describeDuration, longestTimerMs } from "../src/duration.ts";
import { checkedTimeout } from "./option-checks.ts";
import type { FutureState, Waiter } from "./future-state.ts";
import { clearTimeout, setTimeout } from "../src/timers.ts";

export type WaitLimits = {
  /** Milliseconds until waiting is given up with a `TimeoutError`; the task goes on. Default: no limit. */
  timeoutMs?: number | undefined;
  /** Gives up waiting when it aborts, with its reason; the task goes on. */
  signal?: AbortSignal | undefined;
};

export type WatchOptions = WaitLimits & {
  /** Wait for the values too, and have those fetched that were too large to ride along. */
  values?: boolean;
  /** End with the error of the first future that fails. */
  failFast?: boolean;
  /** Default "all". */
  until?: "all" | "first";
};

/** Resolves when all have settled; see the options for when it ends otherwise. */
export function watch(states: readonly FutureState[], options: WatchOptions): Promise<void> {
  let watching: Watch | undefined;
  const waiting = new Promise<void>((resolve, reject) => {
    watching = new Watch(states, options, resolve, reject);
    watching.start();
  });
  return watching?.isOpen ? states[0]!.session.during(waiting) : waiting;
}

class Watch implements Waiter {
  readonly #states: readonly FutureState[];
  readonly #options: WatchOptions;
  readonly #resolve: () => void;
  readonly #reject: (error: unknown) => void;
  #open = 0;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    states: readonly FutureState[],
    options: WatchOptions,
    resolve: () => void,
    reject: (error: unknown) => void,
  ) {
    this.#states = states;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** It has begun to wait, and not ended. */
  get isOpen(): boolean {
    return this.#open > 0 && !this.#ended;
  }

  start(): void {
    const { values, failFast, until, signal } = this.#options;
    const timeoutMs = checkedTimeout(this.#options.timeoutMs);
    signal?.throwIfAborted();
    const open: FutureState[] = [];
    for (const state of this.#states) {
      if (failFast && state.error) return this.#reject(state.error);
      if (values ? !state.ready : !state.settled) open.push(state);
    }
    const enough = until === "first" ? open.length < this.#states.length : open.length === 0;
    if (enough || open.length === 0) return this.#resolve();

    this.#open = open.length;
    for (const state of open) this.#await(state);
    if (timeoutMs <= longestTimerMs) {
      this.#timer = setTimeout(() => this.#end(this.#timeoutError(timeoutMs)), timeoutMs);
    }
    signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  notify(state: FutureState): void {
    if (this.#ended) return;
    if (this.#options.values && state.isAway) return this.#await(state);
    if (this.#options.failFast && state.error) return this.#end(state.error);
    this.#open--;
    if (this.#open === 0 || this.#options.until === "first") this.#end();
  }

  #await(state: FutureState): void {
    state.watch(this);
    if (this.#options.values) state.fetch();
  }

  readonly #onAbort = () => this.#end(this.#options.signal?.reason);

  #end(error?: unknown): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    if (this.#open > 0) for (const state of this.#states) state.unwatch(this);
    if (error === undefined) this.#resolve();
    else this.#reject(error);
  }

  #timeoutError(timeoutMs: number): TimeoutError {
    const what =
      this.#states.length === 1
        ? `"${this.#states[0]!.key}" has not settled`
        : `${this.#open} of ${this.#states.length} futures have not settled`;
    return new TimeoutError(
      `wait longer, or cancel: ${what} after ${describeDuration(timeoutMs)}; nothing has changed about the tasks`,
    );
  }
}
