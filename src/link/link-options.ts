// The options of a link, and the events that it reports to the layer above.

import type { Check } from "../wire/check.ts";
import type { Clock } from "./clock.ts";
import type { SocketData } from "./socket.ts";

export type LinkEvents<In> = {
  /**
   * All messages of one frame, in order; the frame as it came, and how many messages are taken with it. An
   * error thrown here ends the link as `violate` does: throw a `ProtocolError` for a message that is
   * well-formed but not allowed.
   */
  messages(batch: In[], frame: SocketData, received: number): void;
  /** The socket dropped; messages wait for the next `attach`. */
  down(reason: string): void;
  /**
   * The peer is silent on an open socket, as a busy or sleeping process is: its system keeps the socket.
   * The link goes on, and `heard` follows with the next sign of life. Without this handler silence is a
   * drop.
   */
  silent?(reason: string): void;
  heard?(): void;
  /**
   * The session has ended. The last event; there is none when this side called `close`. The error is
   * `undefined` when the other side closed the session, a `ProtocolError` when one side violated the
   * protocol, a `ConnectionError` when too much was waiting, else what `messages` threw.
   */
  ended(error: Error | undefined): void;
  /** A message is larger than a frame. It is left out; without this handler the link ends. */
  unsendable?(message: unknown, error: Error): void;
};

export type LinkOptions<In> = {
  check: Check<In>;
  on: LinkEvents<In>;
  /**
   * Messages are acknowledged when `Link.took` says so, because they have to be kept first. Default: as
   * soon as they are read.
   */
  takesLater?: boolean;
  /** The interval of the heartbeat. Three beats in a row without data from the peer are silence. */
  heartbeatMs: number;
  /** Largest frame to write, in bytes. Default: `limits.frameBytes`. */
  frameBytes?: number;
  /** Memory that what is read of one frame may take; a peer that sends more is cut off. Default: no limit. */
  readBytes?: number;
  /**
   * While more than this waits for a peer that does not read, the link does not read from it either.
   * For the accepting side only: two sides that both stop reading deadlock. Default: no limit.
   */
  pauseAboveBytes?: number;
  /** The session ends when more than this waits for the peer. Default: no limit. */
  endAboveBytes?: number;
  clock?: Clock;
};
