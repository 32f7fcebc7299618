// The part of a client by which programs coordinate: handles on what lives in the scheduler under a
// name. A handle costs nothing, and any number of them may be made of one name.

import { Publishing } from "../publishing.ts";
import type { Session } from "../session.ts";
import type { UntypedTasks } from "../types.ts";
import type { Coordinator } from "./coordinator.ts";
import { Lock, Semaphore } from "./lock.ts";
import { NamedEvent } from "./named-event.ts";
import { Queue } from "./queue.ts";
import { Variable } from "./variable.ts";

export class Coordinating<Tasks = UntypedTasks> extends Publishing<Tasks> {
  readonly #coordinator: Coordinator;

  /** @internal */
  constructor(session: Session) {
    super(session);
    this.#coordinator = session.coordinator;
  }

  /**
   * A lock that all clients share by its name: one holder at a time.
   *
   * @throws {TypeError} when the name is not a string of 1 to 256 characters
   * @example await client.lock("database").with(() => migrate());
   */
  lock(name: string): Lock {
    return new Lock(this.#coordinator, name);
  }

  /**
   * `n` leases that all clients share by a name. All must say the same `n`; it is remembered while
   * leases are held and while a client is there that used it.
   *
   * @throws {TypeError} when the name is not a string of 1 to 256 characters
   * @throws {RangeError} when `n` is not a whole number from 1
   * @example await client.semaphore("downloads", 4).with(() => fetch(url));
   */
  semaphore(name: string, n: number): Semaphore {
    return new Semaphore(this.#coordinator, name, n);
  }

  /**
   * A flag that all clients share by its name, and can wait for.
   *
   * @throws {TypeError} when the name is not a string of 1 to 256 characters
   * @example await client.event("model-loaded").wait({ timeoutMs: 60_000 });
   */
  event(name: string): NamedEvent {
    return new NamedEvent(this.#coordinator, name);
  }

  /**
   * A queue that all clients share by its name. Items may be or hold futures.
   *
   * @param maxSize items it holds at most: `put` waits for room. Default: what others said, or a
   *   million. Those who say it must say the same.
   * @throws {TypeError} when the name is not a string of 1 to 256 characters
   * @throws {RangeError} when `maxSize` is not a whole number from 1
   * @example await client.queue<string>("urls", 1_000).put("https://example.org/");
   */
  queue<T = unknown>(name: string, maxSize?: number): Queue<T> {
    return new Queue<T>(this.#coordinator, name, maxSize);
  }

  /**
   * A value that all clients share by its name. It may be or hold futures.
   *
   * @throws {TypeError} when the name is not a string of 1 to 256 characters
   * @example await client.variable<number>("learning-rate").set(0.01);
   */
  variable<T = unknown>(name: string): Variable<T> {
    return new Variable<T>(this.#coordinator, name);
  }
}
