// What has to be looked at again at a later moment, soonest first. A timer whose reason has passed is
// not taken out: when it is due, its handler checks whether there is still something to do. So a timer names its
// task, and does not keep it and its arguments in memory until then. The timer of a spec goes with the spec.

import type { KeyTable } from "../../src/key-table.ts";
import { Heap, type Heaped } from "./structures/heap.ts";
import type { Rate } from "./placement/limits.ts";
import type { Vigil } from "./placement/no-workers.ts";
import type { Schedule } from "./schedules/schedules.ts";
import type { Client, FunctionFacts, Spec, Task, TaskKey, Worker } from "./state.ts";

/** What is due, and for whom. */
export type Due =
  /** A task that was held back may start. */
  | ({ readonly kind: "start" } & OfTask)
  /** The `startAt` of a task has come, by the wall clock. */
  | ({ readonly kind: "start-at" } & OfTask)
  /** The `expiresMs` of a task has passed. */
  | ({ readonly kind: "expiry" } & OfTask)
  /** The `keepMs` of a task may have passed since it settled. */
  | ({ readonly kind: "keep-over" } & OfTask)
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

/** A later task may have the same key, and has another number. */
type OfTask = { readonly key: TaskKey; readonly order: number };

export function ofTask({ key, order }: Task): OfTask {
  return { key, order };
}

/** Undefined when the task is forgotten. */
export function taskOf(tasks: KeyTable<Task>, { key, order }: OfTask): Task | undefined {
  const task = tasks.get(key);
  return task?.order === order ? task : undefined;
}

/** A timer that is later than this was held up by more than the work of the scheduler. */
const noticedLateMs = 1_000;

/**
 * Whether the scheduler stood still when a timer was due: its process was stopped, or its machine slept.
 * What peers did meanwhile may wait to be read, so no silence of theirs counts.
 */
export function stoodStill(dueAt: number, now: number): boolean {
  return now - dueAt > noticedLateMs;
}

export type Timer = Heaped & { readonly at: number; readonly due: Due };

const smallestSweep = 1_000;

export function isSooner(a: Timer, b: Timer): boolean {
  return a.at < b.at;
}

export class Timers {
  private readonly heap = new Heap<Timer>(isSooner);
  private readonly tasks: KeyTable<Task>;
  private sweepAt = smallestSweep;

  constructor(tasks: KeyTable<Task>) {
    this.tasks = tasks;
  }

  get size(): number {
    return this.heap.size;
  }

  /** The moment of the soonest timer; undefined when there is none. */
  get nextAt(): number | undefined {
    return this.heap.first?.at;
  }

  add(at: number, due: Due): Timer {
    if (this.heap.size >= this.sweepAt) this.#sweep();
    const timer = { at, due, heapAt: -1 };
    this.heap.add(timer);
    return timer;
  }

  cancel(timer: Timer): void {
    if (timer.heapAt >= 0) this.heap.remove(timer);
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
    this.heap.keep(({ due }) => isOpen(this.tasks, due));
    this.sweepAt = Math.max(smallestSweep, 2 * this.heap.size);
  }
}

function isOpen(tasks: KeyTable<Task>, due: Due): boolean {
  switch (due.kind) {
    case "start":
    case "start-at":
      return taskOf(tasks, due)?.state.at === "waiting";
    case "keep-over":
      return taskOf(tasks, due) !== undefined;
    case "expiry": {
      const at = taskOf(tasks, due)?.state.at;
      return at === "ready" || at === "waiting";
    }
    case "schedule":
      return !due.schedule.gone;
    default:
      return true;
  }
}
