// Placement: which ready task goes to which worker. It runs at the end of every step, until no lane has
// both a task and room for it. Free slots come first. Then a little work is sent ahead, so that no
// thread is idle for a round trip; it is withdrawn when another worker is free or urgent tasks wait.

import { couldRun, isNamed } from "./constraints.ts";
import {
  dispatch,
  hasResources,
  hasRoomForSmallest,
  hasTime,
  isApartOn,
  loadOf,
  offerLimits,
  withdraw,
} from "./dispatches.ts";
import { hold, isOpen, openFurther } from "./limits.ts";
import { mayPrecede, type Lane } from "./lanes.ts";
import { fits, isWorthMoving, nearest, needsOf, waitMicros, type Needs } from "./locality.ts";
import { isTooLongForSome, part } from "./rosters.ts";
import { mayRunAt } from "./sites.ts";
import type { Dispatch, PlacementConstraint, Task, Worker } from "../state.ts";
import { endReservation, scheduleReview } from "./reservation.ts";
import { firstOf } from "../structures/small-set.ts";
import { requeue } from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";
import { isKeptApart, park, releaseSuspects } from "./suspects.ts";
import { failIfTooLarge, isSchedulable, warnUnschedulable } from "./unschedulable.ts";

export function place(step: StepContext): void {
  const { state } = step;
  const { ready } = state;
  endReservation(step);
  offerLimits(step);
  releaseSuspects(step);
  const streak: Streak = { worker: undefined, constraint: undefined, tasks: 0, micros: 0 };
  while (state.free.size > 0 || state.openAhead.size > 0) {
    const lane = ready.next();
    if (lane === undefined) {
      if (state.free.size > 0 && openFurther(state, step.now)) continue;
      if (endReservation(step)) continue;
      break;
    }
    const { limit } = lane.constraint;
    if (limit !== undefined && !isOpen(step.now, limit)) {
      hold(state, step.now, lane);
      continue;
    }
    const task = ready.head(lane);
    const needs = task.inputs && needsOf(task);
    const worker = needs ? chooseNear(step, task, needs) : choose(step, task, streak);
    if (worker === undefined) {
      if (needs && failIfTooLarge(step, task, needs)) continue;
      if (isKeptApart(state, task)) {
        park(step, task);
        continue;
      }
      // There is room, but not for so large inputs. Tasks behind it in the lane may have smaller ones.
      if (needs && hasRoomBesides(step, task))
        requeue(step, task, "too large for the free workers", largerMs);
      else block(step, lane);
    } else if (worker.dispatches.has(task.key)) {
      // A cancelled call with the same key still runs there. Tasks behind it must not wait for that.
      requeue(step, task, "a cancelled call of it still runs", endingMs);
    } else {
      ready.passTurn(lane);
      dispatch(step, task, worker);
      if (task === state.reservation.oldest) endReservation(step);
      extend(streak, task, worker);
    }
  }
  // Lanes that found no room, or were not asked because no worker has any.
  for (const lane of ready.takeOpened()) if (lane.ready > 0) warnOrMakeRoom(step, lane);
  rebalance(step);
}
const endingMs = 20;
const largerMs = 200;

/**
 * Consecutive tasks for one worker. Very short tasks are sent in streaks, even while other workers are
 * free: one message can carry many of them, and costs more than they do.
 */
type Streak = {
  worker: Worker | undefined;
  constraint: PlacementConstraint | undefined;
  tasks: number;
  /** Their expected duration in all. */
  micros: number;
};
const mostInStreak = 128;
const mostMicrosInStreak = 200;

function extend(streak: Streak, { spec: { constraint } }: Task, worker: Worker): void {
  if (streak.worker !== worker || streak.constraint !== constraint) {
    streak.worker = worker;
    streak.constraint = constraint;
    streak.tasks = streak.micros = 0;
  }
  streak.tasks++;
  streak.micros += constraint.function.meanMicros ?? Infinity;
}

/** The worker of the streak, if this task can extend it. */
function workerOf(step: StepContext, streak: Streak, task: Task): Worker | undefined {
  const { state, now } = step;
  const { worker, constraint, tasks, micros } = streak;
  if (worker === undefined || constraint !== task.spec.constraint) return undefined;
  if (tasks >= mostInStreak || micros >= mostMicrosInStreak) {
    streak.worker = undefined;
    return undefined;
  }
  if (!state.free.has(worker) && !state.openAhead.has(worker)) return undefined;
  if (!hasTime(now, worker, task)) return undefined;
  return wouldDelay(step, worker, task) ? undefined : worker;
}

