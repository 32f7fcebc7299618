// Dispatches, and the room they take: a task is sent to a worker, occupies a slot and resources there
// until it ends, and may lend both while it waits for sub-tasks. Which workers have room is kept up to
// date in the sets `free`, `openAhead` and `surplus`.

import { tellOfTask } from "../clients/feeds.ts";
import type { Input } from "../effects.ts";
import { enterHeap } from "../memory/ledger.ts";
import { dispatchBytes } from "../memory/sizes.ts";
import * as limits from "./limits.ts";
import { mayRunAt, type Site } from "./sites.ts";
import type { Dispatch, PlacementConstraint, State, Task, Worker } from "../state.ts";
import { transition, type StepContext } from "../tasks/transition.ts";

/** Sends a ready task to a worker, as its next attempt. */
export function dispatch(step: StepContext, task: Task, worker: Worker): void {
  const { state, now, effects } = step;
  const { spec } = task;
  task.attempt++;
  const next: Dispatch = {
    task,
    attempt: task.attempt,
    worker,
    at: now,
    estimateMicros: estimateMicros(state, spec.function.meanMicros),
    started: false,
    suspect: task.suspicions > 0,
    closes: runsAlone(task),
    withdrawing: false,
    abandoned: false,
    untakenBytes: 0,
    lent: false,
    inside: undefined,
    leases: undefined,
  };
  transition(step, task, { at: "running", dispatch: next }, worker.name);
  worker.dispatches.set(task.key, next);
  worker.backlogMicros += next.estimateMicros;
  if (spec.priority < worker.lowestPriority) worker.lowestPriority = spec.priority;
  takeResources(worker, spec.constraint, 1);
  if (spec.constraint.limit) limits.countStart(now, spec.constraint.limit);
  if (next.suspect) worker.suspects++;
  if (next.closes) worker.closedFor = task;
  enterHeap(state, dispatchBytes);
  state.totals.dispatched++;
  // To the end of these sets, so that the next task goes to the worker that waited longest.
  if (state.free.size > 1) state.free.delete(worker);
  if (state.openAhead.size > 1) state.openAhead.delete(worker);
  updateRoom(state, worker);
  effects.run(next, task.inputs && inputsOf(task));
}

/** Values of up to so many bytes in all are sent along with a task. Its worker fetches the others. */
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

/** It has begun to execute: counted once. */
export function countStart(step: StepContext, dispatch: Dispatch): void {
  if (dispatch.started) return;
  const { task, worker, abandoned } = dispatch;
  dispatch.started = true;
  task.starts++;
  if (step.state.feeds.size === 0 || abandoned) return;
  tellOfTask(step, task, { type: "started", worker: worker.name, start: task.starts });
}

/** An attempt ended on its worker. `offerRoom` follows, once for all that ended together. */
export function endDispatch({ state }: StepContext, ended: Dispatch): void {
  const { worker, task } = ended;
  endInside(state, ended);
  worker.dispatches.delete(task.key);
  enterHeap(state, dispatchBytes, -1);
  if (ended.withdrawing) worker.withdrawals--;
  if (ended.lent) {
    worker.lent--;
    stopRegaining(ended);
  } else {
    freeSlot(state, ended);
  }
  if (worker.dispatches.size === 0) {
    worker.backlogMicros = 0;
    worker.lowestPriority = Infinity;
  }
}

/** A worker may have room: first for the tasks there that lent their resources, then for new ones. */
export function offerRoom(step: StepContext, worker: Worker): void {
  for (const each of worker.regaining) {
    if (!hasFree(worker, each.task.spec.constraint)) break;
    if (mayCountAgain(each) && isApart(each)) letGoOn(step, each);
  }
  updateRoom(step.state, worker);
  unblock(step.state, worker);
}

