// The results of calls on their way from the thread to the main thread. They are posted in batches;
// results that wait for the next batch lie where the main thread can read them, so that none is held up
// by a call that runs long.

import type { MessagePort } from "node:worker_threads";
import type { CloneablePayload } from "../boundary/cloneable.ts";
import { setImmediate } from "../boundary/intrinsics.ts";
import type { FromThread } from "../boundary/messages.ts";
import { UnpostedResults, type UnpostedMemory } from "../boundary/unposted-results.ts";

/** The longest time that a result waits for others, in milliseconds. */
const waitMs = 0.5;

export class ReturnedResults {
  readonly #port: MessagePort;
  readonly #unposted: UnpostedResults;
  #numbers: number[] = [];
  #values: CloneablePayload[] = [];
  #transfer: ArrayBuffer[] = [];
  /** When the oldest of these results was added. */
  #since = 0;
  #postingSoon = false;

  constructor(port: MessagePort, memory: UnpostedMemory) {
    this.#port = port;
    this.#unposted = new UnpostedResults(memory);
  }

  /** The memory to transfer with the next batch. */
  get transfer(): ArrayBuffer[] {
    return this.#transfer;
  }

  /**
   * Adds the result of a call, and posts the batch unless the result may wait.
   *
   * @param now the present time when the result may wait; undefined when the batch is to be posted at once
   */
  add(ticket: number, micros: number, value: CloneablePayload, now: number | undefined): void {
    if (now !== undefined && this.#numbers.length === 0) this.#since = now;
    this.#numbers.push(ticket, micros);
    this.#values.push(value);
    const waits =
      now !== undefined &&
      typeof value === "string" &&
      now - this.#since < waitMs &&
      this.#unposted.add(ticket, micros, value);
    if (!waits) this.post();
  }

  post(): void {
    if (this.#numbers.length === 0) return;
    this.#port.postMessage(
      { type: "returned", numbers: this.#numbers, values: this.#values } satisfies FromThread,
      this.#transfer,
    );
    this.#numbers = [];
    this.#values = [];
    if (this.#transfer.length > 0) this.#transfer = [];
    this.#unposted.clear();
  }

  /** Posts the batch once this turn of the event loop is done. */
  postSoon(): void {
    if (this.#postingSoon || this.#numbers.length === 0) return;
    this.#postingSoon = true;
    setImmediate(() => {
      this.#postingSoon = false;
      this.post();
    });
  }
}
