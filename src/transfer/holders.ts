// Asks the holders of a value one after the other until one of them serves it. Remembers the addresses
// that did not answer, so that the time until that is certain is not spent again for each value.

import { AuthenticationError, ConnectionError } from "../errors/errors.ts";
import { systemClock, type Clock } from "../link/clock.ts";
import type { Want } from "./messages.ts";
import { Peers, type PeersOptions } from "./peers.ts";
import { LackingError, StalledError, type Requester } from "./requester.ts";

/** A result, its size, and the addresses of its holders. */
export type Located = Want & { readonly bytes: number; readonly from: readonly string[] };

export type HoldersOptions = PeersOptions & {
  /** The address that is asked last: the scheduler, which passes values on. */
  readonly fallback?: () => string | undefined;
  /**
   * This machine may be outside of the network of all holders. While none has ever answered, so many that do not
   * answer speak for all, and the fallback stands in for them. Default: never.
   */
  readonly outsideAfter?: number;
};

export type AskOptions = {
  /** Ends the search: no further holder is asked. */
  readonly signal?: AbortSignal;
  /** Hears of each holder that answers that it does not have the value. */
  readonly lacks?: (address: string) => void;
};

/** An address that did not answer is not asked again for this long. */
const avoidMs = 60_000;
/** Nor one that was connected and stood still, though there is no fallback: it would cost as long again. */
const stalledMs = 10_000;
/** Whoever is asked though it did not answer before, for lack of a fallback, has this long to be there again. */
const againMs = 100;

/** An address that did not answer. */
type Avoided = { readonly until: number; readonly notBefore: number; readonly problem: Error };

export class Holders {
  readonly #peers: Peers;
  readonly #clock: Clock;
  readonly #fallback: () => string | undefined;
  readonly #outsideAfter: number;
  #hasAnyAnswered = false;
  readonly #avoided = new Map<string, Avoided>();

  constructor({ fallback = () => undefined, outsideAfter = Infinity, ...options }: HoldersOptions) {
    this.#peers = new Peers(options);
    this.#outsideAfter = outsideAfter;
    this.#clock = options.clock ?? systemClock;
    this.#fallback = fallback;
  }

  /**
   * The result of `use` for the first holder with which it succeeds.
   *
   * @throws {ConnectionError} when it succeeds with none, with the problem of each
   * @throws the error of `use` once the signal has aborted
   */
  async ask<Result>(
    addresses: readonly string[],
    use: (holder: Requester, address: string) => Promise<Result>,
    { signal, lacks }: AskOptions = {},
  ): Promise<Result> {
    const problems: string[] = [];
    const fallback = this.#fallback();
    for (const address of this.#inOrder(addresses, fallback)) {
      signal?.throwIfAborted();
      if (address !== fallback && fallback !== undefined && this.#isOutside) continue;
      try {
        return await use(await this.#connect(address, fallback), address);
      } catch (error) {
        if (signal?.aborted) throw error;
        if (error instanceof LackingError && address !== fallback) lacks?.(address);
        if (error instanceof StalledError && address !== fallback) {
          this.#avoid(address, error, stalledMs);
        }
        problems.push(`${address}: ${(error as Error).message}`);
      }
    }
    throw new ConnectionError(problems.join("; ") || "no holder is known");
  }

  close(): void {
    this.#peers.close();
  }

  /** The fallback stands in for addresses that did not answer; without one they are asked last. */
  #inOrder(addresses: readonly string[], fallback: string | undefined): readonly string[] {
    const now = this.#clock.now();
    for (const [address, { until }] of this.#avoided) {
      if (until <= now) this.#avoided.delete(address);
    }
    const answering = addresses.filter((address) => !this.#avoided.has(address));
    if (fallback !== undefined) return [...answering, fallback];
    return [...answering, ...addresses.filter((address) => this.#avoided.has(address))];
  }

  /** Nobody has ever answered, and enough have not within the last minute. */
  get #isOutside(): boolean {
    return !this.#hasAnyAnswered && this.#avoided.size >= this.#outsideAfter;
  }

  /** The connection to an address; soon an error when it did not answer before, while it is asked again. */
  #connect(address: string, fallback: string | undefined): Promise<Requester> {
    const avoided = address === fallback ? undefined : this.#avoided.get(address);
    if (avoided === undefined) return this.#connectInTime(address, fallback);
    if (this.#clock.now() < avoided.notBefore) return Promise.reject(avoided.problem);
    const { promise: tooLate, reject } = Promise.withResolvers<never>();
    const stop = this.#clock.setTimeout(() => reject(avoided.problem), againMs);
    const connected = this.#connectInTime(address, fallback);
    return Promise.race([connected, tooLate]).finally(stop);
  }

  async #connectInTime(address: string, fallback: string | undefined): Promise<Requester> {
    try {
      const requester = await this.#peers.at(address);
      if (address !== fallback) this.#hasAnyAnswered = true;
      this.#avoided.delete(address);
      return requester;
    } catch (error) {
      // A refused token is an answer, and the next token may be accepted.
      const isSilent = !(error instanceof AuthenticationError);
      if (isSilent && address !== fallback) this.#avoid(address, error as Error);
      throw error;
    }
  }

  #avoid(address: string, problem: Error, forMs = 0): void {
    const now = this.#clock.now();
    this.#avoided.set(address, { until: now + avoidMs, notBefore: now + forMs, problem });
  }
}
