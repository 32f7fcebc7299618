// Where a task should run that needs large values: where most of their bytes are, unless waiting
// there costs more than moving them. Tasks whose inputs are small are none of its business.

import { hasResources, isPresent } from "./dispatches.ts";
import { couldRun, isNamed } from "./constraints.ts";
import type { State, Task, Worker } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";

/** What a task needs moved: all the bytes of its inputs, and those of them that each worker has. */
export type Needs = { bytes: number; held: Map<Worker, number> };

/** Less than this, kept here, is sent along and fits anywhere. */
const notableBytes = 1024 * 1024;
/** Between two workers, with the round trip: a guess that need be right to a factor of a few only. */
const bytesPerMicro = 400;
const roundTripMicros = 1_000;
/** Of a function of which no call has ended yet. */
const unknownMicros = 1_000_000;
/** So many of the calls on a worker are looked at; the others are taken to be like them. */
const looked = 64;

/** Undefined for a task that may run anywhere as far as its inputs are concerned. */
export function needsOf({ inputs }: Task): Needs | undefined {
  if (inputs === undefined) return undefined;
  let bytes = 0;
  let held: Map<Worker, number> | undefined;
  for (const { state } of inputs) {
    if (state.at !== "finished") continue;
    bytes += state.bytes;
    if (state.holders === undefined) continue;
    held ??= new Map();
    for (const holder of state.holders) held.set(holder, (held.get(holder) ?? 0) + state.bytes);
  }
  if (held === undefined && bytes < notableBytes) return undefined;
  return { bytes, held: held ?? new Map<Worker, number>() };
}

export function fits(worker: Worker, needs: Needs): boolean {
  return needs.bytes <= worker.memoryBytes;
}

/**
 * The cheaper of `anyone`, who has room, and the holders that have.
 *
 * @param mayQueue whether the task may be sent to this worker although its slots are taken
 */
export function nearest(
  { state, now }: Pick<StepContext, "state" | "now">,
  task: Task,
  needs: Needs,
  choice: { anyone: Worker | undefined; mayQueue: (worker: Worker) => boolean },
): Worker | undefined {
  const { constraint } = task.spec;
  const wished = constraint.allowOtherWorkers ? constraint.workers : undefined;
  let best = choice.anyone;
  let least = best ? costAt(now, best, needs) : Infinity;
  for (const holder of needs.held.keys()) {
    if (holder === choice.anyone || !isPresent(holder) || !fits(holder, needs)) continue;
    // A wish for certain workers comes before what is near.
    if (wished && best && !isNamed(holder, wished)) continue;
    if (!couldRun(holder, constraint) || !hasResources(holder, constraint)) continue;
    if (!state.free.has(holder) && !mayQueueAt(state, holder, choice.mayQueue)) continue;
    const cost = costAt(now, holder, needs);
    if (cost < least) [best, least] = [holder, cost];
  }
  return best;
}

function mayQueueAt(state: State, worker: Worker, mayQueue: (worker: Worker) => boolean): boolean {
  return state.open.has(worker) && mayQueue(worker);
}

/** Microseconds until a task could begin there: for what waits before it, and for what has to come. */
function costAt(now: number, worker: Worker, { bytes, held }: Needs): number {
  const missing = bytes - (held.get(worker) ?? 0);
  const moving = missing > 0 ? roundTripMicros + missing / bytesPerMicro : 0;
  return moving + waitMicros(now, worker);
}

/** What goes on for longer than it should is taken to need as long again. */
export function waitMicros(now: number, { dispatches, slots }: Worker): number {
  if (dispatches.size < slots) return 0;
  let micros = 0;
  let count = 0;
  for (const { task, at } of dispatches.values()) {
    const mean = task.spec.function.meanMicros ?? unknownMicros;
    const elapsed = (now - at) * 1_000;
    micros += count < slots ? Math.max(mean - elapsed, elapsed > mean ? elapsed : 0) : mean;
    if (++count === looked) break;
  }
  return ((micros / count) * (dispatches.size - slots + 1)) / slots;
}

/** Whether a task that waits on a worker could begin clearly sooner on this one, which is free. */
export function isWorthMoving(now: number, task: Task, from: Worker, to: Worker): boolean {
  const needs = needsOf(task);
  if (needs === undefined) return true;
  return fits(to, needs) && 1.5 * costAt(now, to, needs) < waitMicros(now, from);
}
