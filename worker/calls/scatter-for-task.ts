// Scatters values for the clients inside tasks: a thread has no connections of its own, so it sends the
// value along with its request. A small one goes on to the scheduler; a large one stays here until the
// scheduler has said which worker is to hold it, and that is this one if it can.

import type { Log } from "../../src/log.ts";
import { outsideHeap, payloadBytes, type Payload } from "../../src/payload/payload.ts";
import type { FromClient, ToClient } from "../../src/wire/protocol.ts";
import type { Results } from "../results/results.ts";
import type { Call } from "./call.ts";

type Holding = Pick<Results, "place" | "isSmall" | "expect" | "unexpect">;
type Scattered = { readonly call: Call; readonly value: Payload };

export class ScatterForTask {
  readonly #results: Holding;
  readonly #log: Log;
  /** By the key of the value: it, and the call that scatters it. */
  readonly #values = new Map<string, Scattered>();

  constructor(results: Holding, log: Log) {
    this.#results = results;
    this.#log = log;
  }

  /** The message for the scheduler: without the value when that is to go to a worker. */
  send(call: Call, message: FromClient): FromClient {
    if (message.type !== "scatter" || message.value === undefined) return message;
    const { value, ...rest } = message;
    const mayStay = message.workers === undefined && message.broadcast !== true;
    if (mayStay && this.#results.isSmall(payloadBytes(value))) return message;
    this.#drop(this.#values.get(message.key));
    const scattered = { call, value: outsideHeap(value) };
    this.#values.set(message.key, scattered);
    this.#results.expect(payloadBytes(scattered.value));
    return rest;
  }

  /** Sends a value where the scheduler wants it; false when the key is none of a scattered value. */
  place(located: Extract<ToClient, { type: "located" }>): boolean {
    const { key } = located;
    const scattered = this.#values.get(key);
    if (scattered === undefined) return false;
    // A task that is told where its value is to go asks anew, value and all.
    this.#values.delete(key);
    this.#results
      .place(located, scattered.value)
      .catch((error: unknown) => {
        this.#log.info(`a value could not be scattered yet: ${(error as Error).message}`, { key });
        scattered.call.thread?.tellClient(scattered.call, located);
      })
      .finally(() => this.#drop(scattered));
    return true;
  }

  /** The call is over. */
  forget(call: Call): void {
    for (const [key, scattered] of this.#values) {
      if (scattered.call === call && this.#values.delete(key)) this.#drop(scattered);
    }
  }

  /** The value is not kept here any more. */
  #drop(scattered: Scattered | undefined): void {
    if (scattered !== undefined) this.#results.unexpect(payloadBytes(scattered.value));
  }
}
