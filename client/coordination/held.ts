// What `acquire` gives: leases of a lock or a semaphore, until they are released.

import { ConnectionError, CoordinationError } from "../../src/errors/errors.ts";
import type { Session } from "../session.ts";

/**
 * Leases that are yours until you release them. Declare it with `using` or `await using` and the end
 * of the block releases it, however the block is left. There is no finalizer: a `Held` that is
 * forgotten is held until its client closes or is lost.
 *
 * When the client closes, or its link to the scheduler is lost for longer than the grace period, the
 * scheduler gives the leases to others: `signal` aborts then, and `release` says so.
 *
 * @example
 * await using held = await client.lock("database").acquire();
 * await migrate({ signal: held.signal });
 */
export class Held implements Disposable, AsyncDisposable {
  /** Leases held: 1 for a lock. */
  readonly count: number;
  readonly #what: string;
  readonly #giveBack: () => void;
  #at: "held" | "released" | "closed" | "lost" = "held";
  #ended: Error | undefined;
  /** Made when asked for. */
  #controller: AbortController | undefined;

  /** @internal */
  constructor(session: Session, id: number, what: string, count: number) {
    this.#what = what;
    this.count = count;
    this.#giveBack = () => session.releaseLease(id);
    session.addLease(id, this);
  }

  /** False once it was released, or lost. */
  get held(): boolean {
    return this.#at === "held";
  }

  /** Aborts when it ends before it is released, for what must not go on without it. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#at === "lost" || this.#at === "closed") this.#controller.abort(this.#ended);
    return this.#controller.signal;
  }

  /**
   * Gives the leases back, and whoever waits longest gets them. What this client sends afterwards
   * arrives at the scheduler afterwards: there is nothing to wait for.
   *
   * @throws {CoordinationError} when it was released already
   * @throws {ConnectionError} when it was lost: others may have held it meanwhile
   */
  release(): void {
    if (this.#at === "released") {
      throw new CoordinationError(`release it once: ${this.#what} is not held by this any more`);
    }
    if (this.#at !== "held") {
      throw new ConnectionError(
        `acquire it again: ${this.#what} was given back when its client ` +
          (this.#at === "closed" ? "was closed" : "lost the scheduler, and others may have it"),
        { cause: this.#ended },
      );
    }
    this.#at = "released";
    this.#giveBack();
  }

  /** Releases it, unless that was done, or the client was closed, which did it too. */
  [Symbol.dispose](): void {
    if (this.#at === "held" || this.#at === "lost") this.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
  }

  /** @internal The session is over. */
  ended(error: Error, meant: boolean): void {
    this.#at = meant ? "closed" : "lost";
    this.#ended = error;
    this.#controller?.abort(error);
  }
}

/** Runs something while it holds, and releases it whatever comes of it. */
export async function whileHeld<Result>(
  held: Held,
  run: (signal: AbortSignal) => Result,
): Promise<Awaited<Result>> {
  let result: Awaited<Result>;
  try {
    result = await run(held.signal);
  } catch (error) {
    // What was thrown says more than that it was lost besides.
    if (held.held) held.release();
    throw error;
  }
  held[Symbol.dispose]();
  return result;
}
