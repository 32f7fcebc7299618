// Passes values on between those that cannot reach each other: to whoever asks here, from the worker
// that holds them, chunk by chunk as they are read; and gives away what the scheduler itself keeps.

import type { Socket } from "../src/link/socket.ts";
import type { OpenSocket } from "../src/link/dial.ts";
import { ConnectionError } from "../src/errors/errors.ts";
import type { Incoming } from "../src/transfer/flow.ts";
import type { Want } from "../src/transfer/messages.ts";
import { Peers } from "../src/transfer/peers.ts";
import { LackingError } from "../src/transfer/requester.ts";
import { relayed, respond } from "../src/transfer/responder.ts";
import { payloadSource, type Source } from "../src/transfer/shape.ts";
import type { Clockwork } from "./clockwork.ts";

export class Relay {
  readonly #clockwork: Clockwork;
  readonly #peers: Peers;
  readonly #ends = new Set<(reason: string) => void>();

  constructor(options: { clockwork: Clockwork; token: string; open: OpenSocket }) {
    this.#clockwork = options.clockwork;
    this.#peers = new Peers({ token: () => options.token, open: options.open });
  }

  /** Answers on a socket that showed the token. */
  accept(socket: Socket): void {
    const responding = respond(
      socket,
      {
        find: (want) => this.#find(want),
        take: (want, incoming, to) => this.#passOn(want, incoming, to),
      },
      () => this.#ends.delete(responding.end),
    );
    this.#ends.add(responding.end);
  }

  close(): void {
    for (const end of this.#ends) end("the scheduler ends");
    this.#peers.close();
  }

  #find(want: Want): Source | undefined | Promise<Source | undefined> {
    const found = this.#clockwork.find(want);
    if (found === undefined) return undefined;
    return found.value === undefined
      ? this.#fetch(want, found.holders)
      : payloadSource(found.value);
  }

  async #fetch(
    want: Want,
    holders: readonly { id: string; address: string }[],
  ): Promise<Source | undefined> {
    const problems: string[] = [];
    for (const { id, address } of holders) {
      try {
        const peer = await this.#peers.at(address);
        const incoming = await peer.get(want);
        return relayed(incoming, () => peer.abandon(incoming));
      } catch (error) {
        problems.push(`${address}: ${(error as Error).message}`);
        if (error instanceof LackingError) {
          this.#clockwork.handle({ ...want, type: "holder-lacks", worker: id });
        }
      }
    }
    if (this.#clockwork.find(want) === undefined) return undefined;
    throw new ConnectionError(`none of its holders could be reached: ${problems.join("; ")}`);
  }

  async #passOn(want: Want, incoming: Incoming, to: string | undefined): Promise<void> {
    if (to === undefined || !this.#clockwork.isWorkerAt(to)) {
      throw new ConnectionError("send it to a worker that is here: none has this address");
    }
    const peer = await this.#peers.at(to);
    await peer.put(
      want,
      relayed(incoming, () => undefined),
    );
  }
}