/** The task waits for its sub-tasks: other tasks may use its slot and its resources. */
export function lend(state: State, dispatch: Dispatch): void {
  if (dispatch.lent) return;
  dispatch.lent = true;
  dispatch.worker.lent++;
  freeSlot(state, dispatch);
}

function freeSlot(state: State, dispatch: Dispatch): void {
  const { worker, task, estimateMicros, suspect } = dispatch;
  const { constraint } = task.spec;
  worker.backlogMicros -= estimateMicros;
  takeResources(worker, constraint, -1);
  if (constraint.limit) limits.countEnd(state, constraint.limit);
  if (suspect) worker.suspects--;
  // The worker may by then be emptied for a later attempt of the same task, which this does not end.
  if (dispatch.closes) worker.closedFor = undefined;
  dispatch.closes = false;
}

/**
 * The task goes on. It may use its slot at once, but has to wait until its resources are free and its limit
 * lets it run; as a suspect, until no other suspect runs there.
 */
export function resume(state: State, dispatch: Dispatch): void {
  const { worker, task, lent, abandoned, suspect } = dispatch;
  const { constraint } = task.spec;
  if (!lent) return;
  if (!suspect && !limits.waitsToGoOn(constraint)) return takeBack(dispatch);
  // An abandoned task is to end, and needs nothing for that.
  if (abandoned) return;
  if (constraint.resources !== undefined || suspect) worker.regaining.add(dispatch);
  if (constraint.limit) limits.awaitCount(state, constraint.limit, dispatch);
}

function stopRegaining(dispatch: Dispatch): void {
  dispatch.worker.regaining.delete(dispatch);
  dispatch.task.spec.constraint.limit?.counter?.regaining.delete(dispatch);
}

/** Whether its limit lets one more run that had lent its slot. */
function mayCountAgain({ task }: Dispatch): boolean {
  const { limit } = task.spec.constraint;
  return limit?.counter === undefined || limit.counter.running < limit.maxRunning;
}

/** Whether it would be apart from other suspects, if it is one; see suspects.ts. */
function isApart({ worker, suspect }: Dispatch): boolean {
  return !suspect || worker.suspects === 0;
}

function letGoOn(step: StepContext, dispatch: Dispatch): void {
  stopRegaining(dispatch);
  takeBack(dispatch);
  step.effects.resume(dispatch);
}

/** Tasks under some limits have ended: first those go on that wait to be counted again, then sites come back. */
export function offerLimits(step: StepContext): void {
  const { state, now } = step;
  if (state.limits.changed.size === 0) return;
  for (const counter of state.limits.changed) {
    for (const each of counter.regaining) {
      if (counter.running >= counter.most) break;
      const { worker, task } = each;
      if (!mayCountAgain(each) || !isApart(each)) continue;
      if (!hasFree(worker, task.spec.constraint)) continue;
      letGoOn(step, each);
      updateRoom(state, worker);
    }
    limits.openLimits(state, now, counter);
  }
  state.limits.changed.clear();
}

/** The worker of the dispatch is gone. */
export function dropDispatch(state: State, dispatch: Dispatch): void {
  const { limit } = dispatch.task.spec.constraint;
  endInside(state, dispatch);
  enterHeap(state, dispatchBytes, -1);
  if (limit === undefined) return;
  stopRegaining(dispatch);
  if (!dispatch.lent) limits.countEnd(state, limit);
}

function takeBack(dispatch: Dispatch): void {
  dispatch.lent = false;
  const { worker, task } = dispatch;
  worker.lent--;
  worker.backlogMicros += dispatch.estimateMicros;
  const { constraint } = task.spec;
  takeResources(worker, constraint, 1);
  if (constraint.limit?.counter) constraint.limit.counter.running++;
  if (dispatch.suspect) worker.suspects++;
}

/**
 * The client inside the task ends at the end of the step; its sub-tasks may have clients inside too.
 * One whose attempt was cancelled has ended already, but for the leases that it held.
 */
