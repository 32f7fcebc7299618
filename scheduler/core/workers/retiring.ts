// Workers that leave: by themselves, or because a client retires them. A worker that leaves gets no
// new tasks, finishes those it has, and hands the values that only it holds over to other workers.
// Then it hears `farewell` and may go. A value that no other worker can take is not given up: the worker
// stays until one can, or until a client forces it to go. A worker that leaves by itself waits so only
// for values that cannot be made again, as scattered ones, and no longer than its drain timeout.

import { cut } from "../../../src/errors/brief-failure.ts";
import type { ParametersOf } from "../../../src/wire/requests.ts";
import { answer, later, noRoomToWait, Refusal, type Asked } from "../clients/answers.ts";
import { enterAllotted, whyNoRoom } from "../memory/allotments.ts";
import { retireBytes } from "../memory/sizes.ts";
import type { State, Task, Worker } from "../state.ts";
import { isNamed } from "../placement/constraints.ts";
import type { StepContext } from "../tasks/transition.ts";
import { isIrreplaceable } from "../values/lineage.ts";
import { canTakeReplicas, requestReplica } from "../values/replication.ts";

/** A worker that was asked to leave, or said that it will. */
export type Retirement = {
  /** The clients that asked for it, and are told when the worker is gone. */
  readonly requests: RetireRequest[];
  /** What no other worker can take is given up. */
  isForced: boolean;
  /** Why it leaves, in words for people. */
  reason: string | undefined;
  /** By its own choice it stays, as long as it can, while it holds what no other worker can take. */
  keeps: boolean;
  /** Values that it holds and that have to be looked at: other workers may have to take them. */
  readonly toLookAt: Task[];
  /** Those that others were asked to take. */
  readonly handingOver: Set<Task>;
  /** Those that no other worker can take: that cannot be made again, and others. */
  readonly untaken: { readonly irreplaceable: Task[]; readonly others: Task[] };
  /** The memory of the largest worker that could have taken them. */
  largestTaker: number;
  /** What it waits for, in words, while no other worker can take what it holds. */
  stuck: string | undefined;
};

/** `workers` counts those of the request that are still here. */
export type RetireRequest = { readonly asked: Asked<"retire">; workers: number };

/** Characters of the reason why a worker leaves. */
const reasonLength = 1_000;

/** Values that one leaving worker hands over at the same time. */
const handedOverAtOnce = 64;

/** A client asks workers to leave, by name. */
export function retire(
  { state, effects }: StepContext,
  asked: Asked<"retire">,
  { workers, force = false }: ParametersOf<"retire">,
): Refusal | typeof later {
  const names = new Set(workers);
  const found = [...state.workers.values()].filter((worker) => isNamed(worker, names));
  const known = new Set(found.flatMap(({ name, host, id }) => [name, host, id]));
  const unknown = workers.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    const message = `give the names of workers that are here, as client.workers() tells them: there is no ${unknown.slice(0, 5).join(", ")}`;
    return new Refusal({ code: "worker-lost", message });
  }
  const why = whyNoRoom(state, "waits", retireBytes * found.length);
  if (why !== undefined) return noRoomToWait(why);
  enterAllotted(state, "waits", retireBytes, found.length);
  const request = { asked, workers: found.length };
  for (const worker of found) {
    const retirement = retirementOf(state, worker);
    retirement.requests.push(request);
    if (force) retirement.isForced = true;
    effects.tell(worker, { type: "retire", reason: `client ${asked.client.name} asked it to` });
  }
  return later;
}

/** The worker says that it leaves. */
export function startLeaving(
  { state }: StepContext,
  worker: Worker,
  { reason, keeps = false }: { reason?: string; keeps?: boolean },
): void {
  const retirement = retirementOf(state, worker);
  // The oldest is the last, and comes first. Whoever says it again has had them looked at.
  const toLookAt = worker.leaving ? [] : [...worker.holds].reverse();
  for (const task of toLookAt) retirement.toLookAt.push(task);
  worker.leaving = true;
  state.leaving.add(worker);
  retirement.reason = `it left${reason === undefined ? "" : `: ${cut(reason, reasonLength)}`}`;
  retirement.keeps = keeps;
}

/** The worker is gone: the clients that retired it and wait for no other are told. */
export function endRetirement(step: StepContext, worker: Worker): void {
  const { state } = step;
  const retirement = state.retirements.get(worker);
  state.retirements.delete(worker);
  state.leaving.delete(worker);
  for (const request of retirement?.requests ?? []) {
    enterAllotted(state, "waits", retireBytes, -1);
    request.workers--;
    if (request.workers === 0) answer(step, request.asked, null);
  }
}

