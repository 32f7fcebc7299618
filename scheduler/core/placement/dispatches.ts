// Room on workers: what is on its way there, when it ends, and which workers can take more.

import type { Input } from "../effects.ts";
import { mayRunAt, type Site } from "./sites.ts";
import type { Dispatch, PlacementConstraint, State, Task, Worker } from "../state.ts";
import { transition, type StepContext } from "../tasks/transition.ts";

/** Sends a ready task to a worker that has room for it. */
export function dispatch(step: StepContext, task: Task, worker: Worker): void {
  const { state, now, effects } = step;
  const { spec } = task;
  task.attempt++;
  const made: Dispatch = {
    task,
    attempt: task.attempt,
    worker,
    at: now,
    estimateMicros: estimateMicros(state, spec.function.meanMicros),
    started: false,
    withdrawing: false,
    abandoned: false,
    lent: false,
    inside: undefined,
  };
  transition(step, task, { at: "running", dispatch: made }, worker.name);
  worker.dispatches.set(task.key, made);
  worker.backlogMicros += made.estimateMicros;
  if (spec.priority < worker.lowestPriority) worker.lowestPriority = spec.priority;
  takeResources(worker, spec.constraint, 1);
  state.totals.dispatched++;
  // Out and in again: the next task goes to whoever waited longest.
  if (state.free.size > 1) state.free.delete(worker);
  if (state.open.size > 1) state.open.delete(worker);
  updateRoom(state, worker);
  effects.run(made, task.inputs && inputsOf(task));
}

/** Values beyond this many bytes in all are not sent along with a task, but fetched by its worker. */
const inlineBytes = 8 * 1024 * 1024;

function inputsOf({ key, inputs = [] }: Task): Input[] {
  let bytes = 0;
  return inputs.map((input) => {
    const { state } = input;
    if (state.at !== "finished") throw new Error(`${key} was ready without ${input.key}`);
    if (state.holders !== undefined) return input;
    bytes += state.bytes;
    return bytes > inlineBytes ? input : state.value;
  });
}

/** The worker has no more to do with it. `offerRoom` follows, once for all that ended together. */
export function endDispatch({ state }: StepContext, ended: Dispatch): void {
  const { worker, task } = ended;
  if (ended.inside) endInside(state, ended);
  worker.dispatches.delete(task.key);
  if (ended.withdrawing) worker.withdrawals--;
  if (ended.lent) {
    worker.lent--;
    worker.regaining.delete(ended);
  } else {
    worker.backlogMicros -= ended.estimateMicros;
    takeResources(worker, task.spec.constraint, -1);
  }
  if (worker.dispatches.size === 0) {
    worker.backlogMicros = 0;
    worker.lowestPriority = Infinity;
  }
}

/** Its room is there for others again: first for those that had lent theirs. */
export function offerRoom(step: StepContext, worker: Worker): void {
  for (const each of worker.regaining) {
    if (!hasFree(worker, each.task.spec.constraint)) break;
    worker.regaining.delete(each);
    takeBack(each);
    step.effects.resume(each);
  }
  updateRoom(step.state, worker);
  unblock(step.state, worker);
}

/** It waits for its sub-tasks: others may have its slot and its resources. */
export function lend(dispatch: Dispatch): void {
  if (dispatch.lent) return;
  dispatch.lent = true;
  dispatch.started = true;
  const { worker, task } = dispatch;
  worker.lent++;
  worker.backlogMicros -= dispatch.estimateMicros;
  takeResources(worker, task.spec.constraint, -1);
}

/** It has what it waited for. Its slot it takes, but for its resources it has to wait its turn. */
export function resume(dispatch: Dispatch): void {
  const { worker, task, lent, abandoned } = dispatch;
  if (!lent) return;
  if (task.spec.constraint.resources === undefined) takeBack(dispatch);
  // What is to end needs nothing any more.
  else if (!abandoned) worker.regaining.add(dispatch);
}

function takeBack(dispatch: Dispatch): void {
  dispatch.lent = false;
  const { worker, task } = dispatch;
  worker.lent--;
  worker.backlogMicros += dispatch.estimateMicros;
  takeResources(worker, task.spec.constraint, 1);
}

/** What the task submitted is let go at the end of the step: sub-tasks may have sub-tasks. */
export function endInside(state: State, dispatch: Dispatch): void {
  state.ended.push(dispatch.inside!);
  dispatch.inside = undefined;
}

/** The dispatches that occupy a slot or wait for one on the worker. */
export function loadOf({ dispatches, lent }: Worker): number {
  return dispatches.size - lent;
}

/** Nobody wants its result any more: the worker is told, and its room comes back when it answers. */
export function abandon(step: StepContext, abandoned: Dispatch, reason: string | undefined): void {
  abandoned.abandoned = true;
  abandoned.worker.regaining.delete(abandoned);
  if (abandoned.inside) endInside(step.state, abandoned);
  step.effects.cancelAttempt(abandoned, reason);
}

