// Fetches values that stayed with the workers that made them, within bounds: values that are not asked for
// yet stay with their holders.

import { isLoopback } from "../src/meeting/loopback.ts";
import PQueue from "p-queue";
import { TimeoutError } from "../src/errors/errors.ts";
import type { Clock } from "../src/link/clock.ts";
import type { DialTarget, OpenSocket } from "../src/link/dial.ts";
import type { Payload } from "../src/payload/payload.ts";
import { Holders, type Located } from "../src/transfer/holders.ts";
import { transferAddress } from "../src/transfer/messages.ts";
import { payloadSource } from "../src/transfer/shape.ts";

export type { Located };

export type FetcherOptions = {
  /** Where the scheduler was found most recently. */
  readonly target: () => DialTarget | undefined;
  readonly open: OpenSocket;
  readonly clock?: Clock | undefined;
};

/** Most values and bytes under way at once; one value may be larger. */
const valuesAtOnce = 64;
const bytesAtOnce = 256 * 1024 * 1024;
/** Short, since a worker on a network that this machine cannot reach does not answer. */
const connectMs = 2_000;

export class Fetcher {
  readonly #holders: Holders;
  readonly #target: () => DialTarget | undefined;
  readonly #turns = new PQueue({ concurrency: valuesAtOnce });
  /** Wakes the fetches whose turn has come and whose bytes have no room yet. */
  readonly #waiting: (() => void)[] = [];
  #bytes = 0;

  constructor({ target, open, clock }: FetcherOptions) {
    this.#target = target;
    this.#holders = new Holders({
      token: () => target()?.token,
      open,
      clock,
      connectMs,
      outsideAfter: 1,
      fallback: () => {
        const url = target()?.url;
        return url === undefined ? undefined : transferAddress(url);
      },
    });
  }

  /**
   * The value.
   *
   * @throws {ConnectionError} when no holder gives it, with the problem of each; the holders may have
   * changed meanwhile
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
      const from = this.#reachable(located.from);
      return await this.#holders.ask(from, (holder) => holder.fetch(located, bytes));
    } finally {
      this.#bytes -= bytes;
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }

  /** Sends a value to a worker, directly or through the scheduler. Rejects when neither takes it. */
  async send({ from: [worker], ...want }: Located, payload: Payload): Promise<void> {
    if (worker === undefined) throw new TimeoutError("there is no worker to send the value to");
    await this.#holders.ask(this.#reachable([worker]), (holder, address) => {
      const to = address === worker ? undefined : worker;
      return holder.put(want, payloadSource(payload), to);
    });
  }

  /**
   * Leaves out other machines when the scheduler is found on loopback, at this end of a tunnel: whoever
   * has these addresses on the network here is somebody else, and to find that out would take time.
   */
  #reachable(addresses: readonly string[]): readonly string[] {
    const url = this.#target()?.url;
    return url === undefined || !isLoopback(url) ? addresses : addresses.filter(isLoopback);
  }

  close(): void {
    this.#turns.clear();
    this.#holders.close();
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
