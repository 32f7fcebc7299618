// Replicas: the workers that hold the value of a finished task. What is known of them stands on both
// sides, `holders` of the task and `holds` of the worker, and is changed here, on both together.

import { enterHeap, enterPayload } from "../memory/ledger.ts";
import { holderBytes } from "../memory/sizes.ts";
import type { State, Task, Worker } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";
import { arrived } from "./scatters.ts";
import { updateOffloading } from "./offloading.ts";

/** A worker has fetched a value that other workers hold. */
export function addReplica(step: StepContext, task: Task, worker: Worker): void {
  const { state } = task;
  if (state.at !== "finished" || state.holders === undefined || worker.holds.has(task)) return;
  state.holders.add(worker);
  noteHolder(step, task, worker, state.bytes);
}

/** The worker is one of the holders now. */
export function noteHolder(
  { state }: StepContext,
  task: Task,
  worker: Worker,
  bytes: number,
): void {
  worker.holds.add(task);
  enterHeap(state, holderBytes);
  worker.heldBytes += bytes;
  if (worker.leaving) state.retirements.get(worker)?.toLookAt.push(task);
  arrived(state, task, worker);
}

/** A worker does not have the value any more. It may have been the last. */
export function removeReplica(step: StepContext, task: Task, worker: Worker): void {
  const { state } = task;
  if (state.at !== "finished" || !worker.holds.delete(task)) return;
  enterHeap(step.state, holderBytes, -1);
  state.holders?.delete(worker);
  worker.heldBytes -= state.bytes;
  // A worker that leaves may be the only one that has it now.
  const { leaving, retirements } = step.state;
  if (leaving.size === 0 || state.holders === undefined) return;
  const { holders } = state;
  for (const each of holders.size < leaving.size ? holders : leaving) {
    if (!holders.has(each) || !leaving.has(each)) continue;
    retirements.get(each)!.toLookAt.push(task);
  }
}

/** The value is gone, and no copy of it can be had any more. */
export function forgetRequests({ replicaRequests }: State, task: Task): void {
  if (replicaRequests.size === 0) return;
  for (const worker of replicaRequests.get(task) ?? []) worker.copying.delete(task);
  replicaRequests.delete(task);
}

/** Frees a value wherever it is. The caller then changes the state of the task. */
export function freeValue(step: StepContext, task: Task): void {
  const { state } = task;
  if (state.at !== "finished") return;
  if (state.holders === undefined) {
    step.state.keptBytes -= state.bytes;
    enterPayload(step.state, state.value, -1);
    updateOffloading(step);
    return;
  }
  for (const holder of state.holders) {
    holder.holds.delete(task);
    enterHeap(step.state, holderBytes, -1);
    holder.heldBytes -= state.bytes;
    step.effects.free(holder, task.key, task.order, task.attempt);
  }
}
