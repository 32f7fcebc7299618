// The user's handle on a task. It holds nothing but its state; when the last handle of a task is
// released, or collected as garbage while nobody waits, the task is let go.

import { TaskCancelledError } from "../src/errors/errors.ts";
import { atCaller } from "../src/errors/stack.ts";
import { futureKey } from "../src/payload/future-key.ts";
import { encode, encodeList, type Encoded } from "../src/payload/payload.ts";
import type { FutureState, FutureStatus } from "./future-state.ts";
import type { Session } from "./session.ts";
import { checkedNames, checkedReason } from "./option-checks.ts";
import { watch, type WaitLimits } from "./watch.ts";

/** For the rest of this folder, since handles keep their states to themselves. */
export let stateOf: (future: Future) => FutureState;
/** @throws {TypeError} when the future was released */
export let heldStateOf: (future: Future) => FutureState;
export let isFuture: (value: unknown) => value is Future;

/** The backup for handles that nobody released. */
const collected = new FinalizationRegistry<FutureState>((state) => state.handleCollected());

/** The session whose arguments are being encoded, for futures to tell whether they belong there. */
let receiver: Session | undefined;

/**
 * The value of a task that may still be under way. Made by `submit` and `map`.
 *
 * A future is not thenable: it can be returned from an async function, kept in a `Map` and passed
 * as an argument without being waited for; `await future.result()` waits. A future that fails while
 * nobody looks is not an unhandled rejection. The task lives while a future of it does: let it go
 * with `using` or `release()`; for those forgotten, the garbage collector does it some time.
 *
 * @example
 * using sum = client.submit("add", 1, 10);
 * using twice = client.submit("add", sum, sum);
 * console.log(await twice.result()); // 22
 */
export class Future<T = unknown> {
  readonly #state: FutureState;
  #released = false;

  /** @internal */
  constructor(state: FutureState) {
    this.#state = state;
    state.addHandle();
    collected.register(this, state);
  }

  /** @throws {TypeError} always: in a text or a sum, what is meant is the value */
  [Symbol.toPrimitive](): never {
    throw new TypeError(`await future.result(): future "${this.key}" is not its value`);
  }

  /** @throws {TypeError} always: its value is what can be written down */
  toJSON(): never {
    throw new TypeError(`await future.result(): future "${this.key}" is not its value`);
  }

  /** Names the task for ever. */
  get key(): string {
    return this.#state.key;
  }

  /**
   * "pending" until it settles; then "finished", "error" when it failed, "cancelled", or "lost"
   * when the scheduler was. A settled future stays as it is, unless it is retried.
   */
  get status(): FutureStatus {
    return this.#state.status;
  }

  /** Whether it has settled, in whatever way. */
  get done(): boolean {
    return this.#state.settled;
  }

  /**
   * Waits for the value, which is decoded once: every call gives the same object.
   *
   * @param limits `timeoutMs` (milliseconds, default: none) and `signal` end the waiting, not the task
   * @throws the reason the task failed: {@link TaskError} when the function threw, …
   * @throws {TaskCancelledError} when it was cancelled
   * @throws {ConnectionError} when the scheduler was lost
   * @throws {TimeoutError} after `timeoutMs`; the signal's reason when that aborts
   * @throws {TypeError} after `release()`
   * @example await future.result({ timeoutMs: 5_000 });
   */
  async result(limits: WaitLimits = {}): Promise<T> {
    const state = heldStateOf(this);
    try {
      if (!state.ready) await watch([state], { ...checkedLimits(limits), values: true });
      return state.value() as T;
    } catch (error) {
      throw atCaller(error);
    }
  }

  /**
   * Waits until it settles, for the reason it failed, or `undefined` when it finished.
   *
   * @throws {TimeoutError} after `timeoutMs`; the signal's reason when that aborts
   * @throws {TypeError} after `release()`
   * @example if (await future.exception()) future.retry();
   */
  async exception(limits: WaitLimits = {}): Promise<Error | undefined> {
    const state = heldStateOf(this);
    if (!state.settled) await watch([state], checkedLimits(limits));
    return state.error;
  }

  /**
   * Cancels it at once, and the futures of this client that depend on it. A task that has not started never runs; one that runs is ended, unless another client wants it.
   * Without effect once it has settled.
   *
   * @param reason for people; it is in the error of everybody who waits
   */
  cancel(reason?: string): void {
    this.#state.session.cancel(heldStateOf(this), checkedReason(reason), false);
  }

  /**
   * Runs a failed task again, and the failed tasks it failed because of. It is pending again at once.
   * Without effect on one that has not failed.
   *
   * @throws {TypeError} when it was cancelled or released: submit it again
   */
  retry(): void {
    this.#state.session.retry(heldStateOf(this));
  }

  /**
   * Gives this handle up. With the last handle goes the task: its result is freed, and if it has
   * not finished and nobody else needs it, it is cancelled. Those who wait already still get it.
   */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#state.releaseHandle();
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /** How a value that is being encoded asks for the key: it must be fit to be an argument. */
  get [futureKey](): string {
    const state = heldStateOf(this);
    if (state.status === "cancelled" || !state.known) throw unfit(state);
    if (
      receiver &&
      receiver !== state.session &&
      receiver.welcome?.scheduler !== state.session.welcome?.scheduler
    ) {
      throw new TypeError(
        `pass its value, not the future: "${state.key}" is of another scheduler than this client's`,
      );
    }
    if (receiver && receiver !== state.session) receiver.borrow(state);
    return state.key;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `Future(${this.key}: ${this.#released ? "released" : this.status})`;
  }

  static {
    stateOf = (future) => future.#state;
    heldStateOf = (future) => {
      if (!future.#released) return future.#state;
      throw new TypeError(`submit it again: future "${future.key}" was released`);
    };
    isFuture = (value) => typeof value === "object" && value !== null && #state in value;
  }
}

/**
 * The payload of a call's arguments, and the keys of the futures in them.
 *
 * @throws {SerializationError} naming the path inside the arguments
 */
export function encodeArguments(values: readonly unknown[], session: Session): Encoded {
  receiver = session;
  try {
    return encodeList(values, "argument");
  } finally {
    receiver = undefined;
  }
}

/**
 * Any value that may hold futures, for the scheduler of a session.
 *
 * @throws {SerializationError} naming the path inside it, which starts with `where`
 */
export function encodeFor(session: Session, value: unknown, where: string): Encoded {
  receiver = session;
  try {
    return encode(value, where);
  } finally {
    receiver = undefined;
  }
}

function checkedLimits(limits: WaitLimits): WaitLimits {
  const { signal } = checkedNames(limits, ["timeoutMs", "signal"], "waiting");
  if (signal === undefined || typeof signal.throwIfAborted === "function") return limits;
  throw new TypeError(`signal must be an AbortSignal, not ${typeof signal}`);
}

/** Why the scheduler could not make anything of a future. */
function unfit({ key, status, error }: FutureState): Error {
  const why = `"${key}" cannot be an argument`;
  if (status === "cancelled") {
    return new TaskCancelledError(`submit it again: ${why}: ${error?.message}`, {
      key,
      cause: error,
    });
  }
  return (
    error ??
    new TypeError(
      `pass its value, not the future: ${why}: its client was closed or lost its scheduler, or the workers restarted`,
    )
  );
}
