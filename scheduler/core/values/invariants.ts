// What must hold of values between two steps: their holders, the bytes kept here, and lineage.

import { assert } from "../assert.ts";
import type { State, Task, Worker } from "../state.ts";
import { includes, listOf } from "../structures/small-set.ts";

export function checkValues(state: State): void {
  let kept = 0;
  const held = new Map<Worker, { tasks: number; bytes: number }>();
  for (const task of state.tasks.values()) {
    if (task.state.at !== "finished") continue;
    const { holders, bytes } = task.state;
    if (holders === undefined) {
      kept += bytes;
      continue;
    }
    checkHolders(state, task, holders);
    for (const holder of holders) {
      const sum = held.get(holder) ?? { tasks: 0, bytes: 0 };
      held.set(holder, { tasks: sum.tasks + 1, bytes: sum.bytes + bytes });
    }
  }
  assert(kept === state.keptBytes, () => `${state.keptBytes} bytes counted as kept, ${kept} are`);
  for (const worker of state.workers.values()) {
    const { name, holds, heldBytes } = worker;
    const { tasks, bytes } = held.get(worker) ?? { tasks: 0, bytes: 0 };
    assert(holds.size === tasks, () => `${name} counts ${holds.size} values, and holds ${tasks}`);
    assert(heldBytes === bytes, () => `${name} counts ${heldBytes} bytes, and holds ${bytes}`);
  }
  checkLineage(state);
  const { byTask, byWorker, changed } = state.scatters;
  assert(changed.size === 0, () => "a scatter is left over from the step");
  for (const [task, scatters] of byTask) {
    for (const scatter of listOf(scatters)) {
      assert(scatter.task === task, () => `a scatter of ${task.key} is of another task`);
      for (const worker of scatter.workers) {
        const isKnown = includes(byWorker.get(worker), scatter);
        assert(isKnown, () => `${worker.name} is not known to be waited for`);
      }
    }
  }
  for (const [task, workers] of state.replicaRequests) {
    assert(task.state.at === "finished", () => `a replica of ${task.key} is requested`);
    for (const worker of workers) {
      assert(state.workers.has(worker.id), () => `a replica is requested from a lost worker`);
      assert(worker.copying.has(task), () => `${worker.name} does not know of a request`);
    }
  }
}

function checkHolders(state: State, task: Task, holders: ReadonlySet<Worker>): void {
  const say = (words: string) => () => `${task.key}: ${words}`;
  assert(holders.size > 0, say("no worker holds its value"));
  const isNeeded =
    task.wantedBy !== undefined ||
    task.detachedBy !== undefined ||
    task.dependents !== undefined ||
    state.retentions.has(task) ||
    state.kept.has(task);
  assert(isNeeded, say("its value is held though nothing needs it"));
  for (const holder of holders) {
    assert(state.workers.get(holder.id) === holder, say("a lost worker holds it"));
    assert(holder.holds.has(task), say(`is not among the values of ${holder.name}`));
  }
}

function checkLineage(state: State): void {
  for (const [task, descendants] of state.descendants) {
    assert(state.tasks.get(task.key) === task, () => `${task.key} is gone and has descendants`);
    assert(descendants.size > 0, () => `${task.key} has an empty set of descendants`);
    for (const { key, state: current, inputs } of descendants) {
      const isOnWorkers = current.at === "finished" && current.holders !== undefined;
      const isDescendant = current.at === "released" || isOnWorkers;
      assert(isDescendant, () => `${key} is ${current.at} and a descendant`);
      assert(inputs?.includes(task) ?? false, () => `${task.key} is no input of ${key}`);
    }
  }
}
