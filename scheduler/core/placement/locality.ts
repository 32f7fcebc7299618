// Locality: a task with large inputs should run where most of their bytes are, unless it would wait
// there for longer than it takes to move them.

import { hasResources, hasTime, isApartOn, isPresent } from "./dispatches.ts";
import { couldRun, isNamed } from "./constraints.ts";
import type { State, Task, Worker } from "../state.ts";
import { firstOf } from "../structures/small-set.ts";
import type { StepContext } from "../tasks/transition.ts";

/**
 * The inputs of a task: bytes in all, and how many of them each worker holds, without inputs that very many hold.
 * Of the holders of these only some are candidates.
 */
export type Needs = { bytes: number; held: Map<Worker, number>; broadcast: Task[] };

/** An input with more holders was broadcast: so many of them are candidates. */
const mostCandidates = 64;

/** Inputs kept in the scheduler matter from this size on. Smaller ones are sent along and fit anywhere. */
const notableBytes = 1024 * 1024;
/** Speed between two workers. A guess: the choice changes little if it is wrong by a factor of a few. */
const bytesPerMicro = 400;
const roundTripMicros = 1_000;
/** Expected duration of a function of which no call has finished yet. */
const unknownMicros = 1_000_000;
/** Calls on a worker whose durations are added up; the others are taken to be like them. */
const sampleSize = 64;

/** Undefined for a task whose inputs are small, so that it may run anywhere. */
export function needsOf({ inputs }: Task): Needs | undefined {
  if (inputs === undefined) return undefined;
  let bytes = 0;
  let held: Map<Worker, number> | undefined;
  const broadcast: Task[] = [];
  for (const input of inputs) {
    const { state } = input;
    if (state.at !== "finished") continue;
    bytes += state.bytes;
    if (state.holders === undefined) continue;
    held ??= new Map();
    if (state.holders.size <= mostCandidates) {
      for (const holder of state.holders) held.set(holder, (held.get(holder) ?? 0) + state.bytes);
      continue;
    }
    broadcast.push(input);
    for (const holder of firstOf(state.holders, mostCandidates)) {
      if (!held.has(holder)) held.set(holder, 0);
    }
  }
  if (held === undefined && bytes < notableBytes) return undefined;
  return { bytes, held: held ?? new Map<Worker, number>(), broadcast };
}

export function fits(worker: Worker, needs: Needs): boolean {
  return needs.bytes <= worker.memoryBytes;
}

/**
 * The worker where the task can begin first: `anyone`, which has room, or one of the holders.
 *
 * @param mayQueue whether the task may be sent to a worker whose slots are taken
 */
export function nearest(
  { state, now }: Pick<StepContext, "state" | "now">,
  task: Task,
  needs: Needs,
  choice: { anyone: Worker | undefined; mayQueue: (worker: Worker) => boolean },
): Worker | undefined {
  const { constraint } = task.spec;
  const preferred = constraint.allowOtherWorkers ? constraint.workers : undefined;
  let best = choice.anyone;
  let least = best ? costAt(now, best, needs) : Infinity;
  for (const holder of needs.held.keys()) {
    if (holder === choice.anyone || !isPresent(holder) || !fits(holder, needs)) continue;
    // Preferred workers come before holders.
    if (preferred && best && !isNamed(holder, preferred)) continue;
    if (!couldRun(holder, constraint) || !hasResources(holder, constraint)) continue;
    if (!isApartOn(holder, task) || !hasTime(now, holder, task)) continue;
    if (!state.free.has(holder) && !mayQueueAt(state, holder, choice.mayQueue)) continue;
    const cost = costAt(now, holder, needs);
    if (cost < least) [best, least] = [holder, cost];
  }
  return best;
}

function mayQueueAt(state: State, worker: Worker, mayQueue: (worker: Worker) => boolean): boolean {
  return state.openAhead.has(worker) && mayQueue(worker);
}

/** Microseconds until a task could begin there: for the tasks before it, and to move its inputs. */
function costAt(now: number, worker: Worker, { bytes, held, broadcast }: Needs): number {
  let missing = bytes - (held.get(worker) ?? 0);
  for (const { state } of broadcast) {
    if (state.at === "finished" && state.holders?.has(worker)) missing -= state.bytes;
  }
  const moving = missing > 0 ? roundTripMicros + missing / bytesPerMicro : 0;
  return moving + waitMicros(now, worker);
}

/** Microseconds until a slot is free. A call that runs for longer than its mean is taken to need as long again. */
export function waitMicros(now: number, { dispatches, slots }: Worker): number {
  if (dispatches.size < slots) return 0;
  let micros = 0;
  let count = 0;
  for (const { task, at } of dispatches.values()) {
    const mean = task.spec.function.meanMicros ?? unknownMicros;
    const elapsed = (now - at) * 1_000;
    micros += count < slots ? Math.max(mean - elapsed, elapsed > mean ? elapsed : 0) : mean;
    if (++count === sampleSize) break;
  }
  return ((micros / count) * (dispatches.size - slots + 1)) / slots;
}

/** Whether a task that waits on one worker could begin clearly sooner on another, which is free. */
export function isWorthMoving(now: number, task: Task, from: Worker, to: Worker): boolean {
  const needs = needsOf(task);
  if (needs === undefined) return true;
  return fits(to, needs) && 1.5 * costAt(now, to, needs) < waitMicros(now, from);
}
