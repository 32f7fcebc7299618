// Limits: how many tasks run at once (`maxRunning`) or start in a while (`rateLimit`) in the whole cluster,
// under a name. All tasks of a lane have the same limit. While it is closed, lanes that come up are held: out
// of the queue, whatever workers become free. When it opens, the most urgent of them come back, and the others
// once these have found no room.

import { formatDuration } from "../../../src/duration.ts";
import type { RateLimit, TaskOptions } from "../../../src/wire/protocol.ts";
import { enterAllotted, whyNoRoom } from "../memory/allotments.ts";
import { rateBytes } from "../memory/sizes.ts";
import { Deque } from "../structures/deque.ts";
import { Heap, type Heaped } from "../structures/heap.ts";
import type { Dispatch, PlacementConstraint, State, Task } from "../state.ts";
import type { Lane } from "./lanes.ts";

/** What some tasks say of it: a name, and one bound or both. */
export type Limit = Heaped & {
  readonly signature: string;
  readonly name: string;
  readonly maxRunning: number;
  /** Undefined without `maxRunning`, which is then infinite. */
  readonly counter: Counter | undefined;
  readonly rate: Rate | undefined;
  /** The lanes that came up while it was closed; the most urgent first, then who waited longest. */
  readonly held: Heap<Lane>;
  constraints: number;
};

/** The tasks with `maxRunning` under one name that run, and have not lent their slots. */
export type Counter = {
  readonly name: string;
  running: number;
  /** Those that had lent their slots and wait to be counted again, which comes before new starts. */
  readonly regaining: Set<Dispatch>;
  /** The limits with held lanes that it keeps closed, those that let most run first. */
  readonly closed: Heap<Limit>;
  /** The highest `maxRunning` there was under the name: when so many run, none goes on. */
  most: number;
  limits: number;
};

/** The newest starts under one name and `rateLimit`. They outlive the tasks, as long as they matter. */
export type Rate = {
  readonly signature: string;
  readonly count: number;
  readonly perMs: number;
  /** At most `count`, oldest first. */
  readonly starts: Deque<number>;
  lastStart: number;
  /** The limits with held lanes that it keeps closed. */
  readonly closed: Set<Limit>;
  /** When the soonest of its timers is due. */
  timedAt: number | undefined;
  limits: number;
};

export type Limits = {
  readonly all: Map<string, Limit>;
  readonly counters: Map<string, Counter>;
  readonly rates: Map<string, Rate>;
  /** Counters of which tasks have ended or want to go on, to be looked at in this step. */
  readonly changed: Set<Counter>;
  /** Limits that opened, and have lanes that did not come back yet. */
  readonly opened: Set<Limit>;
  /** How many times a lane was held anew. */
  holds: number;
};

/** At least so many lanes come back at once, even if fewer tasks may start, so that clients take turns among them. */
const leastBack = 8;

export function createLimits(): Limits {
  return {
    all: new Map(),
    counters: new Map(),
    rates: new Map(),
    changed: new Set(),
    opened: new Set(),
    holds: 0,
  };
}

// ── The limits of constraints ────────────────────────────────────────────────────────────────────

/** Identifies the limit that the options of a function's calls ask for; undefined when they ask for none. */
export function limitSignature(functionName: string, options: TaskOptions): string | undefined {
  const { maxRunning, rateLimit, limitName = functionName } = options;
  if (maxRunning === undefined && rateLimit === undefined) return undefined;
  return JSON.stringify([limitName, maxRunning, rateLimit?.count, rateLimit?.perMs]);
}

/** For one constraint more. */
export function enterLimit(
  state: State,
  signature: string,
  functionName: string,
  { maxRunning, rateLimit, limitName: name = functionName }: TaskOptions,
): Limit {
  const { limits } = state;
  let limit = limits.all.get(signature);
  if (limit === undefined) {
    const counter = maxRunning === undefined ? undefined : counterFor(limits, name);
    const rate = rateLimit && rateFor(state, name, rateLimit);
    const most = maxRunning ?? Infinity;
    if (counter) {
      counter.limits++;
      counter.most = Math.max(counter.most, most);
    }
    if (rate) rate.limits++;
    limit = {
      ...{ signature, name, maxRunning: most, counter, rate },
      ...{ held: new Heap(isHeldBefore), constraints: 0, heapAt: -1 },
    };
    limits.all.set(signature, limit);
  }
  limit.constraints++;
  return limit;
}

