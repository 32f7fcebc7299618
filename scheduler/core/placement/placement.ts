// Which ready task goes to which worker: runs at the end of every step, until no lane has both a
// task and room for it. Free slots first; then a little work ahead of them, so that no thread idles
// for a round trip; and what was sent ahead is taken back when a worker idles or something urgent waits.

import { dispatch, hasResources, hasRoomForSmallest, loadOf } from "./dispatches.ts";
import { mayPrecede, type Lane } from "./lanes.ts";
import { fits, isWorthMoving, nearest, needsOf, waitMicros, type Needs } from "./locality.ts";
import { mayRunAt } from "./sites.ts";
import { couldRun, isNamed } from "./constraints.ts";
import type { Dispatch, PlacementConstraint, State, Task, Worker } from "../state.ts";
import { endReservation, watch } from "./reservation.ts";
import { holdBack } from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";
import { failIfTooLarge, isSchedulable, warnUnschedulable } from "./unschedulable.ts";

export function place(step: StepContext): void {
  const { state } = step;
  const { ready } = state;
  endReservation(state);
  const row: Row = { worker: undefined, constraint: undefined, tasks: 0, micros: 0 };
  while (state.free.size > 0 || state.open.size > 0) {
    const lane = ready.next();
    if (lane === undefined) break;
    const task = ready.head(lane);
    const needs = task.inputs && needsOf(task);
    const worker = needs ? chooseNear(step, task, needs) : choose(state, task, row);
    if (worker === undefined) {
      if (needs && failIfTooLarge(step, task, needs)) continue;
      // There is room, but not for so much: what stands behind it may need less.
      if (needs && choose(state, task)) holdBack(step, task, largerMs, "too large for who is free");
      else block(step, lane);
    } else if (worker.dispatches.has(task.key)) {
      // A cancelled call under the same key still ends there: what stands behind it is not held up.
      holdBack(step, task, endingMs, "an earlier call still ends");
    } else {
      ready.passTurn(lane);
      dispatch(step, task, worker);
      if (task === state.reservation.oldest) endReservation(state);
      extend(row, task, worker);
    }
  }
  // No worker has room, so that these were not asked, or they were before and things have changed.
  for (const lane of ready.takeOpened()) if (lane.ready > 0) attend(step, lane);
  rebalance(step);
}
const endingMs = 20;
const largerMs = 200;

/**
 * Tasks that went to one worker one after the other. Very short ones do, even while others idle: a
 * message, which may carry many of them, costs more than they do.
 */
type Row = {
  worker: Worker | undefined;
  constraint: PlacementConstraint | undefined;
  tasks: number;
  /** What they take, in all. */
  micros: number;
};
const mostInRow = 128;
const mostMicrosInRow = 200;

function extend(row: Row, { spec: { constraint } }: Task, worker: Worker): void {
  if (row.worker !== worker || row.constraint !== constraint) {
    row.worker = worker;
    row.constraint = constraint;
    row.tasks = row.micros = 0;
  }
  row.tasks++;
  row.micros += constraint.function.meanMicros ?? Infinity;
}

/** The worker of the row, if a task that may be queued can be the next of it. */
function nextInRow(state: State, row: Row, task: Task): Worker | undefined {
  const { worker, constraint, tasks, micros } = row;
  if (worker === undefined || constraint !== task.spec.constraint) return undefined;
  if (tasks >= mostInRow || micros >= mostMicrosInRow) {
    row.worker = undefined;
    return undefined;
  }
  if (!state.free.has(worker) && !state.open.has(worker)) return undefined;
  return wouldDelay(state, worker, task) ? undefined : worker;
}

function choose(state: State, task: Task, row?: Row): Worker | undefined {
  if (row && !needsFreeSlot(task)) {
    const worker = nextInRow(state, row, task);
    if (worker) return worker;
  }
  const free = chooseFree(state, task);
  if (free || needsFreeSlot(task)) return free;
  return firstFit(state.open, task, (worker) => !wouldDelay(state, worker, task));
}

/** For a task with large inputs: a free worker is not the best one when another has them. */
function chooseNear(step: StepContext, task: Task, needs: Needs): Worker | undefined {
  const { state } = step;
  const isAlone = needsFreeSlot(task);
  const mayQueue = (worker: Worker) => !isAlone && !wouldDelay(state, worker, task);
  const anyone =
    firstFit(state.free, task, (worker) => fits(worker, needs)) ??
    (isAlone
      ? undefined
      : firstFit(state.open, task, (worker) => fits(worker, needs) && mayQueue(worker)));
  return nearest(step, task, needs, { anyone, mayQueue });
}

/** Looks again only if a slot became free since there was none: many may idle that cannot run it. */
function chooseFree(state: State, task: Task): Worker | undefined {
  const { constraint } = task.spec;
  if (constraint.noneFreeAt === state.freeings) return undefined;
  const found = firstFit(state.free, task);
  if (found === undefined) constraint.noneFreeAt = state.freeings;
  return found;
}

/** What must be alone, holds a resource while it runs, or may expire is not sent ahead. */
function needsFreeSlot({ spec: { constraint }, suspect, expiresAt }: Task): boolean {
  return constraint.resources !== undefined || suspect || expiresAt !== undefined;
}

