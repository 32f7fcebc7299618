// Locks and semaphores: who may go on, and who has to wait for his turn.

import type { Session } from "../session.ts";
import type { WaitLimits } from "../watch.ts";
import {
  checkedLimits,
  checkedName,
  checkedNumber,
  coordinate,
  coordinateAtOnce,
} from "./coordinate.ts";
import { Held, whileHeld } from "./held.ts";

/**
 * A lock that all clients of a scheduler share by its name: one holder at a time, in the order in
 * which they asked. It is not reentrant: whoever holds it and asks again waits for himself.
 * What a client held that is gone is free again when its grace period is over.
 *
 * @example
 * const lock = client.lock("database");
 * {
 *   await using held = await lock.acquire({ timeoutMs: 5_000 });
 *   await migrate();
 * }
 * await lock.with(() => migrate()); // the same
 */
export class Lock {
  readonly name: string;
  readonly #session: Session;

  /** @internal Use `client.lock`. */
  constructor(session: Session, name: string) {
    this.#session = session;
    this.name = checkedName(name, "lock");
  }

  /**
   * Waits for the lock.
   *
   * @param limits `timeoutMs` (milliseconds, default: none; 0: only if it is free) and `signal`
   * @throws {TimeoutError} after `timeoutMs`; the signal's reason when that aborts
   * @throws {ConnectionError} when the client is closed, or has lost its scheduler
   */
  acquire(limits: WaitLimits = {}): Promise<Held> {
    const what = `the lock "${this.name}"`;
    return coordinate(
      this.#session,
      { kind: "lock", name: this.name, op: "acquire" },
      {
        ...checkedLimits(limits, "waiting for a lock"),
        late: `${what} was not free`,
        read: (_, { id }) => new Held(this.#session, id, what, 1),
      },
    );
  }

  /** Whether somebody holds it now: for people, since it may change at once. */
  locked(): Promise<boolean> {
    return coordinateAtOnce(
      this.#session,
      { kind: "lock", name: this.name, op: "look" },
      ({ number }) => number === 0,
    );
  }

  /**
   * Runs a function while holding the lock.
   *
   * @param run is given a signal that aborts if the lock is lost meanwhile; see {@link Held}
   * @returns what it returned
   * @throws what it threw, and as `acquire` does
   * @throws {ConnectionError} when the lock was lost meanwhile: others may have held it
   */
  async with<Result>(
    run: (signal: AbortSignal) => Result,
    limits: WaitLimits = {},
  ): Promise<Awaited<Result>> {
    return whileHeld(await this.acquire(limits), run);
  }
}

/**
 * So many leases that all clients of a scheduler share by a name, given out in the order in which
 * they were asked for: one that waits for many is not overtaken by those that want few. The leases
 * of a client that is gone are free again when its grace period is over.
 *
 * @example
 * const downloads = client.semaphore("downloads", 4);
 * await downloads.with(() => fetch(url));
 */
export class Semaphore {
  readonly name: string;
  /** Leases in all. */
  readonly n: number;
  readonly #session: Session;

  /** @internal Use `client.semaphore`. */
  constructor(session: Session, name: string, n: number) {
    this.#session = session;
    this.name = checkedName(name, "semaphore");
    this.n = checkedNumber(n, "n");
  }

  /**
   * Waits until `count` leases are free, and holds them all.
   *
   * @param count default 1
   * @param limits `timeoutMs` (milliseconds, default: none; 0: only if they are free) and `signal`
   * @throws {CoordinationError} when `count` is more than `n`, or the semaphore is in use with another `n`
   * @throws {TimeoutError} after `timeoutMs`; the signal's reason when that aborts
   * @throws {ConnectionError} when the client is closed, or has lost its scheduler
   */
  async acquire(count = 1, limits: WaitLimits = {}): Promise<Held> {
    const what = `the semaphore "${this.name}"`;
    const leases = checkedNumber(count, "count");
    return coordinate(
      this.#session,
      { kind: "semaphore", name: this.name, op: "acquire", limit: this.n, count: leases },
      {
        ...checkedLimits(limits, "waiting for a semaphore"),
        late: `${leases} of ${what} were not free`,
        read: (_, { id }) => new Held(this.#session, id, what, leases),
      },
    );
  }

  /**
   * Leases that are free now.
   *
   * @throws {CoordinationError} when the semaphore is in use with another `n`
   */
  value(): Promise<number> {
    return coordinateAtOnce(
      this.#session,
      { kind: "semaphore", name: this.name, op: "look", limit: this.n },
      ({ number = 0 }) => number,
    );
  }

  /**
   * Runs a function while holding one lease.
   *
   * @param run is given a signal that aborts if the lease is lost meanwhile; see {@link Held}
   * @returns what it returned
   * @throws what it threw, and as `acquire` does
   * @throws {ConnectionError} when the lease was lost meanwhile: others may have held it
   */
  async with<Result>(
    run: (signal: AbortSignal) => Result,
    limits: WaitLimits = {},
  ): Promise<Awaited<Result>> {
    return whileHeld(await this.acquire(1, limits), run);
  }
}
