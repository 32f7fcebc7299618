// The results on their way to this worker: each fetched once, however many calls want it; many at once,
// within bounds; from its holders, or through the scheduler.

import type { Payload } from "../../src/payload/payload.ts";
import type { Holders, Located } from "../../src/transfer/holders.ts";
import type { Want } from "../../src/transfer/messages.ts";
import type { Requester } from "../../src/transfer/requester.ts";
import { limits } from "../../src/wire/limits.ts";
import type { Reference } from "../../src/wire/protocol.ts";
import { allocate, countShared } from "../boundary/shared-memory.ts";
import { MissingError } from "./missing-error.ts";
import type { Entry, Store } from "./store.ts";

/** A result to be fetched. */
export type Wanted = Located & {
  /** The scheduler counts this worker among the holders. */
  readonly here: boolean;
};

/** @param peers the addresses that the reference names by their places */
export function wantedOf({ from, here, ...rest }: Reference, peers: readonly string[]): Wanted {
  const addresses = from.flatMap((place) => peers[place] ?? []).slice(0, limits.holders);
  return { ...rest, from: addresses, here: here ?? false };
}

export type FetchesOptions = {
  readonly store: Store;
  readonly holders: Holders;
  /** The address at which other workers reach this one. */
  readonly ownAddress: () => string | undefined;
  /** Most bytes on their way at once; a larger result is fetched by itself. */
  readonly bytesAtOnce: number;
  /** This worker has a copy of the result now. */
  readonly copied: (wanted: Wanted, bytes: number) => void;
};

export const fetchesAtOnce = 64;
/** What a fetch takes on the heap until it is over. */
const fetchHeapBytes = 4_096;

type Fetch = {
  readonly wanted: Wanted;
  readonly done: PromiseWithResolvers<Entry>;
  readonly stop: AbortController;
  /** How many wait for it. */
  wanting: number;
};

export class Fetches {
  readonly #options: FetchesOptions;
  /** All fetches that are under way or wait for their turn, by result. */
  readonly #fetches = new Map<string, Fetch>();
  readonly #waiting = new Set<Fetch>();
  #active = 0;
  #activeBytes = 0;

  constructor(options: FetchesOptions) {
    this.#options = options;
  }

  get heapBytes(): number {
    return this.#fetches.size * fetchHeapBytes;
  }

  /** The result if it is in memory, pinned in the store: the caller gives it to `store.letGo`. */
  find(wanted: Want & { readonly here?: boolean }): Entry | undefined {
    const entry = this.#entryOf(wanted);
    return entry && this.#options.store.pin(entry) !== undefined ? entry : undefined;
  }

  /**
   * The result, pinned in the store: the caller gives it to `store.letGo`. Not a promise when the result is
   * in memory.
   *
   * @throws {MissingError} when no holder gives it
   */
  get(wanted: Wanted, signal: AbortSignal): Entry | Promise<Entry> {
    const entry = this.#entryOf(wanted);
    if (entry === undefined) return this.#join(wanted, signal);
    if (this.#options.store.pin(entry) !== undefined) return entry;
    return this.#readBack(entry, wanted, signal);
  }

  /**
   * Without an order the entry may be of an earlier task of the same key, unless the scheduler says that this
   * worker is a holder.
   */
  #entryOf(wanted: Want & { readonly here?: boolean }): Entry | undefined {
    const entry = this.#options.store.find(wanted);
    return entry && (wanted.here || entry.order !== undefined) ? entry : undefined;
  }

