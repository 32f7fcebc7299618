// Variables: one value under a name, for all clients.

import type { Session } from "../session.ts";
import type { WaitLimits } from "../watch.ts";
import {
  checkedLimits,
  checkedName,
  coordinate,
  coordinateAtOnce,
  encodedItem,
  receivedItems,
} from "./coordinate.ts";

/**
 * A value that all clients of a scheduler share by its name: of any kind that can be an argument of a
 * task, and it may hold futures, which stay alive while they are its value. It stays, whoever comes
 * and goes, until somebody deletes it.
 *
 * @example
 * await client.variable<number>("learning-rate").set(0.01);
 * await client.variable<number>("learning-rate").get(); // 0.01, here or in another client
 */
export class Variable<T = unknown> {
  readonly name: string;
  readonly #session: Session;

  /** @internal Use `client.variable`. */
  constructor(session: Session, name: string) {
    this.#session = session;
    this.name = checkedName(name, "variable");
  }

  /**
   * Gives it a value, and everybody who waits for one gets that.
   *
   * @throws {SerializationError} when it cannot be sent, naming the path inside it
   * @throws {CoordinationError} when it is too large (16 MiB: set a future of it)
   * @throws {LostDataError} when a future in it is of another scheduler
   * @throws {ConnectionError} when the client is closed, or has lost its scheduler
   */
  async set(value: T): Promise<void> {
    const encoded = encodedItem(this.#session, value, "value");
    return coordinateAtOnce(
      this.#session,
      { kind: "variable", name: this.name, op: "set", ...encoded },
      () => undefined,
    );
  }

  /**
   * Its value, once it has one. Futures in it are this client's too from now on, to be released as
   * others.
   *
   * @param limits `timeoutMs` (milliseconds, default: none; 0: only if it has one) and `signal`
   * @throws {TimeoutError} after `timeoutMs`; the signal's reason when that aborts
   * @throws {ConnectionError} when the client is closed, or has lost its scheduler
   */
  async get(limits: WaitLimits = {}): Promise<T> {
    return coordinate(
      this.#session,
      { kind: "variable", name: this.name, op: "get" },
      {
        ...checkedLimits(limits, "waiting for a variable"),
        late: `the variable "${this.name}" was not set`,
        read: (outcome, request) => receivedItems(this.#session, outcome, request)[0] as T,
      },
    );
  }

  /** Takes its value away: whoever asks for it waits until it is set again. */
  delete(): Promise<void> {
    return coordinateAtOnce(
      this.#session,
      { kind: "variable", name: this.name, op: "clear" },
      () => undefined,
    );
  }
}
