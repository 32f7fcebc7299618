// The inputs of one call: those that came with it, and those that come from the store or from other
// workers. They stay pinned in the store until the call is over.

import type { Payload } from "../../src/payload/payload.ts";
import type { Reference } from "../../src/wire/protocol.ts";
import { wantedOf, type Fetches } from "./fetches.ts";
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
    const each = inputs.map((input): Promise<Payload> => {
      if (!isReference(input)) return Promise.resolve(input);
      const entry = from.fetches.get(wantedOf(input, peers), this.#stop.signal);
      if (!(entry instanceof Promise)) return Promise.resolve(this.#keep(entry));
      return entry.then((fetched) => this.#keep(fetched));
    });
    this.inputs = Promise.all(each);
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
