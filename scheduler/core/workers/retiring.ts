// Workers that leave: by themselves, or because a client retires them. A worker that leaves gets no
// new tasks, finishes those it has, and hands the values that only it holds over to other workers.
// Then it hears `farewell` and may go. A value that no other worker can take is not given up: the worker
// stays until one can, or until a client forces it to go. A worker that leaves by itself waits so only
// for values that cannot be made again, as scattered ones, and no longer than its drain timeout.

import type { ParametersOf } from "../../../src/wire/requests.ts";
import { answer, later, Refusal, type Asked } from "../clients/answers.ts";
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
  /** What it waits for, in words, while no other worker can take what it holds. */
  stuck: string | undefined;
  /** It was told that it may go. */
  isReleased: boolean;
};

/** `workers` counts those of the request that are still here. */
export type RetireRequest = { readonly asked: Asked<"retire">; workers: number };

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
  const unknown = workers.filter((name) => !found.some((each) => isNamed(each, new Set([name]))));
  if (unknown.length > 0) {
    const message = `give the names of workers that are here, as client.workers() tells them: there is no ${unknown.slice(0, 5).join(", ")}`;
    return new Refusal({ code: "worker-lost", message });
  }
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
  worker.leaving = true;
  const retirement = retirementOf(state, worker);
  retirement.reason = `it left${reason === undefined ? "" : `: ${reason}`}`;
  retirement.keeps = keeps;
}

/** The worker is gone: the clients that retired it and wait for no other are told. */
export function endRetirement(step: StepContext, worker: Worker): void {
  const { state } = step;
  const retirement = state.retirements.get(worker);
  state.retirements.delete(worker);
  for (const request of retirement?.requests ?? []) {
    request.workers--;
    if (request.workers === 0) answer(step, request.asked, null);
  }
}

/** At the end of every step: leaving workers hand over values, and go when nothing is left to do. */
export function advanceRetirements(step: StepContext): void {
  for (const [worker, retirement] of step.state.retirements) {
    if (!worker.leaving || retirement.isReleased) continue;
    const { handingOver, stuck } = handOverValues(step, worker, retirement);
    tellStuck(step, worker, retirement, stuck);
    if (handingOver > 0 || stuck > 0 || worker.dispatches.size > 0) continue;
    retirement.isReleased = true;
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
      stuck: undefined,
      isReleased: false,
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
  stuck: number,
): void {
  if (stuck === 0) {
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

/** Returns how many values are on their way to others, and how many no other worker can take. */
function handOverValues(
  step: StepContext,
  worker: Worker,
  { isForced, requests, keeps }: Retirement,
): { handingOver: number; stuck: number } {
  const { state } = step;
  let handingOver = 0;
  let stuck = 0;
  for (const task of worker.holds) {
    if (isHeldElsewhere(task)) continue;
    if (!state.replicaRequests.has(task)) {
      const taker = chooseTaker(state, task);
      if (taker === undefined) {
        // A task of a program runs again when its value is needed.
        if (!isForced && (requests.length > 0 || keeps || isIrreplaceable(task))) stuck++;
        if (stuck === handedOverAtOnce) break;
        continue;
      }
      requestReplica(step, task, taker);
    }
    handingOver++;
    if (handingOver >= handedOverAtOnce) break;
  }
  return { handingOver, stuck };
}

function isHeldElsewhere({ state }: Task): boolean {
  if (state.at !== "finished") return true;
  for (const holder of state.holders ?? []) if (!holder.leaving) return true;
  return false;
}

/** The worker that holds the fewest bytes and has memory for this value. */
function chooseTaker(state: State, task: Task): Worker | undefined {
  const bytes = task.state.at === "finished" ? task.state.bytes : 0;
  let best: Worker | undefined;
  for (const worker of state.workers.values()) {
    if (!canTakeReplicas(worker) || bytes > worker.memoryBytes) continue;
    if (best === undefined || worker.heldBytes < best.heldBytes) best = worker;
  }
  return best;
}
