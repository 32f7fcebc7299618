// `--timeout`: which of the running jobs have run too long. All jobs have the same limit, so the one
// that started first is the first to exceed it.

import { setTimeout, clearTimeout } from "../../../src/timers.ts";
import { longestTimerMs } from "../../../src/duration.ts";
import type { JobTimeout } from "../command-line/option-values.ts";

/** The median is that of the last jobs, of so many at most. */
const mostTimes = 999;

export class TimeLimit<Running extends { readonly startedAt: number }> {
  readonly #limit: JobTimeout;
  readonly #exceeded: (job: Running) => void;
  readonly #running = new Set<Running>();
  readonly #times = new Median(mostTimes);
  #timer: NodeJS.Timeout | undefined;

  /** @param exceeded called with each job that has run too long */
  constructor(limit: JobTimeout, exceeded: (job: Running) => void) {
    this.#limit = limit;
    this.#exceeded = exceeded;
  }

  jobStarted(job: Running): void {
    this.#running.add(job);
    if (this.#running.size === 1) this.#look();
  }

  jobEnded(job: Running): void {
    this.#running.delete(job);
    if (this.#running.size === 0) clearTimeout(this.#timer);
  }

  /** The time of a job that succeeded; the median is that of these. */
  addTime(ms: number): void {
    if (!("percentOfMedian" in this.#limit)) return;
    this.#times.add(ms);
    this.#look();
  }

  #look(): void {
    clearTimeout(this.#timer);
    const limitMs =
      "ms" in this.#limit
        ? this.#limit.ms
        : (this.#limit.percentOfMedian / 100) * this.#times.value;
    if (!(limitMs < longestTimerMs)) return;
    const now = Date.now();
    for (const job of this.#running) {
      const leftMs = job.startedAt + limitMs - now;
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.#look(), Math.ceil(leftMs));
        return;
      }
      this.#running.delete(job);
      this.#exceeded(job);
    }
  }
}

/** The median of the last numbers; Infinity when there is none. */
class Median {
  readonly #most: number;
  readonly #inOrder: number[] = [];
  readonly #sorted: number[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  get value(): number {
    return this.#sorted[this.#sorted.length >> 1] ?? Infinity;
  }

  add(number: number): void {
    if (this.#inOrder.length === this.#most) {
      this.#sorted.splice(this.#placeOf(this.#inOrder.shift()!), 1);
    }
    this.#inOrder.push(number);
    this.#sorted.splice(this.#placeOf(number), 0, number);
  }

  #placeOf(number: number): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sorted[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
