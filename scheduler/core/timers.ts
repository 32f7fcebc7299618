// What has to be looked at again at a later moment, soonest first. A timer whose reason has passed is
// not taken out: when it is due, its handler checks whether there is still something to do.

import { Heap, type Heaped } from "./structures/heap.ts";
import type { Rate } from "./placement/limits.ts";
import type { Vigil } from "./placement/no-workers.ts";
import type { Schedule } from "./schedules/schedules.ts";
import type { Client, FunctionFacts, Spec, Task, Worker } from "./state.ts";

/** What is due, and for whom. */
export type Due =
  /** A task that was held back may start. */
  | { readonly kind: "start"; readonly task: Task }
  /** The `startAt` of a task has come, by the wall clock. */
  | { readonly kind: "start-at"; readonly task: Task }
  /** The `expiresMs` of a task has passed. */
  | { readonly kind: "expiry"; readonly task: Task }
  /** The `keepMs` of a task may have passed since it settled. */
  | { readonly kind: "keep-over"; readonly task: Task }
  /** A worker or a client whose link dropped has not come back in time. */
  | { readonly kind: "worker-grace"; readonly worker: Worker }
  | { readonly kind: "client-grace"; readonly client: Client }
  /** Tasks that wait on a worker may better be moved to another one. */
  | { readonly kind: "rebalance"; readonly worker: Worker }
  /** The task that waits longest for resources may need a reservation. */
  | { readonly kind: "reservation" }
  /** The `unschedulableTimeoutMs` has passed for tasks of a spec submitted before the one of this number. */
  | { readonly kind: "unschedulable"; readonly spec: Spec; readonly before: number }
  /** Tasks wait, and there is no worker for them. */
  | { readonly kind: "no-workers"; readonly vigil: Vigil }
  /** Tasks wait for a function that no worker has registered. */
  | { readonly kind: "unknown-function"; readonly function: FunctionFacts }
  /** The interval of a schedule is over. */
  | { readonly kind: "schedule"; readonly schedule: Schedule }
  /** The oldest of the starts under a rate limit does not matter any more. */
  | { readonly kind: "rate"; readonly rate: Rate };

/** A timer that is later than this was held up by more than the work of the scheduler. */
const noticedLateMs = 1_000;

/**
 * Whether the scheduler stood still when a timer was due: its process was stopped, or its machine slept.
 * What peers did meanwhile may wait to be read, so no silence of theirs counts.
 */
export function stoodStill(dueAt: number, now: number): boolean {
  return now - dueAt > noticedLateMs;
}

type Timer = Heaped & { readonly at: number; readonly due: Due };

const smallestSweep = 1_000;

export function isSooner(a: Timer, b: Timer): boolean {
  return a.at < b.at;
}

export class Timers {
  private readonly heap = new Heap<Timer>(isSooner);
  private sweepAt = smallestSweep;

  get size(): number {
    return this.heap.size;
  }

  /** The moment of the soonest timer; undefined when there is none. */
  get nextAt(): number | undefined {
    return this.heap.first?.at;
  }

  add(at: number, due: Due): void {
    if (this.heap.size >= this.sweepAt) this.#sweep();
    this.heap.add({ at, due, heapAt: -1 });
  }

  /** Takes out the soonest timer if its moment has come. */
  takeDue(now: number): Due | undefined {
    const { first } = this.heap;
    if (first === undefined || first.at > now) return undefined;
    this.heap.remove(first);
    return first.due;
  }

  /** Drops timers of tasks that moved on, or a million short tasks that expire in a day stay for a day. */
  #sweep(): void {
    this.heap.keep(isOpen);
    this.sweepAt = Math.max(smallestSweep, 2 * this.heap.size);
  }
}

function isOpen({ due }: Timer): boolean {
  switch (due.kind) {
    case "start":
    case "start-at":
      return due.task.state.at === "waiting";
    case "keep-over":
      return due.task.state.at !== "forgotten";
    case "expiry":
      return due.task.state.at === "ready" || due.task.state.at === "waiting";
    case "schedule":
      return !due.schedule.gone;
    default:
      return true;
  }
}
