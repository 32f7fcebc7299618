// Values that are gone although somebody needs them: the tasks run again, and before them whatever
// they were made of that is gone too. What nobody here can make again fails, and what depends on it.

import { listOf } from "../structures/small-set.ts";
import type { State, Task, Worker, WorkerId } from "../state.ts";
import { countMissing, fail, followInput, isNeeded, proceed } from "../tasks/lifecycle.ts";
import { transition, type StepContext } from "../tasks/transition.ts";
import { isScattered, needInputsAgain, removeReplica } from "./values.ts";
import { forEachWanting } from "../clients/wants.ts";

/** A worker is gone, and with it what it held. */
export function loseReplicas(step: StepContext, worker: Worker): void {
  const held = [...worker.holds];
  for (const task of held) removeReplica(task, worker);
  loseValues(step, held, "the last worker that held it was lost");
}

/** A worker that was said to hold a value says that it does not, or is caught at it. */
export function loseReplica(step: StepContext, task: Task, worker: Worker): void {
  if (!worker.holds.has(task)) return;
  step.effects.log("warning", `worker ${worker.name} does not have the value of ${task.key}`);
  removeReplica(task, worker);
  loseValues(step, [task], "who was to hold it did not have it");
}

/** What a fetch of exactly this result found out about one of its holders. */
export function hearLacking(
  step: StepContext,
  result: { key: string; order: number; attempt: number; worker: WorkerId },
): void {
  const { state } = step;
  const task = findResult(state, result);
  const worker = state.workers.get(result.worker);
  if (task && worker) loseReplica(step, task, worker);
}

/** The task whose present value is meant, if there is one. */
export function findResult(
  state: State,
  { key, order, attempt }: { key: string; order: number; attempt: number },
): Task | undefined {
  const task = state.tasks.get(key);
  if (task?.order !== order || task.attempt !== attempt) return undefined;
  return task.state.at === "finished" ? task : undefined;
}

/** Those of these tasks that nobody holds any more are made again, as far as they are needed. */
function loseValues(step: StepContext, tasks: readonly Task[], why: string): void {
  const lost: Task[] = [];
  for (const task of tasks) {
    if (task.state.at !== "finished" || task.state.holders?.size !== 0) continue;
    transition(step, task, { at: "released" }, why);
    step.state.replicaRequests.delete(task);
    lost.push(task);
    forEachWanting(task, (client) => step.effects.lost(client, task.key));
    for (const dependent of listOf(task.dependents)) {
      // One that runs may have its copy; if not, it says so.
      if (dependent.state.at === "waiting") dependent.state.missing++;
      else if (dependent.state.at === "ready") {
        transition(step, dependent, { at: "waiting", missing: 1, until: undefined }, why);
      }
    }
  }
  recompute(step, lost, why);
}

/** Brings back values that were let go or lost: these, and what they are to be made of. */
export function recompute(step: StepContext, tasks: readonly Task[], why: string): void {
  const { state } = step;
  const making = new Set<Task>();
  const look = tasks.filter((task) => isNeeded(state, task));
  for (let next = look.pop(); next !== undefined; next = look.pop()) {
    if (next.state.at !== "released" || making.has(next)) continue;
    making.add(next);
    needInputsAgain(state, next);
    for (const input of next.inputs ?? []) look.push(input);
  }
  for (const task of making) {
    const missing = countMissing(task);
    transition(step, task, { at: "waiting", missing, until: undefined }, why);
  }
  for (const task of making) {
    if (isScattered(task)) {
      const message =
        `scatter it again: the value of "${task.key}" came from a client, so that it cannot be made ` +
        `again, and it is gone: ${why}`;
      fail(step, task, { code: "lost-data", message, key: task.key }, "lost");
    } else if (!followInput(step, task)) {
      proceed(step, task, why);
    }
  }
}
