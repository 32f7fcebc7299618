// The life of a task, from its creation until nothing needs it: how it becomes ready, how it is settled,
// what that means for its dependents, and which clients are told. A chain of tasks may be 100,000
// long, so graphs are walked with lists of work, never by recursion.

import { cut } from "../../../src/errors/brief-failure.ts";
import type { Failure } from "../../../src/wire/protocol.ts";
import type { Payload } from "../../../src/payload/payload.ts";
import { tellOfFailure, tellOfRetry, tellOfTask } from "../clients/feeds.ts";
import { bytesOf, mostHolders } from "../effects.ts";
import { fitting } from "../memory/fitting.ts";
import { enterHeap, enterPayload, enterTask } from "../memory/ledger.ts";
import { lossBytes } from "../memory/sizes.ts";
import { abandon } from "../placement/dispatches.ts";
import { firstOf, listOf, without } from "../structures/small-set.ts";
import { enterSpec, leaveSpec } from "./specs.ts";
import type {
  Client,
  Spec,
  State,
  Submission,
  Task,
  TaskKey,
  TaskState,
  Worker,
} from "../state.ts";
import { ofTask } from "../timers.ts";
import { transition, type StepContext } from "./transition.ts";
import { forgetLineage, isScattered, rememberLineage } from "../values/lineage.ts";
import { updateOffloading } from "../values/offloading.ts";
import { forgetRequests, freeValue, noteHolder } from "../values/replicas.ts";
import { forEachWanting, removeWant } from "../clients/wants.ts";

/** The states that all their tasks share. */
export const fresh: TaskState = { at: "new" };
export const readyState: TaskState = { at: "ready" };
export const released: TaskState = { at: "released" };
export const forgotten: TaskState = { at: "forgotten" };
const noTasks: readonly Task[] = [];

/** One call of a submission. */
type Call = { key: TaskKey; args: Payload; inputKeys: readonly TaskKey[] | undefined };

/** Files a new task. `admit` then gives it its first state. */
export function createTask(step: StepContext, spec: Spec, call: Call): Task {
  const { state, now } = step;
  const { expiresMs } = spec.options;
  const { key } = call;
  const task: Task = {
    key,
    spec,
    ahead: undefined,
    behind: undefined,
    args: call.args,
    inputKeys: call.inputKeys,
    order: state.totals.submitted++,
    submission: submissionAt(state, now),
    inputs: undefined,
    state: fresh,
    attempt: 0,
    starts: 0,
    failures: 0,
    dependents: undefined,
    wantedBy: undefined,
    detachedBy: undefined,
    suspicions: 0,
    losses: undefined,
    expiresAt: expiresMs === undefined ? undefined : now + expiresMs,
    progress: undefined,
  };
  enterSpec(task, spec);
  state.counts.new++;
  state.tasks.add(task);
  enterTask(state, task, 1);
  if (expiresMs !== undefined)
    state.timers.add(now + expiresMs, { kind: "expiry", ...ofTask(task) });
  if (state.feeds.size > 0) {
    tellOfTask(step, task, { type: "submitted", client: spec.client.name });
  }
  return task;
}

function submissionAt(state: State, now: number): Submission {
  return state.submission.at === now ? state.submission : (state.submission = { at: now });
}

/** The first state of a task: ready, or waiting for its inputs or for a moment. */
export function admit(step: StepContext, task: Task, why: string): void {
  if (endWithInput(step, task)) return;
  const missing = countMissing(task);
  const until = holdBack(step, task);
  if (missing > 0 || until !== undefined) {
    transition(step, task, { at: "waiting", missing, until }, why);
  } else {
    transition(step, task, readyState, why);
  }
}

/** Starts the timer of a task that may not run yet, and returns its `until`. */
function holdBack({ state, now }: StepContext, task: Task): number | undefined {
  const { delayMs = 0, startAt } = task.spec.options;
  if (startAt !== undefined) {
    if (startAt <= now + state.wallAheadMs) return undefined;
    state.wallTimers.add(startAt, { kind: "start-at", ...ofTask(task) });
    return untilToldByWallClock;
  }
  if (delayMs <= 0) return undefined;
  state.timers.add(now + delayMs, { kind: "start", ...ofTask(task) });
  return now + delayMs;
}

