// What the upper layer gives to a link and hears from it.

import type { Check } from "../wire/check.ts";
import type { Clock } from "./clock.ts";

export type LinkEvents<In> = {
  /**
   * All messages of one frame, in order. An error thrown here ends the link as `violate` does, so
   * that a message which is well-formed and still wrong is answered by throwing `ProtocolError`.
   */
  messages(batch: In[]): void;
  /** The socket dropped; what is sent now waits for the next `attach`. */
  down(reason: string): void;
  /**
   * The last event, unless `close` was called on this side: the session is over for ever.
   * `undefined` when the other side said goodbye; a `ProtocolError` when one side broke the
   * protocol; a `ConnectionError` when too much was waiting; else what `messages` threw.
   */
  ended(error: Error | undefined): void;
  /** A message larger than a frame may be. It is left out; without this handler the link ends. */
  unsendable?(message: unknown, error: Error): void;
};

export type LinkOptions<In> = {
  check: Check<In>;
  on: LinkEvents<In>;
  /** Each side gives a sign of life this often; three beats without one from the peer: a drop. */
  heartbeatMs: number;
  /** Largest frame to write, in bytes. Default: `limits.frameBytes`. */
  frameBytes?: number;
  /**
   * While this much waits for a peer that does not read, nothing is read from it either. For the
   * accepting side only: two sides that both stop reading never start again. Default: no limit.
   */
  pauseAboveBytes?: number;
  /** The session ends when this much waits for the peer, up or down. Default: no limit. */
  endAboveBytes?: number;
  clock?: Clock;
};