/** Sent ahead of what waits for a free slot on that worker, short tasks would never leave it one. */
function wouldDelay({ ready }: State, worker: Worker, { spec: { lane } }: Task): boolean {
  const { reservedFor } = worker;
  if (reservedFor?.state.at === "ready" && mayPrecede(reservedFor.spec.lane, lane)) {
    if (hasResources(worker, reservedFor.spec.constraint)) return true;
  }
  for (const { blockedBy } of ready.awaitingSlot) {
    const waiting = blockedBy!;
    if (waiting.ready === 0 || !needsFreeSlot(ready.head(waiting))) continue;
    if (!mayPrecede(waiting, lane)) continue;
    const { constraint } = waiting;
    if (couldRun(worker, constraint) && hasResources(worker, constraint)) return true;
  }
  return false;
}

/** The worker that waited longest among those that may run it now, the wished-for ones first. */
function firstFit(
  workers: ReadonlySet<Worker>,
  task: Task,
  passes: (worker: Worker) => boolean = () => true,
): Worker | undefined {
  const { constraint } = task.spec;
  const wishes = constraint.allowOtherWorkers ? constraint.workers : undefined;
  let second: Worker | undefined;
  for (const worker of workers) {
    if (!couldRun(worker, constraint) || !hasResources(worker, constraint)) continue;
    if (!passes(worker)) continue;
    if (wishes === undefined || isNamed(worker, wishes)) return worker;
    second ??= worker;
  }
  return second;
}

/** No worker has room: it is passed over until one that could run it has, and what is like it too. */
function block(step: StepContext, lane: Lane): void {
  const { state } = step;
  const { ready, free } = state;
  const { site } = lane.place!;
  const { resources, workers } = site;
  if (resources.length > 0) {
    watch(step);
    for (const worker of workers ?? free) {
      if (!free.has(worker) || !mayRunAt(worker, site)) continue;
      if (hasRoomForSmallest(worker, site)) return ready.setAside(lane);
    }
  }
  ready.block(lane, needsFreeSlot(ready.head(lane)) && isSchedulable(state, lane.constraint));
}

/** A lane that waits: it is said if nobody can ever run it, and room is made if it is urgent. */
function attend(step: StepContext, lane: Lane): void {
  if (isSchedulable(step.state, lane.constraint)) makeRoomFor(step, lane);
  else warnUnschedulable(step, lane.constraint);
}

/** A worker idles and nothing is ready for it: what waits behind others is given another chance. */
function rebalance(step: StepContext): void {
  const { state } = step;
  if (state.free.size === 0 || state.surplus.size === 0) return;
  let idle = state.free.size;
  for (const worker of state.surplus) {
    if (idle <= 0) return;
    // Asked already, or there was nothing.
    if (worker.withdrawals > 0 || worker.nothingToGiveAt === state.freeings) continue;
    // Too little to be worth a round trip, unless something before it takes long.
    if (worker.backlogMicros < worker.slots * minimumMicros && !isLate(step, worker)) {
      lookAgain(step, worker, lateMs);
      continue;
    }
    const waiting = loadOf(worker) - worker.slots;
    const most = Math.ceil(waiting / 2);
    let stays = false;
    const given = withdraw(step, worker, most, ({ task }) => {
      const other = chooseFree(state, task);
      if (other === undefined || isWorthMoving(step.now, task, worker, other)) return !!other;
      stays = true;
      return false;
    });
    if (given === 0) worker.nothingToGiveAt = state.freeings;
    if (stays) lookAgain(step, worker, Math.max(20, waitMicros(step.now, worker) / 1_000));
    idle -= given;
  }
}
const minimumMicros = 2_000;
const lateMs = 50;

/** Whether the oldest that was sent to it has been there for longer than little work takes. */
function isLate({ now }: StepContext, { dispatches }: Worker): boolean {
  for (const { at, lent } of dispatches.values()) if (!lent) return now - at >= lateMs;
  return false;
}

/** What waits on a worker, as its inputs are there or it is little, must not wait for ever. */
function lookAgain({ state, now }: StepContext, worker: Worker, inMs: number): void {
  if (worker.lookAgainAt !== undefined) return;
  worker.lookAgainAt = now + inMs;
  state.timers.add(worker.lookAgainAt, { kind: "rebalance", worker });
}

/** Something urgent found no room: less urgent work that was sent ahead gives up its place. */
function makeRoomFor(step: StepContext, lane: Lane): void {
  const { state } = step;
  for (const worker of state.surplus) {
    if (worker.lowestPriority >= lane.priority || worker.withdrawals > 0) continue;
    if (!couldRun(worker, lane.constraint)) continue;
    const isLess = ({ task }: Dispatch) => task.spec.priority < lane.priority;
    if (withdraw(step, worker, worker.slots, isLess) > 0) return;
    worker.lowestPriority = Infinity;
    for (const { task } of worker.dispatches.values()) {
      worker.lowestPriority = Math.min(worker.lowestPriority, task.spec.priority);
    }
  }
}

/** Asks for the newest dispatches beyond the slots that pass, at most so many; returns how many. */
function withdraw(
  step: StepContext,
  worker: Worker,
  most: number,
  passes: (dispatch: Dispatch) => boolean,
): number {
  const inSlots = [...worker.dispatches.values()].filter(({ lent }) => !lent);
  const ahead = inSlots.slice(worker.slots).reverse();
  const taken: Dispatch[] = [];
  for (const each of ahead) {
    if (taken.length === most) break;
    if (each.started || each.abandoned || each.withdrawing || !passes(each)) continue;
    each.withdrawing = true;
    worker.withdrawals++;
    taken.push(each);
  }
  // Named oldest first: as they come back, so they queue up again.
  for (const each of taken.reverse()) step.effects.withdraw(each);
  return taken.length;
}
