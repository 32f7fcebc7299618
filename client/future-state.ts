// What a client knows of one task: the part of a future that messages reach by key, while the
// user's handles come and go. There may be a million of these, and all of them may settle in one
// turn: so a value stays encoded until somebody asks for it, and no promise is made unless awaited.

import { TaskCancelledError } from "../src/errors/errors.ts";
import { untilAwaited } from "../src/errors/stack.ts";
import { decode, type Payload } from "../src/payload/payload.ts";
import type { Session } from "./session.ts";

export type FutureStatus = "pending" | "finished" | "error" | "cancelled" | "lost";

/** Told when a future settles, and again when the value it waits for has come. */
export type Waiter = { notify(state: FutureState): void };

/**
 * What `content` is. Only a finished future has one, but "again" when its value was lost and is made
 * once more; that of a failed one is its error.
 */
type Form = "none" | "again" | "away" | "fetching" | "encoded" | "decoded" | "failed";

/** The tasks that depend on one. Those that were let go leave when the list doubles. */
class Dependents {
  all: FutureState[] = [];
  #sweepAt = 1_024;

  add(state: FutureState): void {
    if (this.all.length >= this.#sweepAt) {
      this.all = this.all.filter(({ known }) => known);
      this.#sweepAt = Math.max(1_024, 2 * this.all.length);
    }
    this.all.push(state);
  }
}

export class FutureState {
  readonly key: string;
  readonly session: Session;
  status: FutureStatus = "pending";
  /** The scheduler knows the task, and that this client wants it. */
  known = false;
  #form: Form = "none";
  #content: unknown = undefined;
  /** One waiter, or several, or none: nearly always one, so no array is made for one. */
  #waiters: Waiter | Waiter[] | undefined = undefined;
  /** Tasks that wait for its value, kept while it may yet fail: they are cancelled with it. */
  #dependents: Dependents | undefined = undefined;
  #handles = 0;
  /** Handles given up by `release`, whose finalizers are still to come and must not count again. */
  #released = 0;

  constructor(key: string, session: Session) {
    this.key = key;
    this.session = session;
  }

  get settled(): boolean {
    return this.status !== "pending";
  }

  /** Settled, and its value or error is here. */
  get ready(): boolean {
    return this.#form !== "none" && this.#form !== "again" && !this.isAway;
  }

  /** Finished, but its value is not here. */
  get isAway(): boolean {
    return this.#form === "away" || this.#form === "fetching";
  }

  /** Why it has no value; undefined when it has one or may still have. */
  get error(): Error | undefined {
    return this.#form === "failed" ? (this.#content as Error) : undefined;
  }

  /** Its value, decoded once, or throws its error. To be asked only when ready. */
  value(): unknown {
    if (this.#form === "failed") throw this.#content;
    if (this.#form === "encoded") {
      this.#content = decode(this.#content as Payload);
      this.#form = "decoded";
    }
    return this.#content;
  }

  // ── What happens to the task. A future settles once: whatever comes after that is ignored ──────

  finish(value: Payload): void {
    if (this.ready) return;
    this.#settle("finished", "encoded", value);
  }

  /** Finished, and its value waits to be fetched. */
  store(): void {
    if (this.#form !== "none" && this.#form !== "again") return;
    this.#settle("finished", "away", undefined);
  }

  /**
   * Its value, which is not here, is gone and being made again: it has finished all the same, and whoever
   * waits for the value waits longer.
   */
  lose(): void {
    if (!this.isAway) return;
    this.#form = "again";
  }

  /** A fetch did not bring the value: it is to be asked for once more. */
  refetch(): void {
    if (this.#form !== "fetching") return;
    this.#form = "away";
    this.fetch();
  }

  /** A value that is still away may yet be lost. */
  fail(status: "error" | "cancelled" | "lost", error: Error): void {
    if (this.ready) return;
    this.#settle(status, "failed", untilAwaited(error));
  }

  /** It failed and is tried again. */
  reopen(): void {
    if (this.status !== "error") return;
    this.status = "pending";
    this.#form = "none";
    this.#content = undefined;
  }

  /** Asks for a value that is away; waiters are notified when it comes. */
  fetch(): void {
    if (this.#form !== "away") return;
    this.#form = "fetching";
    this.session.fetch(this);
  }

  #settle(status: FutureStatus, form: Form, content: unknown): void {
    this.status = status;
    this.#form = form;
    this.#content = content;
    if (status !== "error") this.#dependents = undefined;
    const waiters = this.#waiters;
    if (waiters === undefined) return;
    this.#waiters = undefined;
    if (Array.isArray(waiters)) for (const waiter of waiters) waiter.notify(this);
    else waiters.notify(this);
    this.#forgetIfUnwanted();
  }

  // ── Who depends on it ─────────────────────────────────────────────────────────────────────────

  get dependents(): readonly FutureState[] {
    return this.#dependents?.all ?? [];
  }

  addDependent(state: FutureState): void {
    // One that failed may be retried, and what depends on it with it.
    if (this.settled && this.status !== "error") return;
    (this.#dependents ??= new Dependents()).add(state);
  }

  // ── Who wants it ──────────────────────────────────────────────────────────────────────────────

  watch(waiter: Waiter): void {
    if (this.#waiters === undefined) this.#waiters = waiter;
    else if (Array.isArray(this.#waiters)) this.#waiters.push(waiter);
    else this.#waiters = [this.#waiters, waiter];
  }

  unwatch(waiter: Waiter): void {
    if (this.#waiters === waiter) {
      this.#waiters = undefined;
      this.#forgetIfUnwanted();
    } else if (Array.isArray(this.#waiters)) {
      const index = this.#waiters.lastIndexOf(waiter);
      if (index >= 0) this.#waiters.splice(index, 1);
      if (this.#waiters.length === 0) {
        this.#waiters = undefined;
        this.#forgetIfUnwanted();
      }
    }
  }

  addHandle(): void {
    this.#handles++;
  }

  /** A handle that no user had, and so has no finalizer. */
  dropHandle(): void {
    this.#handles--;
    this.#forgetIfUnwanted();
  }

  /** A handle was given up by its holder. Somebody who awaits the value still gets it. */
  releaseHandle(): void {
    this.#released++;
    this.#handles--;
    this.#forgetIfUnwanted();
  }

  /** A handle was collected as garbage. */
  handleCollected(): void {
    if (this.#released > 0) {
      this.#released--;
      return;
    }
    this.#handles--;
    this.#forgetIfUnwanted();
  }

  #forgetIfUnwanted(): void {
    if (this.#handles === 0 && this.#waiters === undefined) this.session.forget(this);
  }
}

/** The reason for what depends on a cancelled task, in the words of the scheduler. */
export function passedOn(key: string, reason: string | undefined): string {
  return `${key}, which it depends on, was cancelled${reason === undefined ? "" : `: ${reason}`}`;
}

/** Why a future was cancelled, as whoever waits for it is told. */
export function cancelled(key: string, reason: string | undefined): TaskCancelledError {
  const message = `"${key}" was cancelled${reason === undefined ? "" : `: ${reason}`}`;
  return new TaskCancelledError(message, { key });
}
