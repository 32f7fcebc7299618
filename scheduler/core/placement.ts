// Which ready task goes to which worker: runs at the end of every step, until no lane has both a
// task and room for it. Free slots first; then a little work ahead of them, so that no thread idles
// for a round trip; and what was sent ahead is taken back when a worker idles or something urgent waits.

import { dispatch, hasResources, unblockRequirement } from "./dispatches.ts";
import type { Lane } from "./ready-queue.ts";
import { couldRun, isNamed } from "./specs.ts";
import type { Dispatch, Requirement, State, Task, Worker } from "./state.ts";
import { fail } from "./tasks.ts";
import type { Step } from "./transition.ts";

export function place(step: Step): void {
  const { ready } = step.state;
  for (let lane = ready.next(); lane !== undefined; lane = ready.next()) {
    const task = ready.head(lane);
    const worker = choose(step.state, task);
    if (worker === undefined) {
      block(step, lane);
      continue;
    }
    dispatch(step, task, worker);
    ready.passTurn(lane);
  }
  rebalance(step);
}

function choose(state: State, task: Task): Worker | undefined {
  const { requirement } = task.spec;
  const free = firstFit(state.free, task);
  if (free) return free;
  // What must be alone, or holds a resource while it runs, is not sent ahead.
  if (requirement.resources || task.suspect) return undefined;
  return firstFit(state.open, task);
}

/** The worker that waited longest among those that may run it now, the wished-for ones first. */
function firstFit(workers: ReadonlySet<Worker>, task: Task): Worker | undefined {
  const { requirement } = task.spec;
  const wishes = requirement.allowOtherWorkers ? requirement.workers : undefined;
  let second: Worker | undefined;
  for (const worker of workers) {
    if (!couldRun(worker, requirement) || !hasResources(worker, requirement)) continue;
    // An earlier attempt of it has not left this worker yet.
    if (worker.dispatches.has(task.key)) continue;
    if (wishes === undefined || isNamed(worker, wishes)) return worker;
    second ??= worker;
  }
  return second;
}

/** No worker has room: the requirement is passed over until one that could run it has. */
function block(step: Step, lane: Lane): void {
  const { state, now, effects } = step;
  const { requirement } = lane;
  requirement.blocked = true;
  state.blocked.add(requirement);
  if (isSchedulable(state, requirement)) {
    requirement.unschedulableSince = undefined;
    makeRoomFor(step, lane);
    return;
  }
  if (requirement.unschedulableSince !== undefined || state.workers.size === 0) return;
  requirement.unschedulableSince = now;
  const { name, workers } = requirement.function;
  if (workers === 0) {
    const near = state.options.nearestNames(name, state.functions.keys());
    effects.log("warning", `no worker here has registered "${name}"${orDidYouMean(near)}; its tasks wait`);
    state.timers.add({
      at: now + state.options.unknownTaskTimeoutMs,
      due: "unknown-name",
      requirement,
    });
  } else {
    effects.log("warning", `no worker here could ever run tasks of "${name}" as they ask; they wait`);
  }
}

/** Tasks of a name that nobody registered have waited long enough since the newest worker came. */
export function failUnknownName(step: Step, requirement: Requirement): void {
  const { state, now } = step;
  const { unschedulableSince } = requirement;
  if (unschedulableSince === undefined || state.requirements.get(requirement.signature) !== requirement) {
    return;
  }
  const { name } = requirement.function;
  const due = Math.max(unschedulableSince, state.lastJoinAt) + state.options.unknownTaskTimeoutMs;
  if (due > now || state.workers.size === 0) {
    const at = Math.max(due, now + state.options.unknownTaskTimeoutMs);
    state.timers.add({ at, due: "unknown-name", requirement });
    return;
  }
  requirement.unschedulableSince = undefined;
  unblockRequirement(state, requirement);
  const known = [...state.functions.values()].filter((each) => each.workers > 0);
  const near = state.options.nearestNames(name, known.map((each) => each.name));
  const words = `no worker has registered a function "${name}"${orDidYouMean(near)}`;
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
  let idle = 0;
  for (const worker of state.free) idle += worker.slots - worker.dispatches.size;
  for (const worker of state.surplus) {
    if (idle <= 0) return;
    // Too little to be worth a round trip.
    if (worker.withdrawals > 0 || worker.backlogMicros < worker.slots * minimumMicros) continue;
    const waiting = worker.dispatches.size - worker.slots;
    const most = Math.ceil(waiting / 2);
    idle -= withdraw(step, worker, most, ({ task }) => firstFit(state.free, task) !== undefined);
  }
}
const minimumMicros = 2_000;

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
  const ahead = [...worker.dispatches.values()].slice(worker.slots).reverse();
  const taken: Dispatch[] = [];
  for (const each of ahead) {
    if (taken.length === most) break;
    if (each.started || each.abandoned || each.withdrawing || !passes(each)) continue;
    each.withdrawing = true;
    worker.withdrawals++;
    taken.push(each);
  }
  if (taken.length > 0) step.effects.withdraw(taken, worker);
  return taken.length;
}

function orDidYouMean(near: readonly string[]): string {
  return near.length === 0 ? "" : `; did you mean ${near.map((name) => `"${name}"`).join(" or ")}?`;
}
