// Which ready task goes to which worker: runs at the end of every step, until no lane has both a
// task and room for it. Free slots first; then a little work ahead of them, so that no thread idles
// for a round trip; and what was sent ahead is taken back when a worker idles or something urgent waits.

import { dispatch, hasResources, loadOf, unblockRequirement } from "./dispatches.ts";
import {
  failIfTooLarge,
  fits,
  isWorthMoving,
  nearest,
  needsOf,
  waitMicros,
  type Needs,
} from "./locality.ts";
import { mayPrecede, type Lane } from "./ready-queue.ts";
import { couldRun, isNamed } from "./specs.ts";
import type { Dispatch, Requirement, State, Task, Worker } from "./state.ts";
import { fail, holdBack } from "./tasks.ts";
import type { Step } from "./transition.ts";

export function place(step: Step): void {
  const { ready } = step.state;
  const row: Row = { worker: undefined, requirement: undefined, tasks: 0, micros: 0 };
  for (let lane = ready.next(); lane !== undefined; lane = ready.next()) {
    const task = ready.head(lane);
    const needs = task.inputs && needsOf(task);
    const worker = needs ? chooseNear(step, task, needs) : choose(step.state, task, row);
    if (worker === undefined) {
      if (needs && failIfTooLarge(step, task, needs)) continue;
      // There is room, but not for so much: what stands behind it may need less.
      if (needs && choose(step.state, task))
        holdBack(step, task, largerMs, "too large for who is free");
      else block(step, lane);
    } else if (worker.dispatches.has(task.key)) {
      // A cancelled call under the same key still ends there: what stands behind it is not held up.
      holdBack(step, task, endingMs, "an earlier call still ends");
    } else {
      ready.passTurn(lane);
      dispatch(step, task, worker);
      extend(row, task, worker);
    }
  }
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
  requirement: Requirement | undefined;
  tasks: number;
  /** What they take, in all. */
  micros: number;
};
const mostInRow = 64;
const mostMicrosInRow = 200;

function extend(row: Row, { spec: { requirement } }: Task, worker: Worker): void {
  if (row.worker !== worker || row.requirement !== requirement) {
    row.worker = worker;
    row.requirement = requirement;
    row.tasks = row.micros = 0;
  }
  row.tasks++;
  row.micros += requirement.function.meanMicros ?? Infinity;
}

