// The facts about a scheduler and its workers, for `info` and `workers`.

import type { SchedulerInfo, WorkerInfo } from "../../../src/wire/facts.ts";
import { memoryUse } from "../memory/levels.ts";
import type { State, Worker } from "../state.ts";
import { functionKey, type FunctionReference } from "../tasks/functions.ts";

export function schedulerInfo(state: State): SchedulerInfo {
  const { counts, totals, workers, clients, registered, published } = state;
  const { departures, options, noWorkerComing } = state;
  const { waiting, ready, running, finished, released, failed, cancelled } = counts;
  let slots = 0;
  for (const worker of workers.values()) slots += worker.slots;
  return {
    tasks: { waiting, ready, running, finished, released, failed, cancelled },
    totals: { ...totals },
    workers: workers.size,
    clients: clients.size,
    slots,
    functions: [...registered].sort(),
    published: [...published.keys()].sort(),
    departures: [...departures.values()].map(({ worker, how, at }) => ({ worker, how, at })),
    memory: { ...memoryUse(state), level: state.ledger.level },
    ...(options.workerTimeoutMs !== undefined && { workerTimeoutMs: options.workerTimeoutMs }),
    ...(noWorkerComing !== undefined && { noWorkerComing }),
  };
}

export function workerInfos(state: State): WorkerInfo[] {
  return Array.from(state.workers.values(), (worker) => workerInfo(state, worker));
}

/** The ids of the workers that registered a function. */
export function registeredAt({ workers }: State, reference: FunctionReference): string[] {
  const key = functionKey(reference);
  return [...workers.values()]
    .filter((worker) => worker.repertoire.keys.has(key))
    .map(({ id }) => id);
}

function workerInfo({ retirements }: State, worker: Worker): WorkerInfo {
  const { id, name, host, pid, threads, slots, finished, joinedAt, leaving, awayUntil } = worker;
  const resources: WorkerInfo["resources"] = {};
  for (const [resource, total] of Object.entries(worker.resources)) {
    resources[resource] = { total, used: worker.used[resource] ?? 0 };
  }
  const isUp = awayUntil === undefined;
  const status = leaving ? "leaving" : !isUp ? "away" : worker.paused ? "paused" : "up";
  const why = retirements.get(worker)?.stuck ?? worker.paused;
  const tasks = worker.dispatches.size;
  const functions = [...worker.repertoire.registeredNames].sort();
  const { address, version } = worker;
  return {
    id,
    name,
    host,
    pid,
    threads,
    slots,
    tasks,
    finished,
    resources,
    tags: [...worker.tags].sort(),
    functions,
    ...(address !== undefined && { address }),
    ...(version !== undefined && { version }),
    status,
    ...(why !== undefined && { why }),
    held: { results: worker.holds.size, bytes: worker.heldBytes },
    joinedAt,
  };
}
