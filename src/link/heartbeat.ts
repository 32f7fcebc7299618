// The pulse of one socket of a link: a sign of life at every beat, and an eye on the other side's. It
// counts beats, not time, so that a process that was busy for long does not blame its peer for it.

import type { Cancel, Clock } from "./clock.ts";

const silentBeatsToDrop = 3;

export type HeartbeatOptions = {
  clock: Clock;
  intervalMs: number;
  beat(): void;
  /** Nothing was heard for three; the heartbeat has stopped. */
  silent(forMs: number): void;
};

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #cancel: Cancel | undefined;
  #heard = false;
  #silentBeats = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#wait();
  }

  heard(): void {
    this.#heard = true;
  }

  stop(): void {
    this.#cancel?.();
  }

  #wait(): void {
    const { clock, intervalMs } = this.#options;
    this.#cancel = clock.setTimeout(() => this.#tick(), intervalMs, { keepAlive: false });
  }

  #tick(): void {
    this.#silentBeats = this.#heard ? 0 : this.#silentBeats + 1;
    if (this.#silentBeats >= silentBeatsToDrop) {
      this.#options.silent(silentBeatsToDrop * this.#options.intervalMs);
      return;
    }
    this.#heard = false;
    this.#wait();
    this.#options.beat();
  }
}
