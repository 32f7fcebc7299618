// Asks the holders of a value one after the other until one of them serves it. Remembers the addresses
// that did not answer, so that the time for a connection is not spent again for each value.

import { AuthenticationError, ConnectionError } from "../errors/errors.ts";
import { systemClock, type Clock } from "../link/clock.ts";
import type { Want } from "./messages.ts";
import { Peers, type PeersOptions } from "./peers.ts";
import { LackingError, type Requester } from "./requester.ts";

/** A result, its size, and the addresses of its holders. */
export type Located = Want & { readonly bytes: number; readonly from: readonly string[] };

export type HoldersOptions = PeersOptions & {
  /** The address that is asked last: the scheduler, which passes values on. */
  readonly fallback?: () => string | undefined;
  /**
   * Whether this machine may be outside of the network of all holders. Then, while none has ever answered,
   * one that does not answer speaks for all, and the fallback stands in for them. Default: false.
   */
  readonly mayBeOutside?: boolean;
};

export type AskOptions = {
  /** Ends the search: no further holder is asked. */
  readonly signal?: AbortSignal;
  /** Hears of each holder that answers that it does not have the value. */
  readonly lacks?: (address: string) => void;
};

/** An address that did not answer is not asked again for this long. */
const avoidMs = 60_000;

export class Holders {
  readonly #peers: Peers;
  readonly #clock: Clock;
  readonly #fallback: () => string | undefined;
  readonly #mayBeOutside: boolean;
  #hasAnyAnswered = false;
  /** When each address that did not answer may be asked again. */
  readonly #avoidedUntil = new Map<string, number>();

  constructor({ fallback = () => undefined, mayBeOutside = false, ...options }: HoldersOptions) {
    this.#peers = new Peers(options);
    this.#mayBeOutside = mayBeOutside;
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
    for (const [address, until] of this.#avoidedUntil) {
      if (until <= now) this.#avoidedUntil.delete(address);
    }
    const answering = addresses.filter((address) => !this.#avoidedUntil.has(address));
    if (fallback !== undefined) return [...answering, fallback];
    return [...answering, ...addresses.filter((address) => this.#avoidedUntil.has(address))];
  }

  /** Nobody has ever answered, and somebody did not within the last minute. */
  get #isOutside(): boolean {
    return this.#mayBeOutside && !this.#hasAnyAnswered && this.#avoidedUntil.size > 0;
  }

  async #connect(address: string, fallback: string | undefined): Promise<Requester> {
    try {
      const requester = await this.#peers.at(address);
      if (address !== fallback) this.#hasAnyAnswered = true;
      return requester;
    } catch (error) {
      // A refused token is an answer, and the next token may be accepted.
      const isSilent = !(error instanceof AuthenticationError);
      if (isSilent) this.#avoidedUntil.set(address, this.#clock.now() + avoidMs);
      throw error;
    }
  }
}