export function leaveLimit(state: State, limit: Limit): void {
  const { limits } = state;
  limit.constraints--;
  if (limit.constraints > 0) return;
  const { signature, counter, rate } = limit;
  limits.all.delete(signature);
  forgetClosed(limits, limit);
  if (counter) {
    counter.limits--;
    forgetCounterIfUnused(limits, counter);
  }
  if (rate) {
    rate.limits--;
    forgetRateIfUnused(state, rate);
  }
}

function counterFor({ counters }: Limits, name: string): Counter {
  let counter = counters.get(name);
  if (counter === undefined) {
    const closed = new Heap<Limit>(letsMoreRun);
    counter = { name, running: 0, regaining: new Set(), closed, most: 0, limits: 0 };
    counters.set(name, counter);
  }
  return counter;
}

/** Why there is no room for the rate limit of these options, in words; undefined when there is, or when it is known. */
export function whyNoRate(
  state: State,
  functionName: string,
  { rateLimit, limitName: name = functionName }: TaskOptions,
): string | undefined {
  if (rateLimit === undefined) return undefined;
  const signature = rateSignature(name, rateLimit);
  if (state.limits.rates.has(signature)) return undefined;
  const why = whyNoRoom(state, "rates", rateBytes({ signature, count: rateLimit.count }));
  return why && `there is no room for the rate limit "${name}" beside the others: ${why}`;
}

function rateSignature(name: string, { count, perMs }: RateLimit): string {
  return JSON.stringify([name, count, perMs]);
}

function rateFor(state: State, name: string, rateLimit: RateLimit): Rate {
  const { rates } = state.limits;
  const signature = rateSignature(name, rateLimit);
  let rate = rates.get(signature);
  if (rate === undefined) {
    const { count, perMs } = rateLimit;
    const rest = { starts: new Deque<number>(), closed: new Set<Limit>() };
    rate = { signature, count, perMs, ...rest, lastStart: 0, timedAt: undefined, limits: 0 };
    rates.set(signature, rate);
    enterAllotted(state, "rates", rateBytes(rate));
  }
  return rate;
}

/** Attempts that were cancelled may still run when the last task of the name is gone. */
function forgetCounterIfUnused({ counters }: Limits, counter: Counter): void {
  if (counter.limits === 0 && counter.running === 0) counters.delete(counter.name);
}

/** It is remembered while a start matters to tasks that may yet come. */
function forgetRateIfUnused(state: State, rate: Rate): void {
  if (rate.limits > 0) return;
  if (rate.starts.size === 0) {
    state.limits.rates.delete(rate.signature);
    enterAllotted(state, "rates", rateBytes(rate), -1);
  } else watch(state, rate, rate.lastStart + rate.perMs);
}

export function letsMoreRun(a: Limit, b: Limit): boolean {
  return a.maxRunning > b.maxRunning;
}

export function isHeldBefore(a: Lane, b: Lane): boolean {
  return a.priority === b.priority ? a.heldAt! < b.heldAt! : a.priority > b.priority;
}

// ── Whether another task may start ───────────────────────────────────────────────────────────────

export function isOpen(now: number, limit: Limit): boolean {
  return roomIn(now, limit) > 0;
}

/** Whether the limit of the task is open, if it has one. */
export function mayStart(now: number, { spec: { constraint } }: Task): boolean {
  return constraint.limit === undefined || isOpen(now, constraint.limit);
}

/** How many tasks may start now. */
export function roomIn(now: number, { counter, maxRunning, rate }: Limit): number {
  const slots = counter === undefined ? Infinity : maxRunning - counter.running;
  if (rate === undefined || slots <= 0) return slots;
  dropOldStarts(now, rate);
  return Math.min(slots, rate.count - rate.starts.size);
}

/** Starts longer ago do not matter: any time of `perMs` has at most `count`. */
function dropOldStarts(now: number, { starts, perMs }: Rate): void {
  while (starts.first !== undefined && starts.first + perMs <= now) starts.popFront();
}

/** In words, while it is closed. */
export function whyClosed(now: number, limit: Limit): string | undefined {
  if (isOpen(now, limit)) return undefined;
  const { name, counter, maxRunning, rate } = limit;
  const waits = `it waits for its limit "${name}"`;
  if (counter && counter.running >= maxRunning) {
    return `${waits}: ${counter.running} of ${maxRunning} are running`;
  }
  const { count, perMs, starts } = rate!;
  const next = formatDuration(Math.max(1, Math.ceil(starts.first! + perMs - now)));
  return `${waits}: ${count} started within the last ${formatDuration(perMs)}, the next may start in ${next}`;
}