/** The `until` of a task with `startAt`: when that is by the clock of the core can change. */
export const untilToldByWallClock = Number.MAX_SAFE_INTEGER;

/** The moment of a task's `startAt` has come. */
export function endHold(step: StepContext, task: Task): void {
  const { state } = task;
  if (state.at !== "waiting" || state.until !== untilToldByWallClock) return;
  state.until = undefined;
  proceed(step, task, "its moment has come");
}

/** Fails or cancels a task that has a failed or cancelled input. Returns whether it did. */
export function endWithInput(step: StepContext, task: Task): boolean {
  for (const { state } of task.inputs ?? []) {
    if (state.at === "failed") fail(step, task, state.failure, "an input failed");
    else if (state.at === "cancelled") cancelOne(step, task, state.passedOn, state.passedOn);
    else continue;
    return true;
  }
  return false;
}

/** The reason for the dependents of a cancelled task: which task was cancelled, and why. */
function passedOn(key: TaskKey, reason: string | undefined): string {
  const because = reason === undefined ? "" : `: ${cut(reason, longestReason)}`;
  return `${key}, which it depends on, was cancelled${because}`;
}
/** Characters of a reason, so that it fits into a message together with the key. */
const longestReason = 10_000;

/** How many inputs have no value yet, each counted once however often the arguments refer to it. */
export function countMissing({ inputs }: Task): number {
  if (inputs === undefined) return 0;
  let missing = 0;
  for (const { state } of inputs) if (state.at !== "finished") missing++;
  if (missing < 2) return missing;
  if (inputs.length === 2) return inputs[0] === inputs[1] ? 1 : 2;
  return new Set(inputs.filter(({ state }) => state.at !== "finished")).size;
}

/** Makes a waiting task ready, unless it waits for more. */
export function proceed(step: StepContext, task: Task, why: string): void {
  const { state } = task;
  if (state.at !== "waiting" || state.missing > 0) return;
  if (state.until !== undefined && state.until > step.now) return;
  transition(step, task, readyState, why);
}

/**
 * Puts a task back into the queue that has been dispatched or was found to have no room, after a delay
 * if there is one. It may have to wait for inputs again: they may have been lost meanwhile.
 */
export function requeue(step: StepContext, task: Task, why: string, delayMs = 0): void {
  const missing = task.inputs === undefined ? 0 : countMissing(task);
  const until = delayMs > 0 ? step.now + delayMs : undefined;
  if (until !== undefined) step.state.timers.add(until, { kind: "start", ...ofTask(task) });
  if (missing > 0 || until !== undefined) {
    transition(step, task, { at: "waiting", missing, until }, why);
  } else {
    transition(step, task, readyState, why);
  }
}

/** The task has its value, and the scheduler keeps it. */
export function finish(step: StepContext, task: Task, value: Payload, worker: string): void {
  const { state } = step;
  const bytes = bytesOf(value);
  transition(step, task, { at: "finished", value, bytes, holders: undefined }, worker);
  state.keptBytes += bytes;
  enterPayload(state, value, 1);
  if (state.keptBytes > state.options.keptBytes) updateOffloading(step);
  settle(step, task, worker);
  dropInputs(step, task);
  forgetIfUnneeded(step, task);
}

/** The task has its value on a worker. That may be lost, so the lineage is remembered. */
export function finishHeld(step: StepContext, task: Task, bytes: number, holder: Worker): void {
  const holders = new Set([holder]);
  transition(step, task, { at: "finished", value: undefined, bytes, holders }, holder.name);
  noteHolder(step, task, holder, bytes);
  settle(step, task, holder.name);
  for (const input of rememberLineage(step.state, task)) forgetIfUnneeded(step, input);
  forgetIfUnneeded(step, task);
}

