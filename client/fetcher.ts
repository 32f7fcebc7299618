// Fetches values that stayed with the workers that made them: from a holder directly where it can be
// reached, else through the scheduler. Bounded: what is not asked for yet waits with its holder.

import PQueue from "p-queue";
import { TimeoutError } from "../src/errors/errors.ts";
import { systemClock, type Clock } from "../src/link/clock.ts";
import type { DialTarget, OpenSocket } from "../src/link/dial.ts";
import type { Payload } from "../src/payload/payload.ts";
import { transferPath, type Want } from "../src/transfer/messages.ts";
import { Peers } from "../src/transfer/peers.ts";
import { payloadSource } from "../src/transfer/shape.ts";

/** Where a value is, as the scheduler says. */
export type Located = Want & { readonly bytes: number; readonly from: readonly string[] };

export type FetcherOptions = {
  /** Where the scheduler was found, newest first asked. */
  readonly target: () => DialTarget | undefined;
  readonly open: OpenSocket;
  readonly clock?: Clock | undefined;
};

/** Values and bytes that are under way at once; one value may be larger. */
const valuesAtOnce = 64;
const bytesAtOnce = 256 * 1024 * 1024;
/** A worker on another network does not answer; nobody is to wait long to find that out. */
const connectMs = 2_000;
/** For so long an address that did not answer is not tried again. */
const avoidMs = 60_000;

export class Fetcher {
  readonly #options: FetcherOptions;
  readonly #clock: Clock;
  readonly #peers: Peers;
  readonly #turns = new PQueue({ concurrency: valuesAtOnce });
  /** Those whose turn it is, and for whose bytes there is no room yet. */
  readonly #waiting: (() => void)[] = [];
  /** Addresses that did not answer, each with when it may be tried again. */
  readonly #avoided = new Map<string, number>();
  #bytes = 0;

  constructor(options: FetcherOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { open, clock } = options;
    this.#peers = new Peers({ token: () => options.target()?.token, open, clock, connectMs });
  }

  /**
   * The value.
   *
   * @throws {Error} when nobody gave it, with what each said; where it is may have changed meanwhile
   */
  fetch(located: Located): Promise<Payload> {
    return this.#turns.add(() => this.#fetchWithinBound(located));
  }

  async #fetchWithinBound(located: Located): Promise<Payload> {
    const { bytes } = located;
    while (this.#bytes > 0 && this.#bytes + bytes > bytesAtOnce) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#bytes += bytes;
    try {
      return await this.#fetch(located);
    } finally {
      this.#bytes -= bytes;
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }

  async #fetch(located: Located): Promise<Payload> {
    const problems: string[] = [];
    for (const address of this.#addressesFor(located.from)) {
      try {
        const peer = await this.#reach(address);
        return await peer.fetch(located, located.bytes);
      } catch (error) {
        problems.push(`${address}: ${(error as Error).message}`);
      }
    }
    throw new Error(problems.join("; ") || "nobody is known to have it");
  }

  /** Sends a value to a worker, directly or through the scheduler. Rejects when it cannot be done. */
  async send({ from: [address], ...want }: Located, payload: Payload): Promise<void> {
    if (address === undefined) throw new TimeoutError("there is no worker to send the value to");
    const relay = this.#relay;
    for (const through of this.#addressesFor([address])) {
      try {
        const peer = await this.#reach(through);
        return await peer.put(
          want,
          payloadSource(payload),
          through === relay ? address : undefined,
        );
      } catch (error) {
        if (through === relay || relay === undefined) throw error;
      }
    }
  }

  close(): void {
    this.#turns.clear();
    this.#peers.close();
    for (const wake of this.#waiting.splice(0)) wake();
  }

  get #relay(): string | undefined {
    const url = this.#options.target()?.url;
    return url && `${url.replace(/\/$/, "")}${transferPath}`;
  }

  /** Those that may answer, and the scheduler last. */
  #addressesFor(holders: readonly string[]): string[] {
    const now = this.#clock.now();
    const tried = holders.filter((address) => (this.#avoided.get(address) ?? 0) <= now);
    const relay = this.#relay;
    return relay === undefined ? tried : [...tried, relay];
  }

  async #reach(address: string) {
    try {
      return await this.#peers.at(address);
    } catch (error) {
      if (address !== this.#relay) this.#avoided.set(address, this.#clock.now() + avoidMs);
      throw error;
    }
  }
}
