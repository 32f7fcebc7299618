// What workers do: come and go, and say how attempts ended. An answer counts only for the dispatch
// it belongs to, by key and attempt; whatever is older is passed over.

import type { Failure, FromWorker, Predecessor, Resources } from "../../../src/wire/protocol.ts";
import {
  endRequestsTo,
  loseReplicasAt,
  receiveHeld,
  receiveNoReplica,
} from "../values/replication.ts";
import { stopScattersTo } from "../values/scattering.ts";
import { endRetirement, startLeaving } from "./retiring.ts";
import {
  endDispatch,
  endInside,
  lend,
  offerRoom,
  resume,
  updateRoom,
} from "../placement/dispatches.ts";
import { findResult, loseReplicas } from "../values/recompute.ts";
import { hasRestarted, stopAwaiting } from "./restart.ts";
import { addToSites, removeFromSites, type Site } from "../placement/sites.ts";
import { forgetFunctionIfUnused, functionFor, measure } from "../tasks/functions.ts";
import type { Dispatch, State, Task, Worker, WorkerId } from "../state.ts";
import { register } from "./registering.ts";
import { receiveFromInside } from "../clients/sub-tasks.ts";
import { fail, finish, finishHeld, holdBack, requeue } from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";
import { tellBounds } from "../values/values.ts";

/** What a worker says of itself when it joins. */
export type WorkerFacts = {
  name: string;
  host: string;
  pid: number;
  threads: number;
  slots: number;
  functions: readonly string[];
  digests?: readonly string[] | undefined;
  resources: Resources;
  address?: string | undefined;
  memoryBytes?: number | undefined;
  predecessor?: Predecessor | undefined;
};

export function join(step: StepContext, id: WorkerId, facts: WorkerFacts): void {
  const { state, now, effects } = step;
  // A name stands for one worker: whoever had it is gone, or it could not be had again.
  for (const other of state.workers.values()) {
    if (other.name !== facts.name) continue;
    lose(step, other.id, facts.predecessor?.how ?? "another worker took its name");
  }
  const worker: Worker = {
    id,
    name: facts.name,
    host: facts.host,
    pid: facts.pid,
    threads: facts.threads,
    slots: facts.slots,
    functions: new Set(facts.functions),
    resources: ownFacts(facts.resources),
    joinedAt: now,
    used: ownFacts({}),
    dispatches: new Map(),
    lent: 0,
    regaining: new Set(),
    backlogMicros: 0,
    awayUntil: undefined,
    leaving: false,
    paused: undefined,
    address: facts.address,
    memoryBytes: facts.memoryBytes ?? Infinity,
    holds: new Set(),
    heldBytes: 0,
    withdrawals: 0,
    nothingToGiveAt: undefined,
    reservedFor: undefined,
    lookAgainAt: undefined,
    lowestPriority: Infinity,
    finished: 0,
  };
  state.workers.set(id, worker);
  state.joins++;
  state.lastJoinAt = now;
  register(step, worker, facts);
  addToSites(state, worker);
  // With the first worker here it shows what nobody can run.
  if (state.workers.size === 1) for (const site of state.sites.values()) askAgain(state, site);
  else askAgainFor(state, worker);
  offerRoom(step, worker);
  tellBounds(step, worker);
  effects.log(
    "info",
    `worker ${worker.name} joined: ${counted(worker.slots, "slot")}, ` +
      counted(worker.functions.size, "function"),
  );
}

export function away({ state, now, effects }: StepContext, id: WorkerId): void {
  const worker = state.workers.get(id);
  if (worker === undefined) return;
  const at = now + state.options.graceMs;
  worker.awayUntil = at;
  state.timers.add(at, { kind: "worker-grace", worker });
  updateRoom(state, worker);
  effects.log("warning", `worker ${worker.name} lost its link; waiting for it to come back`);
}

export function back(step: StepContext, id: WorkerId): void {
  const { state, effects } = step;
  const worker = state.workers.get(id);
  if (worker === undefined) return;
  worker.awayUntil = undefined;
  offerRoom(step, worker);
  effects.log("info", `worker ${worker.name} came back`);
}