/** Tells clients that the task has finished, and readies the dependents that waited for it only. */
function settle(step: StepContext, task: Task, worker: string): void {
  const { state } = task;
  step.state.totals.finished++;
  if (step.state.feeds.size > 0 && state.at === "finished") {
    tellOfTask(step, task, { type: "finished", worker, bytes: state.bytes });
  }
  const { dependents, wantedBy } = task;
  // Not `forEachWanting`: a closure for every result is a fortieth of all that the core does for it.
  if (wantedBy instanceof Set) for (const client of wantedBy) tellFinished(step, client, task);
  else if (wantedBy !== undefined) tellFinished(step, wantedBy, task);
  if (dependents instanceof Set) {
    // The ready queue takes dependents newest first, so the last of them goes in first.
    for (const dependent of [...dependents].reverse()) inputFinished(step, dependent);
  } else if (dependents) inputFinished(step, dependents);
  task.detachedBy = undefined;
}

function inputFinished(step: StepContext, task: Task): void {
  const { state } = task;
  if (state.at !== "waiting") return;
  state.missing--;
  proceed(step, task, "its inputs are there");
}

/**
 * Fails a task and, with the same failure, everything that depends on it. What no client hears of is
 * reported for the log.
 *
 * @param worker the name of the worker that reported the failure
 */
export function fail(
  step: StepContext,
  task: Task,
  reported: Failure,
  why: string,
  worker?: string,
): void {
  const failure = fitting(step.state, reported);
  const failing = [task];
  const detached: Task[] = [];
  let failed = 0;
  let isHeard = false;
  for (let next = failing.pop(); next !== undefined; next = failing.pop()) {
    if (isSettled(next)) continue;
    // A dependent that runs cannot get its input any more. The failed task itself has ended already.
    if (next !== task && next.state.at === "running") {
      abandon(step, next.state.dispatch, "an input failed");
    }
    transition(step, next, { at: "failed", failure }, next === task ? why : "an input failed");
    step.state.totals.failed++;
    tellOfFailure(step, next, failure);
    failed++;
    // Whoever sends a task off does not look at it again, even if it still has the future.
    if (next.detachedBy !== undefined) detached.push(next);
    else forEachWanting(next, ({ awayUntil }) => (isHeard ||= awayUntil === undefined));
    const { key } = next;
    forEachWanting(next, (client) => step.effects.failed(client, key, failure));
    next.detachedBy = undefined;
    for (const dependent of listOf(next.dependents)) failing.push(dependent);
    forgetIfUnneeded(step, next);
  }
  for (const { key, spec, attempt } of isHeard ? detached : failed > 0 ? [task] : []) {
    const facts = { key, function: spec.function.name, failure, attempt, worker };
    step.effects.logUnheard({ ...facts, dependents: isHeard ? 0 : failed - 1 });
  }
}

/** Tells a client how a task was settled. It is told nothing while the task has no outcome. */
export function tellOutcome(step: StepContext, client: Client, task: Task): void {
  const { effects } = step;
  const { state, key } = task;
  if (state.at === "finished") tellFinished(step, client, task);
  else if (state.at === "failed") effects.failed(client, key, state.failure);
  else if (state.at === "cancelled") effects.cancelled(client, key, state.reason);
}

/**
 * Cancels a task and its dependents for one client, or for all clients when forced. Without force,
 * tasks that other clients need, themselves or through a dependent, go on for these clients.
 *
 * @param passed the tasks that were cancelled for this client in the same way just before, with all their
 * dependents: they are not walked through again, and neither are those that are now
 */
export function cancel(
  step: StepContext,
  task: Task,
  by: Client,
  { reason, force, passed }: { reason: string | undefined; force: boolean; passed: Set<Task> },
): void {
  if (isSettled(task)) {
    // The client had not heard so when it cancelled it: a retry of what failed first must not revive it.
    if (task.state.at === "failed" && removeWant(step, task, by)) forgetIfUnneeded(step, task);
    return;
  }
  const forDependents = passedOn(task.key, reason);
  for (const each of dependentsFirst(task, passed)) {
    if (isSettled(each)) continue;
    const itsReason = each === task ? reason : forDependents;
    if (!force) {
      if (removeWant(step, each, by)) step.effects.cancelled(by, each.key, itsReason);
      if (each.detachedBy === by) each.detachedBy = undefined;
      if (isWantedOrNeeded(each) || step.state.retentions.has(each)) continue;
    }
    cancelOne(step, each, itsReason, forDependents);
  }
}

