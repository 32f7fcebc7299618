// Replicas: the workers that hold the value of a finished task. What is known of them stands on both
// sides, `holders` of the task and `holds` of the worker, and is changed here, on both together.

import { enterPayload } from "../memory/ledger.ts";
import type { Task, Worker } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";
import { updateOffloading } from "./offloading.ts";

/** A worker has fetched a value that other workers hold. */
export function addReplica(task: Task, worker: Worker): void {
  const { state } = task;
  if (state.at !== "finished" || state.holders === undefined || worker.holds.has(task)) return;
  state.holders.add(worker);
  worker.holds.add(task);
  worker.heldBytes += state.bytes;
}

/** A worker does not have the value any more. It may have been the last. */
export function removeReplica(task: Task, worker: Worker): void {
  const { state } = task;
  if (state.at !== "finished" || !worker.holds.delete(task)) return;
  state.holders?.delete(worker);
  worker.heldBytes -= state.bytes;
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
    holder.heldBytes -= state.bytes;
    step.effects.free(holder, task.key, task.order, task.attempt);
  }
}