export function endInside(state: State, dispatch: Dispatch): void {
  const { inside, leases } = dispatch;
  if (inside) state.endedClients.push(inside);
  if (leases) state.endedClients.push(leases);
  dispatch.inside = dispatch.leases = undefined;
}

/** Whether the attempt was cancelled, and is not known to be off its thread. */
export function isEnding(dispatch: Dispatch): boolean {
  const { abandoned, worker, task } = dispatch;
  return abandoned && worker.dispatches.get(task.key) === dispatch;
}

/** How many dispatches occupy a slot of the worker or wait for one. */
export function loadOf({ dispatches, lent }: Worker): number {
  return dispatches.size - lent;
}

/** Cancels an attempt. It takes room on its worker until the worker answers that it ended. */
export function abandon(step: StepContext, abandoned: Dispatch, reason: string | undefined): void {
  abandoned.abandoned = true;
  stopRegaining(abandoned);
  endInside(step.state, abandoned);
  step.effects.cancelAttempt(abandoned, reason);
}

/** Puts the worker into the sets of workers with room, or takes it out, as its load and link allow. */
export function updateRoom(state: State, worker: Worker): void {
  const { slots, backlogMicros } = worker;
  const { aheadMicros, maxAhead } = state.options;
  const load = loadOf(worker);
  const present = isPresent(worker) && worker.closedFor === undefined;
  setMembership(state.free, worker, present && load < slots);
  setMembership(
    state.openAhead,
    worker,
    present &&
      // Behind a suspect nothing else may begin when it ends, or each could be the cause of a loss.
      worker.suspects === 0 &&
      load >= slots &&
      load < slots * (1 + maxAhead) &&
      backlogMicros < 2 * aheadMicros * slots,
  );
  const before = state.surplus.size;
  setMembership(state.surplus, worker, present && load > slots);
  if (state.surplus.size > before) state.surplusLeft = state.surplus.size;
}

/** Something changed on this worker: lanes that found no room and may find it there are looked at again. */
export function unblock(state: State, worker: Worker): void {
  if (state.free.has(worker)) {
    state.slotsFreed++;
    state.surplusLeft = state.surplus.size;
  }
  for (const site of blockedAt(state, worker)) {
    if (mayFindRoom(state, worker, site)) state.ready.wake(site);
    else if (mayMakeRoom(state, worker, site)) state.ready.lookAgain(site);
  }
}

/** The blocked sites that the worker may matter to: those of its rosters, and perhaps others. */
function blockedAt({ ready }: State, { rosters }: Worker): Iterable<Site> {
  if (ready.blocked.size <= rosters.size) return ready.blocked;
  return [...rosters].flatMap(({ sites }) => [...sites].filter((site) => ready.blocked.has(site)));
}

function mayFindRoom(state: State, worker: Worker, site: Site): boolean {
  const isFree = state.free.has(worker);
  // Tasks that need a resource or have a limit are not sent ahead.
  const needsSlot = site.resources.length > 0 || site.limited;
  if (!isFree && (needsSlot || !state.openAhead.has(worker))) return false;
  return mayRunAt(worker, site) && hasRoomForSmallest(worker, site);
}

/** Whether work that was sent ahead to the worker may be withdrawn for something more urgent. */
function mayMakeRoom({ surplus }: State, worker: Worker, site: Site): boolean {
  const { blockedBy } = site;
  if (blockedBy === undefined || worker.lowestPriority >= blockedBy.priority) return false;
  return worker.withdrawals === 0 && surplus.has(worker) && mayRunAt(worker, site);
}

/** Whether the worker has enough of each resource for the lane of the site that needs least of it. */
export function hasRoomForSmallest(worker: Worker, site: Site): boolean {
  const { resources, smallest } = site;
  if (resources.length > 0 && worker.regaining.size > 0) return false;
  if (worker.reservedFor?.spec.constraint.site !== site && isReserved(worker, resources))
    return false;
  for (let index = 0; index < resources.length; index++) {
    const least = smallest[index]!.first;
    if (least !== undefined && freeOf(worker, resources[index]!) < least.amount) return false;
  }
  return true;
}