/** Cancels a task for all clients, and its dependents, which cannot have its value any more. */
export function cancelOne(
  step: StepContext,
  task: Task,
  reason: string | undefined,
  forDependents = passedOn(task.key, reason),
): void {
  const cancelling = [task];
  for (let next = cancelling.pop(); next !== undefined; next = cancelling.pop()) {
    if (isSettled(next)) continue;
    const itsReason = next === task ? reason : forDependents;
    if (next.state.at === "running") abandon(step, next.state.dispatch, itsReason);
    const cancelled = { at: "cancelled", reason: itsReason, passedOn: forDependents } as const;
    transition(step, next, cancelled, next === task ? "cancelled" : "an input was cancelled");
    const { key } = next;
    tellOfTask(step, next, { type: "cancelled", ...(itsReason && { reason: itsReason }) });
    forEachWanting(next, (client) => step.effects.cancelled(client, key, itsReason));
    for (const dependent of listOf(next.dependents)) cancelling.push(dependent);
    next.detachedBy = undefined;
    dropInputs(step, next);
    forgetIfUnneeded(step, next);
  }
}

/**
 * Runs failed tasks again, and with them their failed inputs and all tasks that failed because of these. Returns
 * the tasks that are under way again, without those that have not failed, or cannot run again.
 */
export function reopen(step: StepContext, tasks: readonly Task[]): ReadonlySet<Task> {
  const reopening = new Set(tasks.filter(canReopen));
  // To the inputs that failed first,
  for (const next of reopening) {
    for (const input of next.inputs ?? []) if (canReopen(input)) reopening.add(input);
  }
  // and from there to everything that failed with them. Nobody has asked for a second start of these.
  for (const next of reopening) {
    for (const near of [...(next.inputs ?? []), ...listOf(next.dependents)]) {
      const hasHadItsStart = near.spec.options.atMostOnce && near.attempt > 0;
      if (canReopen(near) && !hasHadItsStart) reopening.add(near);
    }
  }
  for (const each of reopening) {
    each.failures = 0;
    for (const loss of each.losses ?? []) enterHeap(step.state, lossBytes(loss), -1);
    each.losses = undefined;
    each.expiresAt = undefined;
    const missing = countMissing(each);
    transition(step, each, { at: "waiting", missing, until: undefined }, "retried by a client");
    tellOfRetry(step, each);
    forEachWanting(each, (client) => step.effects.reopened(client, each.key));
  }
  for (const each of reopening) {
    // An input may have been cancelled while this task had failed and did not need it.
    if (!endWithInput(step, each)) proceed(step, each, "retried by a client");
  }
  return reopening;
}

/** Whether a task has failed, and is a call whose arguments refer to no unknown futures. */
function canReopen(task: Task): boolean {
  const { state, inputKeys, inputs } = task;
  if (state.at !== "failed" || isScattered(task)) return false;
  return inputKeys === undefined || inputs !== undefined;
}

/**
 * A task and everything that depends on it, without what was seen before, ordered so that each task comes
 * after its dependents.
 */
function dependentsFirst(task: Task, seen: Set<Task>): Task[] {
  const order: Task[] = [];
  if (seen.has(task)) return order;
  seen.add(task);
  const path: { task: Task; rest: Iterator<Task> }[] = [];
  const enter = (next: Task) => path.push({ task: next, rest: listOf(next.dependents).values() });
  enter(task);
  while (path.length > 0) {
    const top = path.at(-1)!;
    const next = top.rest.next();
    if (next.done) {
      order.push(top.task);
      path.pop();
    } else if (!seen.has(next.value)) {
      seen.add(next.value);
      enter(next.value);
    }
  }
  return order;
}

