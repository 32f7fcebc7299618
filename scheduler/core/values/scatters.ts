// Which clients wait until a scattered value is where they asked for, and what has changed for them. A scatter is
// looked at in the steps in which something of it has changed, however many there are and to how many workers.

import type { Asked } from "../clients/answers.ts";
import { enterHeap } from "../memory/ledger.ts";
import { scatterBytes } from "../memory/sizes.ts";
import type { State, Task, Worker } from "../state.ts";
import { listOf, without, withOne, type SmallSet } from "../structures/small-set.ts";

/** A client that waits until its value is where it asked for. */
export type Scatter = {
  readonly asked: Asked<"scatter">;
  readonly task: Task;
  /** Those that are to hold the value and do not yet. The first is the one the client sends it to. */
  readonly workers: Set<Worker>;
  /** Those of them that have to be asked to fetch it, once it has come. */
  readonly toAsk: Set<Worker>;
};

export type Scatters = {
  readonly byTask: Map<Task, SmallSet<Scatter>>;
  /** Those that wait for the value to come to a worker. */
  readonly byWorker: Map<Worker, SmallSet<Scatter>>;
  /** Those to be looked at in this step; empty between steps. */
  readonly changed: Set<Scatter>;
};

export function createScatters(): Scatters {
  return { byTask: new Map(), byWorker: new Map(), changed: new Set() };
}

export function addScatter(state: State, scatter: Scatter): void {
  const { scatters } = state;
  const { task } = scatter;
  enterHeap(state, scatterBytes, 1 + scatter.workers.size);
  scatters.byTask.set(task, withOne(scatters.byTask.get(task), scatter));
  for (const worker of scatter.workers) {
    scatters.byWorker.set(worker, withOne(scatters.byWorker.get(worker), scatter));
  }
  scatters.changed.add(scatter);
}

export function removeScatter(state: State, scatter: Scatter): void {
  const { scatters } = state;
  enterHeap(state, scatterBytes, -1 - scatter.workers.size);
  const others = without(scatters.byTask.get(scatter.task), scatter);
  if (others) scatters.byTask.set(scatter.task, others);
  else scatters.byTask.delete(scatter.task);
  for (const worker of scatter.workers) leave(scatters, scatter, worker);
  scatters.changed.delete(scatter);
}

/** Something has happened to a scattered task. */
export function noteChange({ scatters }: Pick<State, "scatters">, task: Task): void {
  if (scatters.byTask.size === 0) return;
  for (const scatter of listOf(scatters.byTask.get(task))) scatters.changed.add(scatter);
}

/** The worker holds the value of the task. */
export function arrived(state: State, task: Task, worker: Worker): void {
  const { scatters } = state;
  if (scatters.byTask.size === 0) return;
  for (const scatter of listOf(scatters.byTask.get(task))) noLonger(state, scatter, worker);
}

/** A request to fetch the value has ended, perhaps without it. */
export function askAgain({ scatters }: State, task: Task, worker: Worker): void {
  if (scatters.byTask.size === 0) return;
  for (const scatter of listOf(scatters.byTask.get(task))) {
    if (!scatter.workers.has(worker)) continue;
    scatter.toAsk.add(worker);
    scatters.changed.add(scatter);
  }
}

/** The value need not come to this worker any more. */
export function noLonger(state: State, scatter: Scatter, worker: Worker): void {
  const { scatters } = state;
  if (!scatter.workers.delete(worker)) return;
  enterHeap(state, scatterBytes, -1);
  scatter.toAsk.delete(worker);
  leave(scatters, scatter, worker);
  scatters.changed.add(scatter);
}

function leave({ byWorker }: Scatters, scatter: Scatter, worker: Worker): void {
  const others = without(byWorker.get(worker), scatter);
  if (others) byWorker.set(worker, others);
  else byWorker.delete(worker);
}
