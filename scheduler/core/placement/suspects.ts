// Suspects: tasks that ran beside others when their worker or their thread was lost, so that any of them
// may be the cause. They run apart until the guilty one is known: after the first such loss without
// another suspect on the same worker, and after another one with nothing else there at all. A suspect
// that finds no such worker is parked, so that the tasks behind it in its lane can use the free slots.

import type { State, Task, Worker } from "../state.ts";
import { proceed } from "../tasks/lifecycle.ts";
import { transition, type StepContext } from "../tasks/transition.ts";
import { couldRun } from "./constraints.ts";
import {
  dispatch,
  hasResources,
  isApartOn,
  isPresent,
  loadOf,
  runsAlone,
  unblock,
  updateRoom,
  withdraw,
} from "./dispatches.ts";
import { mayStart } from "./limits.ts";
import { fits, needsOf } from "./locality.ts";
import { isParked, unpark } from "./parked.ts";

export type Suspects = {
  /** Suspects that wait until they can run apart, in the order in which they came. */
  readonly parked: Set<Task>;
  /** Those of them that have to run alone. */
  readonly alone: Set<Task>;
  /** Those of them that have a limit: when it closes, they wait for that, or nothing would tell when it opens. */
  readonly limited: Set<Task>;
  /** The worker that is being emptied for one of them. One at a time, so that the others go on. */
  clearing: { readonly task: Task; readonly worker: Worker } | undefined;
  /** `slotsFreed` when the parked ones were last compared with the free workers. */
  lookedAt: number | undefined;
};

/** Whether a suspect finds no worker only because others run on those that are free. */
export function isKeptApart({ free }: State, task: Task): boolean {
  if (task.suspicions === 0) return false;
  for (const worker of free) {
    if (!isApartOn(worker, task) && couldTake(worker, task)) return true;
  }
  return false;
}

/** Has a ready suspect wait until it can run apart. */
export function park(step: StepContext, task: Task): void {
  const { suspects } = step.state;
  const why = "it waits to run apart from others";
  transition(step, task, { at: "waiting", missing: 0, until: undefined }, why);
  suspects.parked.add(task);
  if (task.spec.constraint.limit) suspects.limited.add(task);
  if (!runsAlone(task)) return;
  suspects.alone.add(task);
  startClearing(step, task);
}

/** Readies parked suspects for workers that are free, and sends one to the worker that was emptied for it. */
export function releaseSuspects(step: StepContext): void {
  const { state } = step;
  const { suspects } = state;
  if (suspects.clearing !== undefined) advanceClearing(step, suspects.clearing);
  if (suspects.parked.size === 0 || suspects.lookedAt === state.slotsFreed) return;
  suspects.lookedAt = state.slotsFreed;
  for (const task of suspects.limited) {
    if (isParked(state, task) && !mayStart(step.now, task)) {
      proceed(step, task, "it waits for its limit");
    }
  }
  for (const worker of state.free) {
    if (worker.suspects > 0) continue;
    for (const task of suspects.parked) {
      if (!isParked(state, task)) {
        unpark(state, task);
        continue;
      }
      if (task === suspects.clearing?.task) continue;
      if (!isApartOn(worker, task) || !couldTake(worker, task)) continue;
      proceed(step, task, "it can run apart from others");
      break;
    }
  }
  if (suspects.clearing !== undefined) return;
  const next = suspects.alone.values().find((task) => isParked(state, task));
  if (next === undefined) return;
  startClearing(step, next);
  // The worker may be empty already, and then nothing else would come from it.
  if (suspects.clearing !== undefined) advanceClearing(step, suspects.clearing);
}

/** Sends the worker with the fewest tasks no more of them, until it can run the suspect alone. */
function startClearing(step: StepContext, task: Task): void {
  const { state } = step;
  if (state.suspects.clearing !== undefined || !mayStart(step.now, task)) return;
  let best: Worker | undefined;
  for (const worker of state.workers.values()) {
    if (!isPresent(worker) || worker.closedFor || !couldTake(worker, task, false)) continue;
    if (best === undefined || loadOf(worker) < loadOf(best)) best = worker;
  }
  if (best === undefined) return;
  state.suspects.clearing = { task, worker: best };
  best.closedFor = task;
  updateRoom(state, best);
  withdraw(step, best, Infinity, () => true);
}

function advanceClearing(
  step: StepContext,
  { task, worker }: NonNullable<Suspects["clearing"]>,
): void {
  const { state } = step;
  const { suspects } = state;
  const isHere = state.workers.get(worker.id) === worker && isPresent(worker);
  const isOver = !isHere || !isParked(state, task) || !mayStart(step.now, task);
  const isEmpty = loadOf(worker) === 0 && !worker.dispatches.has(task.key);
  if (!isOver && (!isEmpty || !hasResources(worker, task.spec.constraint))) return;
  suspects.clearing = undefined;
  // Suspects that run alone may have waited for their turn.
  suspects.lookedAt = undefined;
  worker.closedFor = undefined;
  if (isOver) {
    if (!isHere) return;
    updateRoom(state, worker);
    unblock(state, worker);
    return;
  }
  proceed(step, task, "its worker is empty");
  dispatch(step, task, worker);
}

function couldTake(worker: Worker, task: Task, isNow = true): boolean {
  const { constraint } = task.spec;
  const needs = task.inputs && needsOf(task);
  return (
    couldRun(worker, constraint) &&
    (!isNow || hasResources(worker, constraint)) &&
    (needs === undefined || fits(worker, needs))
  );
}
