// Futures of other clients as arguments. The links of two clients are not ordered: what uses such a future
// waits until the scheduler has heard of its task, and the future lives until the scheduler has heard of what
// uses it.

import { queueMicrotask } from "../src/timers.ts";
import type { FutureState } from "./future-state.ts";
import type { Gate } from "./gate.ts";

/** Another client waits no longer than this, in milliseconds, for what this one has submitted. */
const heardWithinMs = 10_000;

/** Asks the scheduler something: settles when it has heard all that was said before, or does not answer. */
type Ping = (options: { timeoutMs?: number }) => Promise<unknown>;

export class Borrowing {
  readonly #ping: Ping;
  /** Whether tasks were submitted since the scheduler was last asked whether it has heard of all. */
  #unheard = false;
  #hearing: Promise<void> | undefined;
  /** By key the futures of other clients that are in messages which the scheduler may not have heard. */
  #borrowed = new Map<string, FutureState>();

  constructor(ping: Ping) {
    this.#ping = ping;
  }

  /** Something was submitted. */
  submitted(): void {
    this.#unheard = true;
  }

  find(key: string): FutureState | undefined {
    return this.#borrowed.get(key);
  }

  /** @param heard when the scheduler has heard of its task from its own client; undefined when it has */
  borrow(state: FutureState, heard: Promise<void> | undefined, gate: Gate | undefined): void {
    if (heard) gate?.holdUntil(heard);
    if (this.#borrowed.size === 0) queueMicrotask(() => this.#giveBack());
    this.#borrowed.set(state.key, state);
    state.addHandle();
  }

  #giveBack(): void {
    const borrowed = this.#borrowed;
    this.#borrowed = new Map();
    const giveBack = () => {
      for (const state of borrowed.values()) state.dropHandle();
    };
    this.#ping({}).then(giveBack, giveBack);
  }

  /**
   * Resolves when the scheduler has heard of all that was submitted, or does not answer for long;
   * undefined when it has.
   */
  heard(): Promise<void> | undefined {
    if (!this.#unheard) return this.#hearing;
    this.#unheard = false;
    const hearing = this.#ping({ timeoutMs: heardWithinMs }).then(
      () => undefined,
      () => undefined,
    );
    this.#hearing = hearing;
    void hearing.then(() => {
      if (this.#hearing === hearing) this.#hearing = undefined;
    });
    return hearing;
  }
}