/** Files the worker among those that can take more, as its load and its link now allow. */
export function updateRoom(state: State, worker: Worker): void {
  const { slots, backlogMicros } = worker;
  const { aheadMicros, maxAhead } = state.options;
  const load = loadOf(worker);
  const present = isPresent(worker);
  member(state.free, worker, present && load < slots);
  member(
    state.open,
    worker,
    present &&
      load >= slots &&
      load < slots * (1 + maxAhead) &&
      backlogMicros < 2 * aheadMicros * slots,
  );
  member(state.surplus, worker, present && load > slots);
}

/** Something changed on this worker: whoever found no room and may find it there is asked again. */
export function unblock(state: State, worker: Worker): void {
  if (state.free.has(worker)) state.freeings++;
  for (const site of blockedAt(state, worker)) {
    if (mayFindRoom(state, worker, site)) state.ready.wake(site);
    else if (mayMakeRoom(state, worker, site)) state.ready.lookAgain(site);
  }
}

/** The blocked sites of functions that a worker has, and perhaps others. */
function blockedAt({ ready, functions }: State, worker: Worker): Iterable<Site> {
  if (ready.blocked.size <= worker.functions.size) return ready.blocked;
  return [...worker.functions].flatMap((name) =>
    [...(functions.get(name)?.sites ?? [])].filter((site) => ready.blocked.has(site)),
  );
}

function mayFindRoom(state: State, worker: Worker, site: Site): boolean {
  const isFree = state.free.has(worker);
  // What holds a resource is not sent ahead.
  if (!isFree && (site.resources.length > 0 || !state.open.has(worker))) return false;
  return mayRunAt(worker, site) && hasRoomForSmallest(worker, site);
}

/** It was asked for room and has given what it could: there may be more to give. */
function mayMakeRoom({ surplus }: State, worker: Worker, site: Site): boolean {
  const { blockedBy } = site;
  if (blockedBy === undefined || worker.lowestPriority >= blockedBy.priority) return false;
  return worker.withdrawals === 0 && surplus.has(worker) && mayRunAt(worker, site);
}

/** Whether there is enough of each resource for the lane of a site that asks for the least of it. */
export function hasRoomForSmallest(worker: Worker, site: Site): boolean {
  const { resources, smallest } = site;
  if (resources.length > 0 && worker.regaining.size > 0) return false;
  if (worker.reservedFor?.spec.constraint.site !== site && isKept(worker, resources)) return false;
  for (let index = 0; index < resources.length; index++) {
    const least = smallest[index]!.first;
    if (least !== undefined && freeOf(worker, resources[index]!) < least.amount) return false;
  }
  return true;
}

export function isPresent({ awayUntil, leaving, paused }: Worker): boolean {
  return awayUntil === undefined && !leaving && paused === undefined;
}

/** Those that had lent their resources come before others. */
export function hasResources(worker: Worker, constraint: PlacementConstraint): boolean {
  if (constraint.resources === undefined) return true;
  if (worker.regaining.size > 0) return false;
  const isForIt = worker.reservedFor?.spec.constraint === constraint;
  if (!isForIt && isKept(worker, Object.keys(constraint.resources))) return false;
  return hasFree(worker, constraint);
}

/** Whether room for some of these waits there for a task that asks for much; see reservation.ts. */
function isKept({ reservedFor }: Worker, resources: readonly string[]): boolean {
  if (reservedFor?.state.at !== "ready") return false;
  const kept = reservedFor.spec.constraint.resources ?? {};
  return resources.some((name) => Object.hasOwn(kept, name));
}

function hasFree(worker: Worker, { resources }: PlacementConstraint): boolean {
  for (const resource in resources) {
    if (freeOf(worker, resource) < resources[resource]!) return false;
  }
  return true;
}

function freeOf(worker: Worker, resource: string): number {
  return rounded((worker.resources[resource] ?? 0) - (worker.used[resource] ?? 0));
}

/**
 * What a task is taken to cost when work is sent ahead. Short tasks count as they are; those near
 * the bound fill one place; long ones fill it twice over, so that nothing is queued behind them.
 */
function estimateMicros(
  { options: { aheadMicros } }: State,
  meanMicros: number | undefined,
): number {
  if (meanMicros === undefined) return aheadMicros;
  if (meanMicros < aheadMicros) return meanMicros;
  return meanMicros < 10 * aheadMicros ? aheadMicros : 2 * aheadMicros;
}

function takeResources(worker: Worker, { resources }: PlacementConstraint, times: 1 | -1): void {
  for (const resource in resources) {
    worker.used[resource] = rounded((worker.used[resource] ?? 0) + times * resources[resource]!);
  }
}

/** To a millionth, so that fractions which come and go add up to nothing. */
function rounded(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}

function member(set: Set<Worker>, worker: Worker, belongs: boolean): void {
  if (belongs) set.add(worker);
  else set.delete(worker);
}
