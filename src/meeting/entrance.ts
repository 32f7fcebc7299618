// The room for strangers: WebSockets that have proved nothing yet. Their number, their time and what is read of
// them are bounded, so that whoever can connect can hold nothing.

import type { Duplex } from "node:stream";
import { awaitProof } from "../link/proof.ts";
import { purposeOf, type Purpose } from "../link/purpose.ts";
import type { Socket } from "../link/socket.ts";
import { limits } from "../wire/limits.ts";
import type { Right } from "../wire/rights.ts";
import type { Peer } from "./upgrade-server.ts";

/** The token that proves a right; undefined when the right is not enough for the purpose. */
export type TokenFor = (right: Right, purpose: Purpose) => string | undefined;

export type EntranceOptions = {
  tokenFor: TokenFor;
  /** Receives every socket that proved its token, and listens to it at once. */
  accept: (socket: Socket, peer: Peer, right: Right) => void;
  turnedAway: (why: string, peer: Peer) => void;
  proofMs?: number | undefined;
  /** Default: 4,096. */
  maxStrangers?: number | undefined;
};

/** More bytes than a challenge and a proof take. */
const mostOfProof = 4 * 1024;

export class Entrance {
  readonly #options: EntranceOptions;
  /** What cuts each stranger off, the oldest first. */
  readonly #strangers = new Set<(why: string) => void>();

  constructor(options: EntranceOptions) {
    this.#options = options;
  }

  /** @param stream the connection below the socket */
  async admit(socket: Socket, stream: Duplex & { bytesRead: number }, peer: Peer): Promise<void> {
    const { tokenFor, accept, turnedAway, proofMs, maxStrangers = 4_096 } = this.#options;
    const purpose = purposeOf(peer.path);
    let isRefused = false;
    const refused = (why: string) => {
      if (!isRefused) turnedAway(why, peer);
      isRefused = true;
    };
    const cutOff = (why: string) => {
      refused(why);
      stream.destroy();
    };
    const first = stream.bytesRead;
    // This listener runs after the one of `ws`: a proof that has arrived has paused the stream by now.
    const count = () => {
      if (stream.bytesRead - first > limits.strangerBytes) {
        cutOff("it sent too much before it proved that it knows the token");
      }
    };
    const leave = () => {
      stream.off("data", count);
      stream.off("close", leave);
      this.#strangers.delete(cutOff);
    };
    stream.on("data", count);
    // Who is refused stays a stranger until it has gone: it may still send.
    stream.on("close", leave);
    this.#strangers.add(cutOff);
    if (this.#strangers.size > maxStrangers) {
      // Whoever means well is done within a round trip, so the oldest is the one that does not.
      const [oldest] = this.#strangers;
      this.#strangers.delete(oldest!);
      oldest!("too many others connected before it proved that it knows the token");
    }
    const right = await awaitProof(socket, {
      tokenFor: (claimed) => tokenFor(claimed, purpose),
      purpose,
      timeoutMs: proofMs,
      onRefused(why, hasVanished) {
        // A program that was killed as it connected is no news; `ws` itself cuts off whoever floods it.
        if (!hasVanished || stream.bytesRead - first > mostOfProof) refused(why);
      },
    });
    if (right === undefined || isRefused) return;
    leave();
    accept(socket, peer, right);
    socket.resume();
  }
}
