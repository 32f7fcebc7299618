// What must be looked at again at a later moment, soonest first: a binary heap. Entries are never
// taken out at once; whoever is woken checks whether there is still something to do.

import type { Client, FunctionFacts, Spec, Task, Worker } from "./state.ts";

export type Timer =
  | { readonly at: number; readonly due: "start"; readonly task: Task }
  | { readonly at: number; readonly due: "expiry"; readonly task: Task }
  | { readonly at: number; readonly due: "worker-grace"; readonly worker: Worker }
  | { readonly at: number; readonly due: "rebalance"; readonly worker: Worker }
  | { readonly at: number; readonly due: "client-grace"; readonly client: Client }
  | { readonly at: number; readonly due: "reservation" }
  /** For the tasks submitted before that one, counted from 0. */
  | {
      readonly at: number;
      readonly due: "unschedulable";
      readonly spec: Spec;
      readonly before: number;
    }
  | { readonly at: number; readonly due: "unknown-function"; readonly function: FunctionFacts };

const smallestSweep = 1_000;

export class Timers {
  #heap: Timer[] = [];
  #sweepAt = smallestSweep;

  get size(): number {
    return this.#heap.length;
  }

  /** The moment of the soonest entry; undefined when there is none. */
  get nextAt(): number | undefined {
    return this.#heap[0]?.at;
  }

  add(timer: Timer): void {
    if (this.#heap.length >= this.#sweepAt) this.#sweep();
    const heap = this.#heap;
    let index = heap.push(timer) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.at <= timer.at) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = timer;
  }

  /** Takes out the soonest entry if its moment has come. */
  takeDue(now: number): Timer | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.at > now) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  /** Drops what waits for nothing, or a million short tasks that expire in a day stay for a day. */
  #sweep(): void {
    // In order, which is a heap too.
    this.#heap = this.#heap.filter(isOpen).sort((a, b) => a.at - b.at);
    this.#sweepAt = Math.max(smallestSweep, 2 * this.#heap.length);
  }

  #sink(timer: Timer): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
      if (heap[child]!.at >= timer.at) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = timer;
  }
}

function isOpen(timer: Timer): boolean {
  switch (timer.due) {
    case "start":
      return timer.task.state.at === "waiting";
    case "expiry":
      return timer.task.state.at === "ready" || timer.task.state.at === "waiting";
    default:
      return true;
  }
}
