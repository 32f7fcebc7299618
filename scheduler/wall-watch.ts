// Watches the clock of the machine while tasks wait for a moment by it (`startAt`), and tells the core when
// that clock was set, or the machine slept: the core's own clock knows nothing of either.

import { clearTimeout, setTimeout, wallTime } from "../src/timers.ts";
import type { State } from "./core/state.ts";

/** The clock is looked at so often: a task starts this much late, at most, after the clock was set. */
const lookMs = 1_000;

/** The two clocks of a machine are adjusted by little, all the time; that much is not told. */
const negligibleMs = 100;

export class WallWatch {
  readonly #state: State;
  readonly #coreClock: () => number;
  readonly #tell: (at: number) => void;
  readonly #clock: () => number;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: {
    state: State;
    /** The clock of the core. */
    now: () => number;
    /** Tells the core what the clock of the machine says. */
    tell: (at: number) => void;
    clock?: () => number;
  }) {
    this.#state = options.state;
    this.#coreClock = options.now;
    this.#tell = options.tell;
    this.#clock = options.clock ?? wallTime;
    this.consider();
  }

  /** Called after every step: tasks may wait for a moment now. */
  consider(): void {
    if (this.#stopped || this.#timer !== undefined || this.#state.wallTimers.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.consider();
    }, lookMs);
    this.#look();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #look(): void {
    const at = this.#clock();
    const setMs = at - this.#coreClock() - this.#state.wallAheadMs;
    if (Math.abs(setMs) > negligibleMs) this.#tell(at);
  }
}