/** At the end of every step: leaving workers hand over values, and go when nothing is left to do. */
export function advanceRetirements(step: StepContext): void {
  const { leaving, retirements } = step.state;
  let found: number | undefined;
  const largest = () => (found ??= largestTaker(step.state));
  for (const worker of leaving) {
    const retirement = retirements.get(worker)!;
    handOverValues(step, worker, retirement, largest);
    const isStuck = holdsOn(worker, retirement);
    tellStuck(step, worker, retirement, isStuck);
    if (retirement.handingOver.size > 0 || isStuck || worker.dispatches.size > 0) continue;
    leaving.delete(worker);
    step.effects.tell(worker, { type: "farewell" });
  }
}

function retirementOf({ retirements }: State, worker: Worker): Retirement {
  let retirement = retirements.get(worker);
  if (retirement === undefined) {
    retirement = {
      requests: [],
      isForced: false,
      reason: undefined,
      keeps: false,
      toLookAt: [],
      handingOver: new Set(),
      untaken: { irreplaceable: [], others: [] },
      largestTaker: -1,
      stuck: undefined,
    };
    retirements.set(worker, retirement);
  }
  return retirement;
}

/** Says once that the worker stays, and why. */
function tellStuck(
  { effects }: StepContext,
  worker: Worker,
  retirement: Retirement,
  isStuck: boolean,
): void {
  if (!isStuck) {
    retirement.stuck = undefined;
    return;
  }
  if (retirement.stuck !== undefined) return;
  retirement.stuck =
    "it is to leave and stays, for it holds values that no other worker can take; " +
    (retirement.keeps
      ? "fetch them, or start another worker, before its time is over"
      : "start another worker, or retire it with { force: true }");
  effects.log("warning", `worker ${worker.name}: ${retirement.stuck}`);
}

/**
 * Asks others to take values: a few at a time, and each value is looked at once, unless something comes of it.
 *
 * @param largest of `largestTaker`, in this step
 */
function handOverValues(
  step: StepContext,
  worker: Worker,
  retirement: Retirement,
  largest: () => number,
): void {
  const { state } = step;
  const { toLookAt, handingOver, untaken } = retirement;
  for (const task of handingOver) {
    const isOver = !worker.holds.has(task) || isHeldElsewhere(task);
    if (!isOver && state.replicaRequests.has(task)) continue;
    handingOver.delete(task);
    if (!isOver) toLookAt.push(task);
  }
  if (untaken.irreplaceable.length + untaken.others.length > 0) {
    if (largest() > retirement.largestTaker) {
      for (const tasks of Object.values(untaken))
        for (const task of tasks.splice(0)) toLookAt.push(task);
    }
    retirement.largestTaker = largest();
  }
  while (handingOver.size < handedOverAtOnce) {
    const task = toLookAt.pop();
    if (task === undefined) return;
    if (!worker.holds.has(task) || isHeldElsewhere(task)) continue;
    if (!state.replicaRequests.has(task)) {
      const taker = sizeOf(task) > largest() ? undefined : chooseTaker(state, task);
      if (taker === undefined) {
        (isIrreplaceable(task) ? untaken.irreplaceable : untaken.others).push(task);
        retirement.largestTaker = largest();
        continue;
      }
      requestReplica(step, task, taker);
    }
    handingOver.add(task);
  }
}

/** The most bytes that one of the workers which take replicas may have in memory; -1 when there is none. */
function largestTaker({ workers }: State): number {
  let largest = -1;
  for (const worker of workers.values()) {
    if (canTakeReplicas(worker)) largest = Math.max(largest, worker.memoryBytes);
  }
  return largest;
}

/** Whether it stays for what no other worker can take. A task of a program runs again when its value is needed. */
function holdsOn(
  worker: Worker,
  { isForced, requests, keeps, untaken: { irreplaceable, others } }: Retirement,
): boolean {
  if (isForced) return false;
  if (lastToTake(worker, irreplaceable)) return true;
  return (requests.length > 0 || keeps) && lastToTake(worker, others) !== undefined;
}

/** The last of these values that the worker still holds, and no worker that stays; the others after it are dropped. */
function lastToTake(worker: Worker, tasks: Task[]): Task | undefined {
  for (let last = tasks.at(-1); last !== undefined; last = tasks.at(-1)) {
    if (worker.holds.has(last) && !isHeldElsewhere(last)) return last;
    tasks.pop();
  }
  return undefined;
}

function isHeldElsewhere({ state }: Task): boolean {
  if (state.at !== "finished") return true;
  for (const holder of state.holders ?? []) if (!holder.leaving) return true;
  return false;
}

/** The worker that holds the fewest bytes and has memory for this value. */
function sizeOf({ state }: Task): number {
  return state.at === "finished" ? state.bytes : 0;
}

function chooseTaker(state: State, task: Task): Worker | undefined {
  const bytes = sizeOf(task);
  let best: Worker | undefined;
  for (const worker of state.workers.values()) {
    if (!canTakeReplicas(worker) || bytes > worker.memoryBytes) continue;
    if (best === undefined || worker.heldBytes < best.heldBytes) best = worker;
  }
  return best;
}
