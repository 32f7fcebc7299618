// Recompute: when the last replica of a value is lost, its task runs again, and before it those of its
// inputs whose values are gone too. A scattered value cannot be recomputed, nor one of a task that runs at
// most once: the task fails, and with it the dependents.

import { listOf } from "../structures/small-set.ts";
import type { State, Task, Worker, WorkerId } from "../state.ts";
import {
  countMissing,
  dropInputs,
  fail,
  endWithInput,
  isNeeded,
  proceed,
} from "../tasks/lifecycle.ts";
import { hurryForDependents } from "../tasks/urgency.ts";
import { transition, type StepContext } from "../tasks/transition.ts";
import { isIrreplaceable, isScattered, needInputsAgain } from "./lineage.ts";
import { forgetRequests, removeReplica } from "./replicas.ts";
import { tellOfRetry, tellOfTask } from "../clients/feeds.ts";
import { forEachWanting } from "../clients/wants.ts";

/** A worker is gone, and with it the values that it held. */
export function loseReplicas(step: StepContext, worker: Worker): void {
  const held = [...worker.holds];
  for (const task of held) removeReplica(step, task, worker);
  loseValues(step, held, worker, "the last worker that held it was lost");
}

/** A worker turned out not to have a value that it was thought to hold. */
export function loseReplica(step: StepContext, task: Task, worker: Worker): void {
  if (!worker.holds.has(task)) return;
  step.effects.log("warning", `worker ${worker.name} does not have the value of ${task.key}`);
  removeReplica(step, task, worker);
  loseValues(step, [task], worker, "its holder did not have it");
}

/** A fetch of this result from one of its holders found that the holder does not have it. */
export function receiveHolderLacks(
  step: StepContext,
  result: { key: string; order: number; attempt: number; worker: WorkerId },
): void {
  const { state } = step;
  const task = findResult(state, result);
  const worker = state.workers.get(result.worker);
  if (task && worker) loseReplica(step, task, worker);
}

/** The finished task whose value this was, if it is still the same value. */
export function findResult(
  state: State,
  { key, order, attempt }: { key: string; order: number; attempt: number },
): Task | undefined {
  const task = state.tasks.get(key);
  if (task?.order !== order || task.attempt !== attempt) return undefined;
  return task.state.at === "finished" ? task : undefined;
}

/** Recomputes those of these values that no worker holds any more, as far as they are needed. */
function loseValues(
  step: StepContext,
  tasks: readonly Task[],
  { name }: Worker,
  why: string,
): void {
  const lost: Task[] = [];
  for (const task of tasks) {
    if (task.state.at !== "finished" || task.state.holders?.size !== 0) continue;
    transition(step, task, { at: "released" }, why);
    forgetRequests(step.state, task);
    lost.push(task);
    tellOfTask(step, task, { type: "lost", worker: name, how: why });
    forEachWanting(task, (client) => step.effects.lost(client, task.key));
    for (const dependent of listOf(task.dependents)) {
      // A dependent that runs may have fetched the value; if not, its worker reports it missing.
      if (dependent.state.at === "waiting") dependent.state.missing++;
      else if (dependent.state.at === "ready") {
        transition(step, dependent, { at: "waiting", missing: 1, until: undefined }, why);
      }
    }
  }
  recompute(step, lost, why, new Set(lost));
}

/**
 * Runs released tasks again, and before them those of their inputs that are released too.
 *
 * @param told those of which it is told already that they run again
 */
export function recompute(
  step: StepContext,
  tasks: readonly Task[],
  why: string,
  told?: ReadonlySet<Task>,
): void {
  const { state } = step;
  const making = new Set<Task>();
  const look = tasks.filter((task) => isNeeded(state, task));
  for (let next = look.pop(); next !== undefined; next = look.pop()) {
    if (next.state.at !== "released" || making.has(next)) continue;
    making.add(next);
    if (isIrreplaceable(next)) {
      dropInputs(step, next);
      continue;
    }
    needInputsAgain(state, next);
    for (const input of next.inputs ?? []) look.push(input);
  }
  for (const task of making) {
    const missing = countMissing(task);
    transition(step, task, { at: "waiting", missing, until: undefined }, why);
    if (!told?.has(task)) tellOfRetry(step, task);
  }
  hurryForDependents(step, making);
  for (const task of making) {
    if (isIrreplaceable(task)) {
      const message = isScattered(task)
        ? `scatter it again: the value of "${task.key}" came from a client and cannot be recomputed; it was lost: ${why}`
        : `the value of "${task.key}" was lost: ${why}; atMostOnce forbids to compute it again`;
      fail(step, task, { code: "lost-data", message, key: task.key }, "lost");
    } else if (!endWithInput(step, task)) {
      proceed(step, task, why);
    }
  }
}
