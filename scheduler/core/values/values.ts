// Where the values of finished tasks are: small ones here, large ones on the workers that hold them;
// what was made of what; and the end of a value that nobody needs, wherever it is.

import { without, withOne } from "../structures/small-set.ts";
import type { State, Task, Worker } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";

/** The function of scattered tasks: no module can export one of this name. */
export const scatteredName = "scatter()";

/** Whether the value came from a client and not from a call: it cannot be recomputed. */
export function isScattered({ spec }: Task): boolean {
  return spec.function.name === scatteredName;
}

/** Past the bound of what is kept here, only what is no larger than this: it costs less than its task. */
const sparingBytes = 256;

/** A worker has a copy of a value that workers hold. */
export function addReplica(task: Task, worker: Worker): void {
  const { state } = task;
  if (state.at !== "finished" || state.holders === undefined || worker.holds.has(task)) return;
  state.holders.add(worker);
  worker.holds.add(task);
  worker.heldBytes += state.bytes;
}

/** It has it no more, and there may be nobody left who has. */
export function removeReplica(task: Task, worker: Worker): void {
  const { state } = task;
  if (state.at !== "finished" || !worker.holds.delete(task)) return;
  state.holders?.delete(worker);
  worker.heldBytes -= state.bytes;
}

/** Nobody needs the value: its copies are freed. What the task is from now on is the caller's affair. */
export function letValueGo(step: StepContext, task: Task): void {
  const { state } = task;
  if (state.at !== "finished") return;
  if (state.holders === undefined) {
    step.state.keptBytes -= state.bytes;
    keepWithinBounds(step);
    return;
  }
  for (const holder of state.holders) {
    holder.holds.delete(task);
    holder.heldBytes -= state.bytes;
    step.effects.free(holder, task.key, task.order, task.attempt);
  }
}

/** Has workers keep small results too while there is too much here. */
export function keepWithinBounds({ state, effects }: StepContext): void {
  const { keptBytes, smallResultBytes } = state.options;
  // Not to and fro with every result.
  const isOver = state.keptBytes > (state.sparing ? 0.8 * keptBytes : keptBytes);
  if (isOver === state.sparing) return;
  state.sparing = isOver;
  const aboveBytes = isOver ? Math.min(sparingBytes, smallResultBytes) : smallResultBytes;
  for (const worker of state.workers.values()) effects.tell(worker, { type: "keep", aboveBytes });
}

/** What a worker that joins now has to know. */
export function tellBounds({ state, effects }: StepContext, worker: Worker): void {
  if (!state.sparing) return;
  const aboveBytes = Math.min(sparingBytes, state.options.smallResultBytes);
  effects.tell(worker, { type: "keep", aboveBytes });
}

// ── What was made of what ────────────────────────────────────────────────────────────────────────

/** A task needs its inputs no more, unless its own value, which lives on workers, is lost. */
export function rememberLineage(state: State, task: Task): readonly Task[] {
  const { inputs = [] } = task;
  for (const input of inputs) {
    input.dependents = without(input.dependents, task);
    const descendants = state.descendants.get(input);
    if (descendants) descendants.add(task);
    else state.descendants.set(input, new Set([task]));
  }
  return inputs;
}

/** It is to be made again: it needs its inputs now. */
export function needInputsAgain(state: State, task: Task): void {
  for (const input of task.inputs ?? []) {
    forgetLineage(state, input, task);
    input.dependents = withOne(input.dependents, task);
  }
}

export function forgetLineage({ descendants }: State, input: Task, descendant: Task): void {
  const all = descendants.get(input);
  if (all?.delete(descendant) && all.size === 0) descendants.delete(input);
}