/** It is gone for good: what it had runs elsewhere, and what was executing there is blamed. */
export function lose(step: StepContext, id: WorkerId, how: string): void {
  const { state, effects } = step;
  const worker = state.workers.get(id);
  if (worker === undefined) return;
  state.workers.delete(id);
  state.lastDepartureAt = step.now;
  state.free.delete(worker);
  state.open.delete(worker);
  state.surplus.delete(worker);
  removeFromSites(state, worker);
  for (const name of worker.functions) {
    const facts = functionFor(state, name);
    if (--facts.workers > 0) continue;
    facts.warned = false;
    state.registered.delete(name);
    forgetFunctionIfUnused(state, facts);
  }
  loseReplicas(step, worker);
  const dispatches = [...worker.dispatches.values()];
  worker.dispatches.clear();
  // Only those that the worker named were executing for certain: what it was sent last may never have
  // reached it. The others run alone from now on, and announced, so that the next time it is known.
  // One that waited for its sub-tasks was not executing, unless nothing else was.
  const inSlots = dispatches.length - worker.lent;
  // In order of submission, so that they queue up again as they stood.
  dispatches.sort((a, b) => a.task.order - b.task.order);
  let again = 0;
  for (const dispatch of dispatches) {
    const { task, started, abandoned, lent } = dispatch;
    if (dispatch.inside) endInside(state, dispatch);
    // Perhaps only now, because another of them failed.
    if (abandoned) continue;
    again++;
    if (worker.leaving) requeue(step, task, "its worker left");
    else if (lent && inSlots > 0) requeue(step, task, "its worker was lost while it waited");
    else if (started) blame(step, task, { worker: worker.name, how });
    else {
      task.suspect = true;
      requeue(step, task, "its worker was lost");
    }
  }
  endRequestsTo(state, worker);
  stopScattersTo(step, worker);
  endRetirement(step, worker);
  // If nobody is left who could run what waits, it is said.
  askAgainFor(state, worker);
  stopAwaiting(step, worker);
  effects.drop(worker);
  effects.disconnect(id, how);
  const words = `worker ${worker.name} ${worker.leaving ? "left" : `was lost: ${how}`}`;
  const andTasks = again === 0 ? "" : `; ${counted(again, "task")} to run elsewhere`;
  effects.log(worker.leaving ? "info" : "warning", words + andTasks);
}

/** Who is here has changed for what a worker may run: what waits is looked at anew. */
function askAgainFor(state: State, worker: Worker): void {
  for (const name of worker.functions) {
    for (const site of state.functions.get(name)?.sites ?? []) askAgain(state, site);
  }
}

function askAgain({ ready }: State, site: Site): void {
  ready.wake(site);
  ready.lookAgain(site);
}

/** An error that names all losses has to fit into a message: characters of each, and how many. */
const howLength = 1_000;
const shownLosses = 10;

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** The task was executing when its worker, or its thread, went down. */
function blame(step: StepContext, task: Task, loss: { worker: string; how: string }): void {
  const { options } = step.state;
  const losses = (task.losses ??= []);
  losses.push({ ...loss, how: loss.how.slice(0, howLength) });
  task.suspect = true;
  if (losses.length < (task.spec.options.maxWorkerLosses ?? options.maxWorkerLosses)) {
    requeue(step, task, "its worker was lost while it ran");
    return;
  }
  const { name } = task.spec.function;
  const newest = losses.slice(-shownLosses).map(({ worker, how }) => `${worker} (${how})`);
  const earlier = losses.length > shownLosses ? `${losses.length - shownLosses} others, ` : "";
  const each = earlier + newest.join(", ");
  const message = `"${name}" was executing when each of these went down: ${each}; it is not tried again`;
  fail(step, task, { code: "worker-lost", message, key: task.key, task: name }, "too many losses");
}

