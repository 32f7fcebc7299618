// Urgency: what an urgent task waits for is as urgent as it. When a task is submitted, or needed again,
// its unfinished inputs take its priority if that is higher, and so do theirs, and the sub-tasks that
// they wait for. A task keeps the urgency that it was given, even if the urgent one is cancelled.

import { withdrawOne } from "../placement/dispatches.ts";
import type { Task } from "../state.ts";
import { listOf } from "../structures/small-set.ts";
import { isSettled } from "./lifecycle.ts";
import { leaveSpec, specAt } from "./specs.ts";
import type { StepContext } from "./transition.ts";

/** Makes everything that this task waits for as urgent as it. */
export function hurryInputs(step: StepContext, task: Task): void {
  hurry(step, task.inputs ?? [], task.spec.priority);
}

/** Makes tasks that are run again as urgent as those that need them. */
export function hurryForDependents(step: StepContext, tasks: Iterable<Task>): void {
  for (const task of tasks) {
    let priority = -Infinity;
    for (const { spec } of listOf(task.dependents)) priority = Math.max(priority, spec.priority);
    hurry(step, [task], priority);
  }
}

/** A task is raised once for each higher priority, so a chain costs one walk along it. */
function hurry(step: StepContext, tasks: Iterable<Task>, priority: number): void {
  const look = [...tasks];
  for (let next = look.pop(); next !== undefined; next = look.pop()) {
    if (next.spec.priority >= priority || isSettled(next)) continue;
    raise(step, next, priority);
    for (const input of next.inputs ?? []) look.push(input);
    if (next.state.at !== "running") continue;
    for (const wanted of next.state.dispatch.inside?.within?.wants ?? []) look.push(wanted);
  }
}

function raise(step: StepContext, task: Task, priority: number): void {
  const { state } = step;
  const before = task.spec;
  task.spec = specAt(state, before, priority);
  task.spec.tasks++;
  if (task.state.at === "ready") {
    state.ready.remove(before.lane);
    state.ready.add(task);
    if (task.spec.options.unschedulableTimeoutMs !== undefined) state.becameReady.add(task.spec);
  }
  leaveSpec(state, before);
  // Where it waits behind others it comes back, and is sent anew with its new priority.
  if (task.state.at === "running") withdrawOne(step, task.state.dispatch);
}