  async #readBack(entry: Entry, wanted: Wanted, signal: AbortSignal): Promise<Entry> {
    const payload = await this.#options.store.fetch(entry);
    return payload === undefined ? this.#join(wanted, signal) : entry;
  }

  /** Waits for the fetch of this result, and starts it if there is none. */
  async #join(wanted: Wanted, signal: AbortSignal): Promise<Entry> {
    const { store } = this.#options;
    const { key, order, attempt } = wanted;
    const name = `${order} ${attempt} ${key}`;
    const fetch = this.#fetches.get(name) ?? this.#start(name, wanted);
    fetch.wanting += 1;
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => undefined);
    const giveUp = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) giveUp();
    try {
      const entry = await Promise.race([fetch.done.promise, aborted.promise]);
      // The fetch itself holds one pin until all who waited have taken theirs.
      entry.pins += 1;
      return entry;
    } finally {
      signal.removeEventListener("abort", giveUp);
      fetch.wanting -= 1;
      if (fetch.wanting === 0) {
        fetch.stop.abort(signal.reason);
        if (this.#waiting.delete(fetch)) fetch.done.reject(signal.reason);
        fetch.done.promise.then(
          (entry) => store.letGo(entry),
          () => undefined,
        );
        if (this.#fetches.get(name) === fetch) this.#fetches.delete(name);
      }
    }
  }

  #start(name: string, wanted: Wanted): Fetch {
    const done = Promise.withResolvers<Entry>();
    const fetch: Fetch = { wanted, done, stop: new AbortController(), wanting: 0 };
    this.#fetches.set(name, fetch);
    done.promise
      .catch(() => undefined)
      .finally(() => {
        if (this.#fetches.get(name) === fetch) this.#fetches.delete(name);
      });
    this.#waiting.add(fetch);
    this.startMore();
    return fetch;
  }

  /** Starts the fetches that there is room for; called again when the store has more room. */
  startMore(): void {
    const { bytesAtOnce, store } = this.#options;
    for (const fetch of this.#waiting) {
      if (this.#active >= fetchesAtOnce) return;
      const { bytes } = fetch.wanted;
      // One fetch runs whatever room there is: otherwise calls could wait for each other's inputs for ever.
      const hasRoom = this.#activeBytes + bytes <= bytesAtOnce && store.hasRoomFor(bytes);
      if (this.#active > 0 && !hasRoom) return;
      this.#waiting.delete(fetch);
      void this.#run(fetch);
    }
  }

  async #run(fetch: Fetch): Promise<void> {
    const { store } = this.#options;
    const { bytes } = fetch.wanted;
    this.#active += 1;
    this.#activeBytes += bytes;
    store.expect(bytes);
    try {
      fetch.done.resolve(await this.#fetch(fetch));
    } catch (error) {
      fetch.done.reject(error);
    } finally {
      store.unexpect(bytes);
      this.#active -= 1;
      this.#activeBytes -= bytes;
      this.startMore();
    }
  }

  async #fetch({ wanted, stop }: Fetch): Promise<Entry> {
    const { store, holders, ownAddress, copied } = this.#options;
    const { key, order, attempt, from, here } = wanted;
    const own = ownAddress();
    const lacking = here && own !== undefined ? [own] : [];
    const others = from.filter((address) => address !== own);
    let payload: Payload;
    try {
      payload = await holders.ask(others, (holder) => transfer(holder, wanted, stop.signal), {
        signal: stop.signal,
        lacks: (address) => lacking.push(address),
      });
    } catch (error) {
      if (stop.signal.aborted) throw error;
      throw new MissingError(wanted, lacking, (error as Error).message);
    }
    // The scheduler keeps a result without holders itself: no second copy stays here.
    const passing = from.length === 0 && !here;
    const entry = store.put({ key, order, attempt }, payload, { pinned: true, passing });
    if (!passing) copied(wanted, entry.bytes);
    return entry;
  }
}

async function transfer(holder: Requester, wanted: Wanted, signal: AbortSignal): Promise<Payload> {
  const { bytes } = wanted;
  try {
    const payload = await holder.fetch(wanted, bytes, allocate, signal);
    signal.throwIfAborted();
    return payload;
  } catch (error) {
    // The memory that was made for the value.
    countShared(bytes);
    throw error;
  }
}
