// Gets results from those who hold them: from one holder after the other, at last through the
// scheduler; many at once within bounds; and once only when several calls want the same.

import type { Reference } from "../../src/wire/protocol.ts";
import { LackingError } from "../../src/transfer/requester.ts";
import type { Peers } from "../../src/transfer/peers.ts";
import { allocate, countShared } from "../boundary/shared-memory.ts";
import type { Entry, Store } from "./store.ts";

/** A result to be fetched, with the addresses of its holders. */
export type Wanted = Omit<Reference, "from" | "here"> & {
  readonly from: readonly string[];
  /** It is said to be here. */
  readonly here: boolean;
};

/** It is not to be had: who said that they do not have it, and why the others could not be asked. */
export class MissingError extends Error {
  readonly wanted: Wanted;
  readonly lacking: readonly string[];

  constructor(wanted: Wanted, lacking: readonly string[], why: string) {
    super(why);
    this.wanted = wanted;
    this.lacking = lacking;
  }
}

export type FetchingOptions = {
  readonly store: Store;
  readonly peers: Peers;
  /** Where this worker itself can be reached, and where the scheduler passes values on. */
  readonly ownAddress: () => string | undefined;
  readonly schedulerAddress: () => string | undefined;
  /** Bytes on their way here at once; a larger value comes by itself. */
  readonly bytesAtOnce: number;
  /** This worker has a copy now. */
  readonly held: (wanted: Wanted, bytes: number) => void;
};

const fetchesAtOnce = 64;

type Fetch = {
  readonly wanted: Wanted;
  readonly done: PromiseWithResolvers<Entry>;
  readonly stop: AbortController;
  wanting: number;
};

export class Fetching {
  readonly #options: FetchingOptions;
  /** Under way or waiting for their turn, by the result that they are for. */
  readonly #fetches = new Map<string, Fetch>();
  readonly #waiting = new Set<Fetch>();
  #active = 0;
  #activeBytes = 0;

  constructor(options: FetchingOptions) {
    this.#options = options;
  }

  /**
   * The result, pinned in the store: to be given to `store.letGo`. At once when it is in memory.
   *
   * @throws {MissingError} when it is not to be had
   */
  get(wanted: Wanted, signal: AbortSignal): Entry | Promise<Entry> {
    const { store } = this.#options;
    const entry = store.find(wanted);
    // A value of the same key that was not said to be the one may be of an earlier task.
    if (entry && (wanted.here || entry.order !== undefined)) {
      if (store.pin(entry) !== undefined) return entry;
      return this.#readBack(entry, wanted, signal);
    }
    return this.#join(wanted, signal);
  }

  async #readBack(entry: Entry, wanted: Wanted, signal: AbortSignal): Promise<Entry> {
    const payload = await this.#options.store.fetch(entry);
    return payload === undefined ? this.#join(wanted, signal) : entry;
  }

  /** Starts a fetch, or waits for the one under way. */
  async #join(wanted: Wanted, signal: AbortSignal): Promise<Entry> {
    const { store } = this.#options;
    const { key, order, attempt } = wanted;
    const name = `${order} ${attempt} ${key}`;
    let fetch = this.#fetches.get(name);
    if (fetch === undefined) {
      const started: Fetch = {
        wanted,
        done: Promise.withResolvers<Entry>(),
        stop: new AbortController(),
        wanting: 0,
      };
      fetch = started;
      this.#fetches.set(name, started);
      started.done.promise
        .catch(() => undefined)
        .finally(() => {
          if (this.#fetches.get(name) === started) this.#fetches.delete(name);
        });
      this.#waiting.add(started);
      this.startMore();
    }
    const mine = fetch;
    mine.wanting += 1;
    const given = Promise.withResolvers<never>();
    given.promise.catch(() => undefined);
    const giveUp = () => given.reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) giveUp();
    try {
      const entry = await Promise.race([mine.done.promise, given.promise]);
      // The fetch itself holds one pin until all who waited have taken theirs.
      entry.pins += 1;
      return entry;
    } finally {
      signal.removeEventListener("abort", giveUp);
      mine.wanting -= 1;
      if (mine.wanting === 0) {
        mine.stop.abort(signal.reason);
        if (this.#waiting.delete(mine)) mine.done.reject(signal.reason);
        mine.done.promise.then(
          (entry) => store.letGo(entry),
          () => undefined,
        );
        if (this.#fetches.get(name) === mine) this.#fetches.delete(name);
      }
    }
  }

  /** Also when there is room in the store again. */
  startMore(): void {
    const { bytesAtOnce, store } = this.#options;
    for (const fetch of this.#waiting) {
      if (this.#active >= fetchesAtOnce) return;
      const { bytes } = fetch.wanted;
      // One comes whatever there is room for: else calls could wait for each other's inputs for ever.
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
    const { store, peers, ownAddress, schedulerAddress, held } = this.#options;
    const { key, order, attempt, bytes, from } = wanted;
    const own = ownAddress();
    const lacking: string[] = [];
    if (wanted.here && own !== undefined) lacking.push(own);
    const scheduler = schedulerAddress();
    const addresses = from.filter((address) => address !== own);
    const problems: string[] = [];
    for (const address of [...addresses, ...(scheduler === undefined ? [] : [scheduler])]) {
      stop.signal.throwIfAborted();
      try {
        const peer = await peers.at(address);
        const payload = await peer.fetch(wanted, bytes, allocate, stop.signal);
        stop.signal.throwIfAborted();
        // What the scheduler keeps is not to be kept here too.
        const passing = from.length === 0 && !wanted.here;
        const entry = store.put({ key, order, attempt }, payload, { pinned: true, passing });
        if (!passing) held(wanted, entry.bytes);
        return entry;
      } catch (error) {
        // What had come of it.
        countShared(bytes);
        if (stop.signal.aborted) throw error;
        if (error instanceof LackingError && address !== scheduler) lacking.push(address);
        problems.push(`${address}: ${(error as Error).message}`);
      }
    }
    throw new MissingError(wanted, lacking, problems.join("; ") || "nobody is known to have it");
  }
}
