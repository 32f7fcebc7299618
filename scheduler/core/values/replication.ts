// Replication: workers are asked to fetch copies of values that other workers hold, and report that
// they have them, or that they could not be had. Scattering asks for replicas where a client wants
// them, and a worker that leaves hands over what only it holds.

import type { FromWorker } from "../../../src/wire/protocol.ts";
import type { State, Task, Worker } from "../state.ts";
import { finishHeld } from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";
import { loseReplica } from "./recompute.ts";
import { isScattered } from "./lineage.ts";
import { addReplica } from "./replicas.ts";
import { askAgain } from "./scatters.ts";

type Message<Type> = Extract<FromWorker, { type: Type }>;

/** Whether other workers can send it values, and it has room for them. */
export function canTakeReplicas({ awayUntil, leaving, paused, address }: Worker): boolean {
  return awayUntil === undefined && !leaving && paused === undefined && address !== undefined;
}

/** Asks a worker for a replica, unless it was asked already. */
export function requestReplica({ state, effects }: StepContext, task: Task, worker: Worker): void {
  const asked = state.replicaRequests.get(task);
  if (asked?.has(worker)) return;
  if (asked) asked.add(worker);
  else state.replicaRequests.set(task, new Set([worker]));
  worker.copying.add(task);
  effects.copy(worker, task);
}

/** The worker has values now: replicas, or what a client scattered to it. It is told to free the others. */
export function receiveHeld(step: StepContext, worker: Worker, held: Message<"held">): void {
  const { state, effects } = step;
  for (const [index, key] of held.keys.entries()) {
    const order = held.orders[index]!;
    const attempt = held.attempts[index]!;
    const task = state.tasks.get(key);
    const isMeant = task?.order === order && task.attempt === attempt;
    const isHeldByWorkers = task?.state.at === "finished" && task.state.holders !== undefined;
    if (isMeant && isHeldByWorkers && mayBeCounted(state, task, worker)) {
      addReplica(step, task, worker);
    } else if (isMeant && task.state.at === "waiting" && isScattered(task)) {
      finishHeld(step, task, held.bytes[index]!, worker);
    } else {
      effects.free(worker, key, order, attempt);
    }
    if (task) endRequest(state, task, worker);
  }
}

/** While memory is full, only those replicas are known that were asked for. */
function mayBeCounted({ ledger, replicaRequests }: State, task: Task, worker: Worker): boolean {
  return ledger.level !== "full" || replicaRequests.get(task)?.has(worker) === true;
}

/** The worker could not fetch the replica it was asked for: some of the holders do not have the value. */
export function receiveNoReplica(
  step: StepContext,
  worker: Worker,
  { key, order, attempt, lacking }: Message<"missing">,
): void {
  const task = step.state.tasks.get(key);
  if (task?.order !== order || task.attempt !== attempt) return;
  endRequest(step.state, task, worker);
  loseReplicasAt(step, task, lacking);
}

/** The workers at these addresses said that they do not have the value. */
export function loseReplicasAt(step: StepContext, task: Task, addresses: readonly string[]): void {
  if (task.state.at !== "finished") return;
  for (const holder of [...(task.state.holders ?? [])]) {
    if (holder.address !== undefined && addresses.includes(holder.address)) {
      loseReplica(step, task, holder);
    }
  }
}

/** The worker is gone, and answers no request any more. */
export function endRequestsTo(state: State, worker: Worker): void {
  for (const task of [...worker.copying]) endRequest(state, task, worker);
}

function endRequest(state: State, task: Task, worker: Worker): void {
  const { replicaRequests } = state;
  worker.copying.delete(task);
  askAgain(state, task, worker);
  const asked = replicaRequests.get(task);
  if (asked?.delete(worker) && asked.size === 0) replicaRequests.delete(task);
}
