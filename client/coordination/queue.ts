// Queues between clients: what one puts in, another takes out, once.

import type { Session } from "../session.ts";
import type { WaitLimits } from "../watch.ts";
import {
  checkedLimits,
  checkedName,
  checkedNumber,
  coordinate,
  coordinateAtOnce,
  encodedItem,
  receivedItems,
  type Operation,
  type Outcome,
} from "./coordinate.ts";

/**
 * A queue that all clients of a scheduler share by its name: first in, first out, and who waits
 * longest gets first. Items are values of any kind that can be an argument of a task, and may hold
 * futures, which stay alive while they are in the queue. It stays when its clients go, until it is empty.
 *
 * An item goes to one getter. When that gave up meanwhile, or is gone before it had the item, the
 * item goes back to its place at the head.
 *
 * @example
 * const images = client.queue<Future<Image>>("images", 100);
 * await images.put(client.submit("render", scene));
 * using image = await images.get(); // here or in another client
 */
export class Queue<T = unknown> {
  readonly name: string;
  /** Items it holds at most; undefined when this handle does not say. */
  readonly maxSize: number | undefined;
  readonly #session: Session;

  /** @internal Use `client.queue`. */
  constructor(session: Session, name: string, maxSize?: number) {
    this.#session = session;
    this.name = checkedName(name, "queue");
    this.maxSize = maxSize === undefined ? undefined : checkedNumber(maxSize, "maxSize");
  }

  /**
   * Puts an item at the end, and waits while the queue is full. The item is encoded at once: what
   * becomes of the object later does not matter.
   *
   * Either it was put or it throws: so when time is over, it first hears from the scheduler that the
   * item is not in the queue.
   *
   * @param limits `timeoutMs` (milliseconds, default: none; 0: only if there is room) and `signal`
   * @throws {TimeoutError} after `timeoutMs`; the signal's reason when that aborts
   * @throws {SerializationError} when it cannot be sent, naming the path inside it
   * @throws {CoordinationError} when it is too large (16 MiB: put a future of it), or the queue is in
   *   use with another `maxSize`
   * @throws {LostDataError} when a future in it is of another scheduler
   * @throws {ConnectionError} when the client is closed, or has lost its scheduler
   */
  async put(item: T, limits: WaitLimits = {}): Promise<void> {
    return coordinate(this.#session, this.#ask("put", encodedItem(this.#session, item, "item")), {
      ...checkedLimits(limits, "waiting for a queue"),
      mustKnow: true,
      late: `${this.#what} stayed full`,
      read: () => undefined,
    });
  }

  /**
   * Takes out the first item, and waits while there is none. Futures in it are this client's from
   * now on, to be released as others.
   *
   * @param limits `timeoutMs` (milliseconds, default: none; 0: only if there is one) and `signal`
   * @throws {TimeoutError} after `timeoutMs`; the signal's reason when that aborts
   * @throws {CoordinationError} when the queue is in use with another `maxSize`
   * @throws {ConnectionError} when the client is closed, or has lost its scheduler
   */
  async get(limits: WaitLimits = {}): Promise<T> {
    const [item] = await this.getBatch(1, limits);
    return item as T;
  }

  /**
   * Takes out the first items, as many as there are but `most`, and waits while there is none: the
   * array has at least one.
   *
   * @param most items; large ones come in several batches
   * @throws as `get` does
   * @example for (const item of await queue.getBatch(100)) handle(item);
   */
  async getBatch(most: number, limits: WaitLimits = {}): Promise<T[]> {
    const count = checkedNumber(most, "most");
    return coordinate(this.#session, this.#ask("get", { count }), {
      ...checkedLimits(limits, "waiting for a queue"),
      late: `${this.#what} stayed empty`,
      read: (outcome, request) => receivedItems(this.#session, outcome, request) as T[],
    });
  }

  /** Items in it now. */
  size(): Promise<number> {
    return coordinateAtOnce(this.#session, this.#ask("look"), numberOf);
  }

  /** Drops all items. Returns how many those were. */
  clear(): Promise<number> {
    return coordinateAtOnce(this.#session, this.#ask("clear"), numberOf);
  }

  get #what(): string {
    return `the queue "${this.name}"`;
  }

  #ask(op: Operation["op"], more: Partial<Operation> = {}): Operation {
    const limit = this.maxSize === undefined ? {} : { limit: this.maxSize };
    return { kind: "queue", name: this.name, op, ...limit, ...more };
  }
}

function numberOf({ number = 0 }: Outcome): number {
  return number;
}
