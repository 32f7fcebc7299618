// Lineage: which values were made of which. A value on workers can be lost with them, so its inputs are
// remembered while it exists, although they are not needed: recompute.ts starts from them.

import { without, withOne } from "../structures/small-set.ts";
import type { State, Task } from "../state.ts";

/** The function of scattered tasks: no module can export one of this name. */
export const scatteredName = "scatter()";

/** Whether the value came from a client and not from a call: it has no lineage. */
export function isScattered({ spec }: Task): boolean {
  return spec.function.name === scatteredName;
}

/** Whether its value cannot be made again: no call made it, or the call runs at most once. */
export function isIrreplaceable(task: Task): boolean {
  return isScattered(task) || task.spec.options.atMostOnce === true;
}

/** The task has a value on workers. It becomes a descendant of its inputs, instead of a dependent. */
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

/** The task runs again. It becomes a dependent of its inputs, instead of a descendant. */
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
