// Serves values at the scheduler: those that the scheduler keeps, and those of workers, which it passes on
// chunk by chunk to workers and clients that cannot reach the holder.

import { ConnectionError } from "../src/errors/errors.ts";
import type { OpenSocket } from "../src/link/dial.ts";
import type { Socket } from "../src/link/socket.ts";
import type { Incoming } from "../src/transfer/incoming.ts";
import { Holders } from "../src/transfer/holders.ts";
import type { Want } from "../src/transfer/messages.ts";
import { relayed, respond } from "../src/transfer/responder.ts";
import { payloadSource, type Source } from "../src/transfer/shape.ts";
import type { Clockwork } from "./clockwork.ts";

export class Relay {
  readonly #clockwork: Clockwork;
  readonly #holders: Holders;
  readonly #ends = new Set<(reason: string) => void>();
  readonly #stallMs: number | undefined;

  constructor(options: {
    clockwork: Clockwork;
    token: string;
    open: OpenSocket;
    /** See `ResponderOptions`. */
    stallMs?: number | undefined;
  }) {
    this.#stallMs = options.stallMs;
    this.#clockwork = options.clockwork;
    this.#holders = new Holders({ token: () => options.token, open: options.open });
  }

  /** Serves a socket that has proved the full token. */
  accept(socket: Socket): void {
    const responding = respond(
      socket,
      {
        find: (want) => this.#find(want),
        take: (want, incoming, to) => this.#passOn(want, incoming, to),
      },
      () => this.#ends.delete(responding.end),
      { stallMs: this.#stallMs },
    );
    this.#ends.add(responding.end);
  }

  close(): void {
    for (const end of this.#ends) end("the scheduler ends");
    this.#holders.close();
  }

  #find(want: Want): Source | undefined | Promise<Source | undefined> {
    const found = this.#clockwork.find(want);
    if (found === undefined) return undefined;
    if (found.value !== undefined) return payloadSource(found.value);
    return this.#fetch(want, new Map(found.holders.map(({ id, address }) => [address, id])));
  }

  /** @param holders the id of each holder, by address */
  async #fetch(want: Want, holders: ReadonlyMap<string, string>): Promise<Source | undefined> {
    const lacks = (address: string) => {
      this.#clockwork.handle({ ...want, type: "holder-lacks", worker: holders.get(address)! });
    };
    try {
      return await this.#holders.ask(
        [...holders.keys()],
        async (holder) => {
          const incoming = await holder.get(want);
          return relayed(incoming, () => holder.abandon(incoming));
        },
        { lacks },
      );
    } catch (error) {
      if (this.#clockwork.find(want) === undefined) return undefined;
      const { message } = error as Error;
      throw new ConnectionError(`none of its holders could be reached: ${message}`);
    }
  }

  /** Sends a value that comes from a client on to a worker. */
  async #passOn(want: Want, incoming: Incoming, to: string | undefined): Promise<void> {
    if (to === undefined || !this.#clockwork.isWorkerAt(to)) {
      throw new ConnectionError("send it to a worker that is here: none has this address");
    }
    await this.#holders.ask([to], (worker) =>
      worker.put(
        want,
        relayed(incoming, () => undefined),
      ),
    );
  }
}