function choose(step: StepContext, task: Task, streak?: Streak): Worker | undefined {
  const { state, now } = step;
  if (streak && !needsFreeSlot(task)) {
    const worker = workerOf(step, streak, task);
    if (worker) return worker;
  }
  const free = chooseFree(step, task);
  if (free || needsFreeSlot(task)) return free;
  return firstFit(now, state.openAhead, task, (worker) => !wouldDelay(step, worker, task));
}

/** Whether some worker has room for the task, its inputs aside, and aside from whom a suspect may meet there. */
function hasRoomBesides(step: StepContext, task: Task): boolean {
  const { state } = step;
  if (task.suspicions === 0) return choose(step, task) !== undefined;
  const { constraint } = task.spec;
  for (const worker of state.free) {
    if (couldRun(worker, constraint) && hasResources(worker, constraint)) return true;
  }
  return false;
}

/** For a task with large inputs: a worker that holds them may be better than a free one. */
function chooseNear(step: StepContext, task: Task, needs: Needs): Worker | undefined {
  const { state, now } = step;
  const isAlone = needsFreeSlot(task);
  const mayQueue = (worker: Worker) => !isAlone && !wouldDelay(step, worker, task);
  const anyone =
    firstFit(now, state.free, task, (worker) => fits(worker, needs)) ??
    (isAlone
      ? undefined
      : firstFit(now, state.openAhead, task, (worker) => fits(worker, needs) && mayQueue(worker)));
  return nearest(step, task, needs, { anyone, mayQueue });
}

/** Looks only if a slot became free since none was found: there may be many free workers that cannot run it. */
function chooseFree({ state, now }: StepContext, task: Task): Worker | undefined {
  const { constraint } = task.spec;
  if (task.suspicions > 0) return firstFit(now, state.free, task);
  if (constraint.noFreeWorkerAt === state.slotsFreed) return undefined;
  const found = firstFit(now, state.free, task);
  if (found === undefined) constraint.noFreeWorkerAt = state.slotsFreed;
  return found;
}

/** Whether the task must not be sent ahead: it is a suspect, uses a resource, has a limit, may expire, or is lost with its worker. */
function needsFreeSlot({ spec: { constraint, options }, suspicions, expiresAt }: Task): boolean {
  if (constraint.resources !== undefined || constraint.limit !== undefined) return true;
  return suspicions > 0 || expiresAt !== undefined || options.atMostOnce === true;
}

/** Whether sending the task ahead would keep a slot from a task that comes first and waits for a free one. */
function wouldDelay(
  { state: { ready } }: StepContext,
  worker: Worker,
  { spec: { lane } }: Task,
): boolean {
  const { reservedFor } = worker;
  if (reservedFor?.state.at === "ready" && mayPrecede(reservedFor.spec.lane, lane)) {
    if (hasResources(worker, reservedFor.spec.constraint)) return true;
  }
  for (const { blockedBy } of ready.awaitingSlot) {
    const waiting = blockedBy!;
    if (waiting.ready === 0 || !needsFreeSlot(ready.head(waiting))) continue;
    if (!mayPrecede(waiting, lane)) continue;
    const { constraint } = waiting;
    // Its own limit may have closed since. Tasks of others wait behind it at the same site.
    if (couldRun(worker, constraint) && hasResources(worker, constraint)) return true;
  }
  return false;
}

/** The first of these workers that can run the task now, preferred ones before others. */
function firstFit(
  now: number,
  workers: ReadonlySet<Worker>,
  task: Task,
  passes: (worker: Worker) => boolean = () => true,
): Worker | undefined {
  const { constraint } = task.spec;
  const preferred = constraint.allowOtherWorkers ? constraint.workers : undefined;
  const able = constraint.ask.roster.workers;
  let second: Worker | undefined;
  // Of several it is the one that comes first in their order.
  for (const worker of able.size <= 1 ? able : workers) {
    if (!workers.has(worker)) continue;
    if (!couldRun(worker, constraint) || !hasResources(worker, constraint)) continue;
    if (!isApartOn(worker, task) || !hasTime(now, worker, task) || !passes(worker)) continue;
    if (preferred === undefined || isNamed(worker, preferred)) return worker;
    second ??= worker;
  }
  return second;
}