// ── Starts and ends ──────────────────────────────────────────────────────────────────────────────

export function countStart(now: number, { counter, rate }: Limit): void {
  if (counter) counter.running++;
  if (rate === undefined) return;
  rate.starts.pushBack(now);
  rate.lastStart = now;
}

/** The task has ended, or lends its slot; `offerLimits` follows at the end of the step. */
export function countEnd({ limits }: State, { counter }: Limit): void {
  if (counter === undefined) return;
  counter.running--;
  limits.changed.add(counter);
  forgetCounterIfUnused(limits, counter);
}

/** Whether a task that has lent its slot waits for `resume` before it goes on. */
export function waitsToGoOn({ resources, limit }: PlacementConstraint): boolean {
  return resources !== undefined || limit?.counter !== undefined;
}

/** A task with its slot lent goes on, once it is counted again. */
export function awaitCount({ limits }: State, { counter }: Limit, dispatch: Dispatch): void {
  if (counter === undefined) return;
  counter.regaining.add(dispatch);
  limits.changed.add(counter);
}

// ── Held lanes ───────────────────────────────────────────────────────────────────────────────────

/** Takes a lane out of the queue whose limit is closed. It keeps its turn until a task of it is placed. */
export function hold(state: State, now: number, lane: Lane): void {
  const { limits, ready } = state;
  lane.heldAt ??= limits.holds++;
  ready.hold(lane);
  noteClosed(state, now, lane.constraint.limit!);
}

/** Notes what opens a limit that has held lanes. */
function noteClosed(state: State, now: number, limit: Limit): void {
  forgetClosed(state.limits, limit);
  const { counter, rate, maxRunning } = limit;
  if (counter && counter.running >= maxRunning) counter.closed.add(limit);
  else if (rate) {
    rate.closed.add(limit);
    dropOldStarts(now, rate);
    watch(state, rate, rate.starts.first! + rate.perMs);
  }
}

function forgetClosed({ opened }: Limits, limit: Limit): void {
  if (limit.heapAt >= 0) limit.counter!.closed.remove(limit);
  limit.rate?.closed.delete(limit);
  opened.delete(limit);
}

function watch({ timers }: State, rate: Rate, at: number): void {
  if (rate.timedAt !== undefined && rate.timedAt <= at) return;
  rate.timedAt = at;
  timers.add(at, { kind: "rate", rate });
}

/** Fewer run under the name of the counter: lanes of the limits that have opened come back. */
export function openLimits(state: State, now: number, counter: Counter): void {
  const { closed } = counter;
  for (let limit = closed.first; limit; limit = closed.first) {
    if (counter.running >= limit.maxRunning) return;
    open(state, now, limit);
  }
}

/** The oldest start of a full rate does not matter any more. */
export function openRate(state: State, now: number, rate: Rate): void {
  // A later timer of a rate that was looked at sooner may find another in its place.
  if (state.limits.rates.get(rate.signature) !== rate) return;
  rate.timedAt = undefined;
  dropOldStarts(now, rate);
  for (const limit of [...rate.closed]) open(state, now, limit);
  forgetRateIfUnused(state, rate);
}

/** As many lanes come back as tasks may start. */
function open(state: State, now: number, limit: Limit): void {
  const room = roomIn(now, limit);
  if (room <= 0) return noteClosed(state, now, limit);
  forgetClosed(state.limits, limit);
  const most = Math.max(room, leastBack);
  for (let count = 0; count < most && limit.held.first; count++) {
    state.ready.release(limit.held.first);
  }
  if (limit.held.first) state.limits.opened.add(limit);
  // A parked suspect may wait for it.
  state.suspects.lookedAt = undefined;
}

/** Brings one more lane back, of a limit that is still open though those that came back found no room. */
export function openFurther(state: State, now: number): boolean {
  for (const limit of state.limits.opened) {
    const next = limit.held.first;
    if (next === undefined) state.limits.opened.delete(limit);
    else if (!isOpen(now, limit)) noteClosed(state, now, limit);
    else {
      state.ready.release(next);
      return true;
    }
  }
  return false;
}
