// Reservation: room on one worker that is kept free for a task that needs much of a resource. Without
// it, smaller tasks would take each piece of the resource as it becomes free, and the large one would
// never run. From time to time the oldest task that waits for resources is looked up; when it is the
// same one as last time, it gets the reservation, and there is one at most.

import { isPresent, unblock } from "./dispatches.ts";
import { mayStart } from "./limits.ts";
import { headOf, isBlocked } from "./lanes.ts";
import { couldRun } from "./constraints.ts";
import { isSchedulable } from "./unschedulable.ts";
import type { State, Task, Worker } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";

export type Reservation = {
  /** The task that had waited longest at the last review. */
  oldest: Task | undefined;
  /** The worker where room is reserved for it. */
  worker: Worker | undefined;
  /** A timer for the next review is running. */
  isScheduled: boolean;
};

/** Called when a task that asks for resources finds no room. */
export function scheduleReview({ state, now }: Pick<StepContext, "state" | "now">): void {
  if (state.reservation.isScheduled) return;
  state.reservation.isScheduled = true;
  state.timers.add(now + state.options.reservationMs, { kind: "reservation" });
}

export function reviewReservation(step: StepContext): void {
  const { state } = step;
  const { reservation } = state;
  reservation.isScheduled = false;
  const oldest = longestWaiting(step);
  const isSame = oldest === reservation.oldest;
  reservation.oldest = oldest;
  if (isSame && oldest && reservation.worker && isHere(state, reservation.worker)) {
    return scheduleReview(step);
  }
  cancelReservation(state);
  if (oldest === undefined) return;
  scheduleReview(step);
  if (!isSame) return;
  reservation.worker = chooseWorker(state, oldest);
  if (reservation.worker) reservation.worker.reservedFor = oldest;
}

/** Gives the room back when the task that it is reserved for does not wait any more, or waits for its limit. Returns whether it did. */
export function endReservation({ state, now }: Pick<StepContext, "state" | "now">): boolean {
  const { worker, oldest } = state.reservation;
  if (worker === undefined || (oldest?.state.at === "ready" && mayStart(now, oldest))) return false;
  cancelReservation(state);
  return true;
}

function cancelReservation(state: State): void {
  const { worker } = state.reservation;
  if (worker === undefined) return;
  state.reservation.worker = undefined;
  worker.reservedFor = undefined;
  if (state.workers.get(worker.id) === worker) unblock(state, worker);
}

function isHere(state: State, worker: Worker): boolean {
  return state.workers.get(worker.id) === worker && isPresent(worker);
}

/** The oldest of the most urgent ready tasks that ask for resources and could run on a worker here. */
function longestWaiting({ state, now }: StepContext): Task | undefined {
  let oldest: Task | undefined;
  for (const lane of state.ready.lanes()) {
    if (lane.constraint.resources === undefined || !isBlocked(lane)) continue;
    const head = headOf(lane)!;
    if (!mayStart(now, head) || (oldest && !isBefore(head, oldest))) continue;
    if (isSchedulable(lane.constraint)) oldest = head;
  }
  return oldest;
}

function isBefore(a: Task, b: Task): boolean {
  return a.spec.priority === b.spec.priority
    ? a.order < b.order
    : a.spec.priority > b.spec.priority;
}

/** The worker with the fewest tasks that would have to end first. */
function chooseWorker({ workers }: State, { spec: { constraint } }: Task): Worker | undefined {
  let best: Worker | undefined;
  for (const worker of workers.values()) {
    if (!isPresent(worker) || !couldRun(worker, constraint)) continue;
    if (best === undefined || worker.dispatches.size < best.dispatches.size) best = worker;
  }
  return best;
}
