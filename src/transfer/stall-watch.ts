// Notices that a connection stands still while it is the other side's turn to move.

import type { Cancel, Clock } from "../link/clock.ts";

export type Watched = {
  /** The other side is to send or to read something, or to end the connection. */
  isTheirTurn(): boolean;
  /** Any number that changes with every move. */
  moves(): number;
  stalled(forMs: number): void;
  /** Called now and then while it is not their turn. */
  waiting?(): void;
};

/** Most milliseconds between two looks. */
const mostTickMs = 5_000;

export class StallWatch {
  readonly #clock: Clock;
  readonly #stallMs: number;
  readonly #watched: Watched;
  #timer: Cancel | undefined;
  #moves = 0;
  #since = 0;

  constructor(clock: Clock, stallMs: number, watched: Watched) {
    this.#clock = clock;
    this.#stallMs = stallMs;
    this.#watched = watched;
  }

  /** Watches from now on; has no effect while it watches. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#moved();
    this.#tick();
  }

  stop(): void {
    this.#timer?.();
    this.#timer = undefined;
  }

  #moved(): void {
    this.#moves = this.#watched.moves();
    this.#since = this.#clock.now();
  }

  #tick(): void {
    const tickMs = Math.min(this.#stallMs / 4, mostTickMs);
    const dueAt = this.#clock.now() + tickMs;
    const look = () => {
      const now = this.#clock.now();
      // A process that stood still itself has not read yet what came meanwhile.
      const wasAsleep = now > dueAt + tickMs;
      const isTheirTurn = this.#watched.isTheirTurn();
      if (!isTheirTurn) this.#watched.waiting?.();
      if (wasAsleep || !isTheirTurn || this.#watched.moves() !== this.#moves) this.#moved();
      if (now - this.#since < this.#stallMs) return this.#tick();
      this.#timer = undefined;
      this.#watched.stalled(now - this.#since);
    };
    this.#timer = this.#clock.setTimeout(look, tickMs, { keepAlive: false });
  }
}
