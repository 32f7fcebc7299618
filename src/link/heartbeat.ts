// The heartbeat of one socket of a link: writes at every beat, and detects a silent peer. Silence is
// counted in beats, not in time, so that a process that was busy does not blame its peer.

import type { Cancel, Clock } from "./clock.ts";

/** So many beats in a row without a sign of life are silence. */
export const beatsOfSilence = 3;

export type HeartbeatOptions = {
  clock: Clock;
  intervalMs: number;
  beat(): void;
  /** Nothing was received for three beats. The heartbeat goes on, unless it is stopped here. */
  silent(forMs: number): void;
};

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #cancel: Cancel | undefined;
  #heard = false;
  #silentBeats = 0;
  #stopped = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#wait();
  }

  heard(): void {
    this.#heard = true;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #wait(): void {
    const { clock, intervalMs } = this.#options;
    this.#cancel = clock.setTimeout(() => this.#tick(), intervalMs, { keepAlive: false });
  }

  #tick(): void {
    this.#silentBeats = this.#heard ? 0 : this.#silentBeats + 1;
    if (this.#silentBeats === beatsOfSilence) {
      this.#options.silent(beatsOfSilence * this.#options.intervalMs);
      if (this.#stopped) return;
    }
    this.#heard = false;
    this.#wait();
    this.#options.beat();
  }
}