export function receive(step: StepContext, from: WorkerId, messages: readonly FromWorker[]): void {
  const { state } = step;
  const worker = state.workers.get(from);
  if (worker === undefined) return;
  for (const message of messages) {
    switch (message.type) {
      case "finished": {
        const { keys, attempts, values, micros } = message;
        for (let index = 0; index < keys.length; index++) {
          const value = values[index]!;
          const isHeld = typeof value === "object" && "bytes" in value;
          const ended = findDispatch(worker, keys[index]!, attempts[index]!);
          if (ended === undefined || ended.abandoned) {
            if (isHeld) step.effects.free(worker, keys[index]!, 0, attempts[index]!);
            if (ended === undefined) continue;
          }
          worker.finished++;
          measure(ended.task.spec.function, micros[index]!);
          endDispatch(step, ended);
          if (ended.abandoned) continue;
          if (isHeld) finishHeld(step, ended.task, value.bytes, worker);
          else finish(step, ended.task, value, worker.name);
        }
        break;
      }
      case "failed": {
        const ended = findDispatch(worker, message.key, message.attempt);
        if (ended === undefined) break;
        endDispatch(step, ended);
        if (!ended.abandoned) failAttempt(step, ended.task, worker, message.failure);
        break;
      }
      case "started":
        for (const started of ofColumns(worker, message)) {
          markStarted(started);
        }
        break;
      case "withdrawn":
        for (const ended of ofColumns(worker, message)) {
          endDispatch(step, ended);
          if (!ended.abandoned) requeue(step, ended.task, "given back unstarted");
        }
        break;
      case "stopped":
        for (const ended of ofColumns(worker, message)) {
          endDispatch(step, ended);
          if (!ended.abandoned) requeue(step, ended.task, "stopped unasked");
        }
        break;
      case "progress": {
        const running = findDispatch(worker, message.key, message.attempt);
        if (running === undefined) break;
        const { fraction, text } = message;
        running.task.progress = { fraction, ...(text !== undefined && { text }) };
        break;
      }
      case "restarted":
        hasRestarted(step, worker);
        break;
      case "lent":
        for (const lending of ofColumns(worker, message)) {
          markStarted(lending);
          lend(lending);
        }
        break;
      case "resuming":
        for (const resuming of ofColumns(worker, message)) resume(resuming);
        break;
      case "sub": {
        const running = findDispatch(worker, message.key, message.attempt);
        if (running) receiveFromInside(step, running, message);
        break;
      }
      case "held":
        receiveHeld(step, worker, message);
        break;
      case "missing":
        if (message.call === undefined) receiveNoReplica(step, worker, message);
        else hearMissing(step, worker, message.call, message);
        break;
      case "paused":
        worker.paused = message.reason;
        step.effects.log("warning", `worker ${worker.name} takes no new tasks: ${message.reason}`);
        break;
      case "resumed":
        worker.paused = undefined;
        step.effects.log("info", `worker ${worker.name} takes tasks again`);
        break;
      case "leaving":
        startLeaving(step, worker);
        state.lastDepartureAt = step.now;
        askAgainFor(state, worker);
        break;
      default:
        message satisfies never;
    }
  }
  offerRoom(step, worker);
}

function markStarted(started: Dispatch): void {
  started.started = true;
  if (!started.withdrawing) return;
  started.withdrawing = false;
  started.worker.withdrawals--;
}

/** A call could not get an input: it is given back, and whoever was found without the value lost it. */
function hearMissing(
  step: StepContext,
  worker: Worker,
  call: { key: string; attempt: number },
  message: Extract<FromWorker, { type: "missing" }>,
): void {
  const { effects } = step;
  const ended = findDispatch(worker, call.key, call.attempt);
  if (ended) endDispatch(step, ended);
  const input = findResult(step.state, message);
  if (input) loseReplicasAt(step, input, message.lacking);
  if (ended === undefined || ended.abandoned || ended.task.state.at !== "running") return;
  effects.log("info", `${call.key} could not get its input ${message.key}: ${message.why}`);
  // Who has it may be away, or gone without its being known yet: that is not found out faster by asking.
  const isThere = input?.state.at === "finished";
  holdBack(step, ended.task, isThere ? unreachableMs : 0, "an input could not be fetched");
}
const unreachableMs = 500;

/** One attempt ended without a value: again, later again, or the end of the task. */
function failAttempt(step: StepContext, task: Task, worker: Worker, failure: Failure): void {
  if (failure.code === "thread-lost") {
    blame(step, task, { worker: worker.name, how: failure.message });
    return;
  }
  const { retries } = task.spec.options;
  // A value that cannot be encoded will not be encoded the next time either.
  const isWorthRetrying = failure.code !== "not-serializable";
  if (retries === undefined || task.failures >= retries.max || !isWorthRetrying) {
    const { name } = task.spec.function;
    fail(step, task, { ...failure, key: task.key, task: name }, failure.code);
    return;
  }
  const { delayMs = 0, factor = 2, maxDelayMs = Number.MAX_SAFE_INTEGER, jitter = 0 } = retries;
  // The power may be infinite, and nothing times that is not a number.
  const backoff = delayMs === 0 ? 0 : Math.min(delayMs * factor ** task.failures, maxDelayMs);
  task.failures++;
  holdBack(step, task, backoff * (1 - jitter * nextRandom(step.state)), "retry");
}

/** Names come from peers: none of them is to mean what every object inherits. */
function ownFacts(facts: Resources): Resources {
  return Object.assign(Object.create(null) as Resources, facts);
}

function findDispatch(worker: Worker, key: string, attempt: number): Dispatch | undefined {
  const found = worker.dispatches.get(key);
  return found?.attempt === attempt ? found : undefined;
}

function* ofColumns(
  worker: Worker,
  { keys, attempts }: { keys: readonly string[]; attempts: readonly number[] },
): Iterable<Dispatch> {
  for (let index = 0; index < keys.length; index++) {
    const found = findDispatch(worker, keys[index]!, attempts[index]!);
    if (found) yield found;
  }
}

/** In [0, 1): a small generator whose only state is in the state, so that replays agree. */
function nextRandom(state: State): number {
  // mulberry32, Tommy Ettinger, public domain.
  state.random = (state.random + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state.random ^ (state.random >>> 15), 1 | state.random);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
