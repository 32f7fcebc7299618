// Urgency: what an urgent task waits for is as urgent as it. When a task is submitted, or needed again,
// its unfinished inputs take its priority if that is higher, and so do theirs, and the sub-tasks that
// they wait for. A task keeps the urgency that it was given, even if the urgent one is cancelled.

import { withdrawOne } from "../placement/dispatches.ts";
import type { Task } from "../state.ts";
import { listOf } from "../structures/small-set.ts";
import { isSettled } from "./lifecycle.ts";
import { endUse, enterSpec, leaveSpec, specAt, useSpec } from "./specs.ts";
import type { StepContext } from "./transition.ts";

/** Makes everything that this task waits for as urgent as it, at the end of the step. */
export function hurryInputs({ state }: StepContext, task: Task): void {
  state.hurrying.add(task);
}

/** Makes tasks that are run again as urgent as those that need them, at the end of the step. */
export function hurryForDependents({ state }: StepContext, tasks: Iterable<Task>): void {
  for (const { dependents } of tasks) {
    for (const dependent of listOf(dependents)) state.hurrying.add(dependent);
  }
}

/** The most urgent first, so that a task is raised once, however many need it and however urgent each is. */
export function hurryAll(step: StepContext): void {
  const { hurrying } = step.state;
  if (hurrying.size === 0) return;
  const tasks = [...hurrying].sort((a, b) => b.spec.priority - a.spec.priority);
  hurrying.clear();
  for (const task of tasks) hurry(step, task.inputs ?? [], task.spec.priority);
}

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
  useSpec(before);
  leaveSpec(state, task);
  enterSpec(task, specAt(state, before, priority));
  if (task.state.at === "ready") {
    state.ready.remove(before.lane);
    state.ready.add(task);
    if (task.spec.options.unschedulableTimeoutMs !== undefined) state.becameReady.add(task.spec);
  }
  endUse(state, before);
  // Where it waits behind others it comes back, and is sent anew with its new priority.
  if (task.state.at === "running") withdrawOne(step, task.state.dispatch);
}
