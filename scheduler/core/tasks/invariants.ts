// What must hold of tasks and their specs between two steps.

import { assert } from "../assert.ts";
import { isParked } from "../placement/parked.ts";
import type { Spec, State, Task, TaskStateName } from "../state.ts";
import { includes, listOf } from "../structures/small-set.ts";
import { isScattered } from "../values/lineage.ts";

export function checkTasks(state: State): void {
  const counts = new Map<TaskStateName, number>();
  const tasksOfSpec = new Map<Spec, number>();
  for (const task of state.tasks.values()) {
    counts.set(task.state.at, (counts.get(task.state.at) ?? 0) + 1);
    tasksOfSpec.set(task.spec, (tasksOfSpec.get(task.spec) ?? 0) + 1);
    checkTask(state, task);
  }
  for (const at of Object.keys(state.counts) as TaskStateName[]) {
    if (at === "forgotten") continue;
    const [counted, real] = [state.counts[at], counts.get(at) ?? 0];
    assert(counted === real, () => `${counted} tasks are counted as ${at}, ${real} are`);
  }
  assert(state.counts.new === 0, () => "a task is still new");
  checkSpecs(state, tasksOfSpec);
}

function checkTask(state: State, task: Task): void {
  const say = (words: string) => () => `${task.key} (${task.state.at}): ${words}`;
  const { at } = task.state;
  const isWanted = task.wantedBy !== undefined || task.detachedBy !== undefined;
  const isNeeded =
    isWanted || task.dependents !== undefined || state.retentions.has(task) || state.kept.has(task);
  assert(isNeeded || state.descendants.has(task), say("nothing needs it"));
  for (const set of [task.dependents, task.wantedBy]) {
    assert(!(set instanceof Set) || set.size > 1, say("has a Set of one item, or of none"));
  }
  for (const dependent of listOf(task.dependents)) {
    assert(state.tasks.get(dependent.key) === dependent, say(`dependent ${dependent.key} is gone`));
    assert(dependent.inputs?.includes(task) ?? false, say(`is no input of ${dependent.key}`));
    const settled: TaskStateName[] = ["finished", "released", "cancelled"];
    assert(
      !settled.includes(dependent.state.at),
      say(`${dependent.key} does not need it any more`),
    );
    if (at === "failed") assert(dependent.state.at === "failed", say("a dependent has not failed"));
  }
  for (const client of listOf(task.wantedBy)) {
    const isFound = task.spec.client === client || client.wantsOfOthers.has(task);
    assert(isFound, say(`is not among the wants of ${client.id}`));
    assert(client.within?.wants.has(task) ?? true, say(`is not among the wants of ${client.id}`));
  }
  checkInputs(state, task, say);
  if (task.spec.options.atMostOnce) {
    const hasBegun = task.losses !== undefined || task.failures > 0 || task.suspicions > 0;
    assert(!hasBegun, say("is to run once, and an attempt was lost or has failed"));
  }
  if (at === "released") assert(!isNeeded, say("is needed, and not being recomputed"));
  if (task.state.at === "running") {
    const { dispatch } = task.state;
    assert(dispatch.task === task && dispatch.attempt === task.attempt, say("another's dispatch"));
    assert(dispatch.worker.dispatches.get(task.key) === dispatch, say("is not on its worker"));
    assert(state.workers.has(dispatch.worker.id), say("runs on a lost worker"));
    assert(!dispatch.abandoned, say("runs as an abandoned dispatch"));
  }
}

function checkInputs(state: State, task: Task, say: (words: string) => () => string): void {
  const isDescendant =
    task.state.at === "released" ||
    (task.state.at === "finished" && task.state.holders !== undefined);
  for (const input of task.inputs ?? []) {
    assert(state.tasks.get(input.key) === input, say(`input ${input.key} is gone`));
    const isKnown = isDescendant
      ? state.descendants.get(input)?.has(task)
      : includes(input.dependents, task);
    assert(isKnown === true, say(`its input ${input.key} does not know it`));
  }
  const inputs = [...new Set(task.inputs)];
  const missing = inputs.filter((input) => input.state.at !== "finished").length;
  if (task.state.at === "waiting") {
    const counted = task.state.missing;
    assert(counted === missing, say(`${counted} inputs are counted as missing, ${missing} are`));
    const isDelayed = task.state.until !== undefined || isScattered(task) || isParked(state, task);
    assert(missing > 0 || isDelayed, say("waits for nothing"));
  }
  // A running task is not checked: it may have fetched a value that was lost since.
  if (task.state.at === "ready") assert(missing === 0, say("is ready without its inputs"));
}

/** A spec is there exactly while it has tasks. */
function checkSpecs(state: State, tasksOfSpec: ReadonlyMap<Spec, number>): void {
  for (const [spec, tasks] of tasksOfSpec) {
    const { size } = spec.tasks;
    assert(size === tasks, () => `a spec counts ${size} tasks and has ${tasks}`);
    assert(spec.inUse === 0, () => "a spec is still in use");
    assert(spec.client.specs.get(spec.signature) === spec, () => "a spec in use is not filed");
    const { constraint } = spec;
    const isFiled = state.constraints.get(constraint.signature) === constraint;
    assert(isFiled, () => "a constraint in use is not filed");
  }
  const inside = [...state.workers.values()].flatMap(({ dispatches }) =>
    [...dispatches.values()].flatMap((dispatch) => dispatch.inside ?? []),
  );
  for (const client of [...state.clients.values(), ...inside]) {
    for (const task of client.wantsOfOthers) {
      const isWanted = includes(task.wantedBy, client) && task.spec.client !== client;
      assert(isWanted, () => `${client.name} does not want ${task.key}, or it is its own`);
    }
    for (const spec of client.specs.values()) {
      for (const task of spec.tasks) {
        assert(task.spec === spec, () => `${task.key} is in the line of another spec`);
      }
      assert(tasksOfSpec.has(spec), () => `client ${client.name} has a spec without tasks`);
    }
  }
  let counted = 0;
  for (const constraint of state.constraints.values()) counted += constraint.specs;
  const { size } = tasksOfSpec;
  assert(counted === size, () => `constraints count ${counted} of ${size} specs`);
}