/** The worker of the row, if a task that may be queued can be the next of it. */
function nextInRow(state: State, row: Row, task: Task): Worker | undefined {
  const { worker, requirement, tasks, micros } = row;
  if (worker === undefined || requirement !== task.spec.requirement) return undefined;
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
function chooseNear(step: Step, task: Task, needs: Needs): Worker | undefined {
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
  const { requirement } = task.spec;
  if (requirement.noneFreeAt === state.freeings) return undefined;
  const found = firstFit(state.free, task);
  if (found === undefined) requirement.noneFreeAt = state.freeings;
  return found;
}

/** What must be alone, holds a resource while it runs, or may expire is not sent ahead. */
function needsFreeSlot({ spec: { requirement }, suspect, expiresAt }: Task): boolean {
  return requirement.resources !== undefined || suspect || expiresAt !== undefined;
}

/** Sent ahead of what waits for a free slot on that worker, short tasks would never leave it one. */
function wouldDelay(state: State, worker: Worker, { spec: { lane } }: Task): boolean {
  for (const requirement of state.blocked) {
    const waiting = requirement.blockedBy!;
    if (waiting.ready === 0 || !needsFreeSlot(state.ready.head(waiting))) continue;
    if (!mayPrecede(waiting, lane)) continue;
    if (couldRun(worker, requirement) && hasResources(worker, requirement)) return true;
  }
  return false;
}

/** The worker that waited longest among those that may run it now, the wished-for ones first. */
function firstFit(
  workers: ReadonlySet<Worker>,
  task: Task,
  passes: (worker: Worker) => boolean = () => true,
): Worker | undefined {
  const { requirement } = task.spec;
  const wishes = requirement.allowOtherWorkers ? requirement.workers : undefined;
  let second: Worker | undefined;
  for (const worker of workers) {
    if (!couldRun(worker, requirement) || !hasResources(worker, requirement)) continue;
    if (!passes(worker)) continue;
    if (wishes === undefined || isNamed(worker, wishes)) return worker;
    second ??= worker;
  }
  return second;
}

/** No worker has room: the requirement is passed over until one that could run it has. */
function block(step: Step, lane: Lane): void {
  const { state, now, effects } = step;
  const { requirement } = lane;
  requirement.blockedBy = lane;
  state.blocked.add(requirement);
  if (isSchedulable(state, requirement)) {
    requirement.unschedulableSince = undefined;
    makeRoomFor(step, lane);
    return;
  }
  if (requirement.unschedulableSince !== undefined || state.workers.size === 0) return;
  requirement.unschedulableSince = now;
  const { name, workers, wasRegistered } = requirement.function;
  if (workers > 0) {
    effects.log(
      "warning",
      `no worker here could ever run tasks of "${name}" as they ask; they wait`,
    );
  } else if (wasRegistered) {
    effects.log("warning", `no worker that registered "${name}" is left; its tasks wait for one`);
  } else {
    const near = orDidYouMean(state, name);
    effects.log("warning", `no worker here has registered "${name}"${near}; its tasks wait`);
    const at = now + state.options.unknownTaskTimeoutMs;
    state.timers.add({ at, due: "unknown-name", requirement });
  }
}

/** Tasks of a name that nobody registered have waited long enough since the newest worker came. */
export function failUnknownName(step: Step, requirement: Requirement): void {
  const { state, now } = step;
  const { unschedulableSince } = requirement;
  const { name, wasRegistered } = requirement.function;
  const isGone = state.requirements.get(requirement.signature) !== requirement;
  if (isGone || wasRegistered || unschedulableSince === undefined) return;
  const at = Math.max(unschedulableSince, state.lastJoinAt) + state.options.unknownTaskTimeoutMs;
  if (at > now) {
    state.timers.add({ at, due: "unknown-name", requirement });
    return;
  }
  // From here on it is as if its tasks were new: the next ones, or the next worker, start again.
  requirement.unschedulableSince = undefined;
  unblockRequirement(state, requirement);
  if (state.workers.size === 0) return;
  const words = `no worker has registered a function "${name}"${orDidYouMean(state, name)}`;
  for (const lane of [...state.ready.lanes()]) {
    if (lane.requirement !== requirement) continue;
    for (const task of [...state.ready.tasksOf(lane)]) {
      const failure = { code: "unknown-task", message: words, key: task.key, task: name };
      fail(step, task, failure, "unknown name");
    }
  }
}

export function isSchedulable(state: State, requirement: Requirement): boolean {
  if (requirement.function.workers === 0) return false;
  for (const worker of state.workers.values()) {
    if (!worker.leaving && couldRun(worker, requirement)) return true;
  }
  return false;
}

/** A worker idles and nothing is ready for it: what waits behind others is given another chance. */
function rebalance(step: Step): void {
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
function isLate({ now }: Step, { dispatches }: Worker): boolean {
  for (const { at, lent } of dispatches.values()) if (!lent) return now - at >= lateMs;
  return false;
}

/** What waits on a worker, as its inputs are there or it is little, must not wait for ever. */
function lookAgain({ state, now }: Step, worker: Worker, inMs: number): void {
  if (worker.lookAgainAt !== undefined) return;
  worker.lookAgainAt = now + inMs;
  state.timers.add({ at: worker.lookAgainAt, due: "rebalance", worker });
}

/** Something urgent found no room: less urgent work that was sent ahead gives up its place. */
function makeRoomFor(step: Step, lane: Lane): void {
  const { state } = step;
  for (const worker of state.surplus) {
    if (worker.lowestPriority >= lane.priority || worker.withdrawals > 0) continue;
    if (!couldRun(worker, lane.requirement)) continue;
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
  step: Step,
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
  if (taken.length > 0) step.effects.withdraw(taken.reverse(), worker);
  return taken.length;
}

function orDidYouMean(state: State, name: string): string {
  const known = [...state.functions.values()].filter(({ workers }) => workers > 0);
  const near = state.options.nearestNames(
    name,
    known.map((each) => each.name),
  );
  return near.length === 0 ? "" : `; did you mean ${near.map((name) => `"${name}"`).join(" or ")}?`;
}
