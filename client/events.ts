// What happens to tasks and workers, as a program reads it: events wait here until the loop takes them, and
// the scheduler is told how many it took, so that it never sends more than there is room for.

import type { ClusterEvent } from "../src/wire/events.ts";
import { limits } from "../src/wire/limits.ts";
import { Key } from "../src/wire/parts.ts";
import type { ParametersOf } from "../src/wire/requests.ts";
import { referenceTo } from "./function-reference.ts";
import { isFuture, type Future } from "./future.ts";
import { checkedNames, text, wrongType } from "./option-checks.ts";
import type { Session } from "./session.ts";
import type { AnyFunction } from "./types.ts";

/** Which events a program wants to hear of. */
export type EventOptions = {
  /** Tasks of these functions: registered names, or the functions themselves. */
  functions?: Iterable<string | AnyFunction>;
  /** Tasks with these keys, or of these futures; those too that are submitted later. */
  keys?: Iterable<string | Future>;
};

/** After so many events the scheduler is told that they were read. */
const toldEvery = 1_000;

/**
 * Events in the order in which the scheduler saw them, one loop over them at a time. `close` ends it; so does
 * leaving the loop.
 */
export class EventStream implements AsyncIterable<ClusterEvent> {
  readonly #session: Session;
  readonly #feed: number;
  #waiting: ClusterEvent[] = [];
  /** Read from `#waiting`, and read in all since the scheduler was told. */
  #next = 0;
  #read = 0;
  #over = false;
  #error: Error | undefined;
  #sleeping: PromiseWithResolvers<void> | undefined;

  /** @internal Use `client.events`. */
  constructor(session: Session, options: EventOptions) {
    this.#session = session;
    this.#feed = session.streams.open(this, filterOf(options));
  }

  /** Ends the stream. A loop over it ends when it has read what is here. */
  close(): void {
    this.#session.streams.close(this.#feed);
    this.end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ClusterEvent, void, undefined> {
    try {
      for (;;) {
        if (this.#next < this.#waiting.length) yield this.#take();
        else if (this.#error) throw this.#error;
        else if (this.#over) return;
        else {
          const { promise } = (this.#sleeping ??= Promise.withResolvers());
          await this.#session.during(promise);
        }
      }
    } finally {
      this.close();
    }
  }

  /** @internal */
  receive(events: readonly ClusterEvent[]): void {
    if (this.#over) return;
    this.#waiting.push(...events);
    this.#wake();
  }

  /** @internal The client is closed: no more events come. */
  end(): void {
    this.#over = true;
    this.#wake();
  }

  /** @internal The scheduler refused the stream, or is lost. */
  fail(error: Error): void {
    this.#error ??= error;
    this.end();
  }

  #take(): ClusterEvent {
    const event = this.#waiting[this.#next]!;
    this.#next++;
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
    this.#read++;
    if (this.#read === toldEvery) {
      this.#read = 0;
      this.#session.streams.tellRead(this.#feed, toldEvery);
    }
    return event;
  }

  #wake(): void {
    this.#sleeping?.resolve();
    this.#sleeping = undefined;
  }
}

function filterOf(options: EventOptions): ParametersOf<"events"> {
  const { functions, keys } = checkedNames(options, ["functions", "keys"], "events");
  return {
    ...(functions !== undefined && {
      functions: listed(functions, "functions", (each) => referenceTo(each).name),
    }),
    ...(keys !== undefined && {
      of: listed(keys, "keys", (each) => (isFuture(each) ? each.key : text(each, "a key", Key))),
    }),
  };
}

function listed(
  values: Iterable<unknown>,
  name: string,
  read: (value: unknown) => string,
): string[] {
  const isList = typeof values === "object" && Symbol.iterator in values;
  if (!isList) throw wrongType(name, "an array", values);
  const all = Array.from(values, read);
  if (all.length > 0 && all.length <= limits.columnLength) return all;
  throw new RangeError(`${name} must have 1 to ${limits.columnLength} items, not ${all.length}`);
}