/** No worker has room for the head of the lane: the lane, or its whole site, is skipped until one may have. */
function block(step: StepContext, lane: Lane): void {
  const { state } = step;
  const { ready, free } = state;
  const { site } = lane.place!;
  const { resources, roster } = site;
  if (isTooLongForSome(step.now, lane.constraint.ask)) return part(state, lane.constraint.ask);
  if (resources.length > 0) {
    scheduleReview(step);
    for (const worker of free.size < roster.workers.size ? free : roster.workers) {
      if (!free.has(worker) || !mayRunAt(worker, site)) continue;
      if (hasRoomForSmallest(worker, site)) return ready.setAside(lane);
    }
  }
  ready.block(lane, needsFreeSlot(ready.head(lane)) && isSchedulable(lane.constraint));
}

/** For a lane that waits: a warning if it is unschedulable, else room if it is more urgent than other work. */
function warnOrMakeRoom(step: StepContext, lane: Lane): void {
  const { constraint } = lane;
  // Also while its limit is closed: it may find no room when that opens, and is not looked at then.
  if (!isSchedulable(constraint)) return warnUnschedulable(step, constraint);
  if (constraint.limit === undefined || isOpen(step.now, constraint.limit)) makeRoomFor(step, lane);
}

/** Workers are free, and nothing is ready for them: withdraws tasks that wait on other workers. */
function rebalance(step: StepContext): void {
  const { state } = step;
  if (state.free.size === 0 || state.surplus.size === 0) return;
  let free = state.free.size;
  for (const [index, worker] of firstOf(state.surplus, lookedAt + 1).entries()) {
    if (free <= 0) return;
    // The others have their turn soon: there may be thousands, in which nothing is found.
    if (index === lookedAt) {
      if (state.surplusLeft > 0) lookAgain(step, worker, soonMs);
      return;
    }
    state.surplus.delete(worker);
    state.surplus.add(worker);
    if (state.surplusLeft > 0) state.surplusLeft--;
    // Nothing was found here, and no worker became free since.
    if (worker.nothingToWithdrawAt === state.slotsFreed) continue;
    // Asked already.
    if (worker.withdrawals > 0) {
      state.surplusLeft = state.surplus.size;
      continue;
    }
    // Too little to be worth a round trip, unless the calls before it take long.
    if (worker.backlogMicros < worker.slots * minimumMicros && !isLate(step, worker)) {
      lookAgain(step, worker, lateMs);
      state.surplusLeft = state.surplus.size;
      continue;
    }
    const waiting = loadOf(worker) - worker.slots;
    const most = Math.ceil(waiting / 2);
    let isBetterHere = false;
    const withdrawn = withdraw(step, worker, most, ({ task }) => {
      const other = chooseFree(step, task);
      if (other === undefined || isWorthMoving(step.now, task, worker, other)) return !!other;
      isBetterHere = true;
      return false;
    });
    if (withdrawn === 0) worker.nothingToWithdrawAt = state.slotsFreed;
    else state.surplusLeft = state.surplus.size;
    if (isBetterHere) lookAgain(step, worker, Math.max(20, waitMicros(step.now, worker) / 1_000));
    free -= withdrawn;
  }
}
const lookedAt = 16;
const soonMs = 5;
const minimumMicros = 2_000;
const lateMs = 50;

/** Whether the oldest call on the worker has been there for longer than a little work takes. */
function isLate({ now }: StepContext, { dispatches }: Worker): boolean {
  for (const { at, lent } of dispatches.values()) if (!lent) return now - at >= lateMs;
  return false;
}

/** Tasks stay on a worker that holds their inputs, or as they are few: this is reviewed after a while. */
function lookAgain({ state, now }: StepContext, worker: Worker, inMs: number): void {
  if (worker.lookAgainAt !== undefined) return;
  worker.lookAgainAt = now + inMs;
  state.timers.add(worker.lookAgainAt, { kind: "rebalance", worker });
}

/** Withdraws less urgent work that was sent ahead to a worker. */
function makeRoomFor(step: StepContext, lane: Lane): void {
  const { state } = step;
  for (const worker of state.surplus) {
    if (worker.lowestPriority >= lane.priority || worker.withdrawals > 0) continue;
    if (!couldRun(worker, lane.constraint)) continue;
    const isLessUrgent = ({ task }: Dispatch) => task.spec.priority < lane.priority;
    if (withdraw(step, worker, worker.slots, isLessUrgent) > 0) return;
    worker.lowestPriority = Infinity;
    for (const { task } of worker.dispatches.values()) {
      worker.lowestPriority = Math.min(worker.lowestPriority, task.spec.priority);
    }
  }
}