/** Removes a task that nothing needs any more, and then the inputs that only it still needed. */
export function forgetIfUnneeded(step: StepContext, task: Task): void {
  // Most tasks have no inputs, and need no list.
  let candidates: Task[] | undefined;
  for (let next: Task | undefined = task; next !== undefined; next = candidates?.pop()) {
    if (isNeeded(step.state, next) || next.state.at === "forgotten") continue;
    if (step.state.descendants.has(next)) {
      for (const input of release(step, next)) (candidates ??= []).push(input);
      continue;
    }
    tellIfReleased(step, next);
    if (next.state.at === "running") abandon(step, next.state.dispatch, "no longer wanted");
    freeValue(step, next);
    forgetRequests(step.state, next);
    if (step.state.tooLarge.size > 0) step.state.tooLarge.delete(next);
    transition(step, next, forgotten, "not needed any more");
    step.state.tasks.delete(next.key);
    enterTask(step.state, next, -1);
    letGo(next);
    leaveSpec(step.state, next);
    for (const input of detachInputs(step.state, next)) (candidates ??= []).push(input);
  }
}

/** What still has the task does not keep what was large of it. */
function letGo(task: Task): void {
  task.args = "";
  task.inputKeys = undefined;
  task.progress = undefined;
}

/**
 * Frees the value of a task that is not needed, but may be again when a descendant is lost. A value
 * that the scheduler keeps stays: it is small, and needs no lineage.
 * Returns the inputs, which this task does not need for now.
 */
function release(step: StepContext, task: Task): readonly Task[] {
  const { state } = task;
  if (isSettled(task) && !(state.at === "finished" && state.holders !== undefined)) return [];
  tellIfReleased(step, task);
  if (state.at === "running") abandon(step, state.dispatch, "no longer wanted");
  freeValue(step, task);
  forgetRequests(step.state, task);
  transition(step, task, released, "its value is not needed");
  return rememberLineage(step.state, task);
}

function tellIfReleased(step: StepContext, task: Task): void {
  if (step.state.feeds.size > 0 && !isSettled(task)) tellOfTask(step, task, { type: "released" });
}

export function dropInputs(step: StepContext, task: Task): void {
  for (const input of detachInputs(step.state, task)) forgetIfUnneeded(step, input);
}

/** Takes a task from the dependents of its inputs, and returns these. */
function detachInputs(state: State, task: Task): readonly Task[] {
  const { inputs } = task;
  if (inputs === undefined) return noTasks;
  task.inputs = undefined;
  for (const input of inputs) {
    input.dependents = without(input.dependents, task);
    if (state.descendants.size > 0) forgetLineage(state, input, task);
  }
  return inputs;
}

export function isSettled({ state: { at } }: Task): boolean {
  return at !== "new" && at !== "waiting" && at !== "ready" && at !== "running";
}

/** Whether a client, a retention or a dependent needs the value, or it is kept for somebody to come. */
export function isNeeded({ retentions, kept }: State, task: Task): boolean {
  if (isWanted(task) || task.dependents !== undefined || retentions.has(task)) return true;
  return kept.size > 0 && kept.has(task);
}

function isWanted(task: Task): boolean {
  return task.wantedBy !== undefined || task.detachedBy !== undefined;
}

function isWantedOrNeeded(task: Task): boolean {
  if (isWanted(task)) return true;
  for (const dependent of listOf(task.dependents)) if (!isSettled(dependent)) return true;
  return false;
}

function tellFinished({ state, effects }: StepContext, client: Client, task: Task): void {
  if (task.state.at !== "finished") return;
  const { value, bytes, holders } = task.state;
  if (holders !== undefined) {
    const names = firstOf(holders, mostHolders).map(({ name }) => name);
    effects.stored(client, task.key, bytes, names);
  } else if (bytes <= state.options.smallResultBytes) effects.finished(client, task.key, value);
  else effects.stored(client, task.key, bytes, ["scheduler"]);
}