/** Whether the task has to run with nothing else on its worker; see suspects.ts. */
export function runsAlone({ suspicions }: Task): boolean {
  return suspicions > 1;
}

/** Whether the task, if it is a suspect, would be apart from others on this worker. */
export function isApartOn(worker: Worker, task: Task): boolean {
  if (task.suspicions === 0) return true;
  if (worker.suspects > 0) return false;
  return !runsAlone(task) || loadOf(worker) === 0;
}

/** Whether the worker is there for as long as a call of the function takes, as far as both are known. */
export function hasTime(now: number, { endsAt }: Worker, { spec }: Task): boolean {
  const { meanMicros } = spec.function;
  return endsAt === undefined || meanMicros === undefined || now + meanMicros / 1_000 <= endsAt;
}

export function isPresent({ awayUntil, leaving, paused }: Worker): boolean {
  return awayUntil === undefined && !leaving && paused === undefined;
}

/** Whether the resources are free. Tasks there that lent theirs come before new ones. */
export function hasResources(worker: Worker, constraint: PlacementConstraint): boolean {
  if (constraint.resources === undefined) return true;
  if (worker.regaining.size > 0) return false;
  const isForIt = worker.reservedFor?.spec.constraint === constraint;
  if (!isForIt && isReserved(worker, Object.keys(constraint.resources))) return false;
  return hasFree(worker, constraint);
}

/** Whether some of these resources are reserved there for another task; see reservation.ts. */
function isReserved({ reservedFor }: Worker, resources: readonly string[]): boolean {
  if (reservedFor?.state.at !== "ready") return false;
  const reserved = reservedFor.spec.constraint.resources ?? {};
  return resources.some((name) => Object.hasOwn(reserved, name));
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
 * What a task counts as when work is sent ahead: a short one its mean duration, a longer one a slot's
 * whole share, and a long one twice that, so that nothing is queued behind it.
 */
function estimateMicros(
  { options: { aheadMicros } }: State,
  meanMicros: number | undefined,
): number {
  if (meanMicros === undefined) return aheadMicros;
  if (meanMicros < aheadMicros) return meanMicros;
  return meanMicros < 10 * aheadMicros ? aheadMicros : 2 * aheadMicros;
}

/** Asks for one dispatch back, unless it has begun. */
export function withdrawOne(step: StepContext, dispatch: Dispatch): void {
  const { started, withdrawing, abandoned, worker } = dispatch;
  if (started || withdrawing || abandoned) return;
  dispatch.withdrawing = true;
  worker.withdrawals++;
  step.effects.withdraw(dispatch);
}

/** Withdraws the newest dispatches that have no slot and pass, at most so many; returns how many. */
export function withdraw(
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
    taken.push(each);
  }
  // Oldest first: they come back, and are queued, in this order.
  for (const each of taken.reverse()) withdrawOne(step, each);
  return taken.length;
}

function takeResources(worker: Worker, { resources }: PlacementConstraint, times: 1 | -1): void {
  for (const resource in resources) {
    // A worker without the resource can run what needs nothing of it, and would remember any number of names.
    if (resources[resource] === 0) continue;
    // The amount itself is rounded first: what a task gives back is then what it took.
    const amount = times * rounded(resources[resource]!);
    worker.used[resource] = rounded((worker.used[resource] ?? 0) + amount);
  }
}

/** To a millionth, so that fractions which come and go add up to nothing; a whole number stays exact. */
function rounded(amount: number): number {
  return Number.isInteger(amount) ? amount : Math.round(amount * 1e6) / 1e6;
}

function setMembership(set: Set<Worker>, worker: Worker, belongs: boolean): void {
  if (belongs) set.add(worker);
  else set.delete(worker);
}
