// A task that asks for much of a resource finds it in pieces for ever while smaller ones take each
// piece that comes free. So the oldest that waits is looked at from time to time: when it is the same
// as at the last look, room is kept for it on one worker, which nothing else may take.

import { isPresent, unblock } from "./dispatches.ts";
import { isBlocked, headOf } from "./lanes.ts";
import { couldRun } from "./constraints.ts";
import { isSchedulable } from "./unschedulable.ts";
import type { State, Task, Worker } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";

export type Reservation = {
  /** The oldest at the last look; undefined when there was none. */
  oldest: Task | undefined;
  /** Where room is kept for it. */
  worker: Worker | undefined;
  /** There is a timer for the next look. */
  watched: boolean;
};

/** A task that asks for resources found no room. */
export function watch({ state, now }: Pick<StepContext, "state" | "now">): void {
  if (state.reservation.watched) return;
  state.reservation.watched = true;
  state.timers.add(now + state.options.reservationMs, { kind: "reservation" });
}

/** The next look. */
export function reviewReservation(step: StepContext): void {
  const { state } = step;
  const { reservation } = state;
  reservation.watched = false;
  const oldest = oldestWaiting(state);
  const isSame = oldest === reservation.oldest;
  reservation.oldest = oldest;
  if (isSame && reservation.worker && isOf(state, reservation.worker, oldest)) return watch(step);
  release(state);
  if (oldest === undefined) return;
  watch(step);
  if (!isSame) return;
  reservation.worker = bestFor(state, oldest);
  if (reservation.worker) reservation.worker.reservedFor = oldest;
}

/** Room that was kept for what waits no more is there for all again. */
export function endReservation(state: State): void {
  const { worker, oldest } = state.reservation;
  if (worker !== undefined && oldest?.state.at !== "ready") release(state);
}

function release(state: State): void {
  const { worker } = state.reservation;
  if (worker === undefined) return;
  state.reservation.worker = undefined;
  worker.reservedFor = undefined;
  if (state.workers.get(worker.id) === worker) unblock(state, worker);
}

function isOf(state: State, worker: Worker, task: Task | undefined): boolean {
  return task !== undefined && state.workers.get(worker.id) === worker && isPresent(worker);
}

/** Of those that ask for resources, the first of the most urgent that somebody here could run. */
function oldestWaiting(state: State): Task | undefined {
  let oldest: Task | undefined;
  for (const lane of state.ready.lanes()) {
    if (lane.constraint.resources === undefined || !isBlocked(lane)) continue;
    const head = headOf(lane)!;
    if (oldest && !isBefore(head, oldest)) continue;
    if (isSchedulable(state, lane.constraint)) oldest = head;
  }
  return oldest;
}

function isBefore(a: Task, b: Task): boolean {
  return a.spec.priority === b.spec.priority
    ? a.order < b.order
    : a.spec.priority > b.spec.priority;
}

/** The one with the least on its way that would have to end first. */
function bestFor({ workers }: State, { spec: { constraint } }: Task): Worker | undefined {
  let best: Worker | undefined;
  for (const worker of workers.values()) {
    if (!isPresent(worker) || !couldRun(worker, constraint)) continue;
    if (best === undefined || worker.dispatches.size < best.dispatches.size) best = worker;
  }
  return best;
}
