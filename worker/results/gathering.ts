// The inputs of one call: those that came with it, and those that come from the store or from other
// workers. They stay pinned in the store until the call is over.

import type { Payload } from "../../src/payload/payload.ts";
import type { Reference } from "../../src/wire/protocol.ts";
import { fetchesAtOnce, wantedOf, type Fetches } from "./fetches.ts";
import type { Entry, Store } from "./store.ts";

export type Input = Payload | Reference;

export class Gathering {
  /** Rejects with `MissingError`. */
  readonly inputs: Promise<Payload[]>;
  readonly #store: Store;
  readonly #stop = new AbortController();
  readonly #entries: Entry[] = [];

  /** @param peers the addresses that references name by their places */
  constructor(
    inputs: readonly Input[],
    peers: readonly string[],
    from: { fetches: Fetches; store: Store },
  ) {
    this.#store = from.store;
    const payloads: Payload[] = [];
    /** The places of what is not in memory here. */
    const missing: number[] = [];
    for (const [place, input] of inputs.entries()) {
      if (!isReference(input)) payloads[place] = input;
      else {
        const entry = from.fetches.find(input);
        if (entry !== undefined) payloads[place] = this.#keep(entry);
        else missing.push(place);
      }
    }
    this.inputs = this.#fetchAll(missing, payloads, (place) =>
      from.fetches.get(wantedOf(inputs[place] as Reference, peers), this.#stop.signal),
    );
  }

  /** Asks for a few at a time: each fetch takes more on the heap than the reference to its value. */
  async #fetchAll(
    places: readonly number[],
    payloads: Payload[],
    get: (place: number) => Entry | Promise<Entry>,
  ): Promise<Payload[]> {
    let next = 0;
    const fetchSome = async () => {
      while (next < places.length && !this.#stop.signal.aborted) {
        const place = places[next++]!;
        payloads[place] = this.#keep(await get(place));
      }
    };
    await Promise.all(Array.from({ length: Math.min(fetchesAtOnce, places.length) }, fetchSome));
    return payloads;
  }

  /** Ends the fetches that are under way, and unpins the inputs that are here. */
  letGo(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort(new Error("the call is over"));
    for (const entry of this.#entries) this.#store.letGo(entry);
  }

  #keep(entry: Entry): Payload {
    if (this.#stop.signal.aborted) this.#store.letGo(entry);
    else this.#entries.push(entry);
    return entry.payload!;
  }
}

export function isReference(input: Input): input is Reference {
  return typeof input === "object" && "from" in input;
}
