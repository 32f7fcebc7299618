// How many jobs are on their way at once.

export type Window = {
  readonly size: number;
  /** A job has ended. */
  jobEnded(): void;
};

/** One job for each slot. */
export function slotWindow(slots: () => number): Window {
  return {
    get size() {
      return slots();
    },
    jobEnded: () => undefined,
  };
}

/** As many jobs are sent ahead as end in about this time, in milliseconds. */
const aheadMs = 200;
/** Bounds the memory. */
const mostJobs = 4_096;

/**
 * More jobs than slots when they are short, so that no slot waits for the next one. Long jobs are not
 * sent ahead, so that a halt or an interrupt leaves nothing to be done but what runs.
 */
export class GrowingWindow implements Window {
  readonly #slots: () => number;
  readonly #now: () => number;
  #factor = 1;
  /** Jobs that have ended since a whole window was last seen to end. */
  #ended = 0;
  #since: number;

  constructor(slots: () => number, now: () => number = () => performance.now()) {
    this.#slots = slots;
    this.#now = now;
    this.#since = now();
  }

  get size(): number {
    const slots = this.#slots();
    return Math.max(slots, Math.min(mostJobs, Math.floor(slots * this.#factor)));
  }

  jobEnded(): void {
    this.#ended++;
    if (this.#ended < this.size) return;
    const now = this.#now();
    const ms = now - this.#since;
    if (ms < aheadMs / 2 && this.size < mostJobs) this.#factor *= 2;
    else if (ms > aheadMs * 2) this.#factor = Math.max(1, this.#factor / 2);
    this.#ended = 0;
    this.#since = now;
  }
}
