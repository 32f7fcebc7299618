// Tasks wait, and no worker is there that stays: from then on one timer runs, of `workerTimeoutMs`. A
// worker that joins stops it. At its end the tasks that could have started fail, with an error that says
// how the workers went, and so do their dependents. What is submitted later has a timer of its own. The end
// comes at once when it is known that no worker is coming.

import { describeDuration } from "../../../src/duration.ts";
import type { ParametersOf } from "../../../src/wire/requests.ts";
import type { JobStep } from "../../../src/wire/lifetimes.ts";
import type { State, Task } from "../state.ts";
import { fail } from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";
import { howWorkersWent } from "../workers/departures.ts";
import { isParked } from "./parked.ts";

/** The wait for a worker: told apart from later ones by its identity. */
export type Vigil = { readonly since: number };

/** Whether there is a worker that does not leave. */
export function hasWorkers({ workers }: State): boolean {
  for (const { leaving } of workers.values()) if (!leaving) return true;
  return false;
}

/** At the end of every step: starts the timer, or ends the wait. */
export function awaitWorkers(step: StepContext): void {
  const { state, now, effects } = step;
  const { options, ready, suspects } = state;
  const isWaiting = ready.size > 0 || suspects.parked.size > 0;
  if (!isWaiting || hasWorkers(state)) {
    state.vigil = undefined;
    return;
  }
  if (state.noMoreWorkers !== undefined) {
    failWaiting(step, `none will come: ${state.noMoreWorkers}`);
    return;
  }
  if (state.vigil !== undefined) return;
  const vigil = { since: now };
  state.vigil = vigil;
  const { workerTimeoutMs } = options;
  if (workerTimeoutMs === undefined) return;
  state.timers.add(now + workerTimeoutMs, { kind: "no-workers", vigil });
  if (state.joins + state.departures.size > 0) {
    const time = describeDuration(workerTimeoutMs);
    effects.log("info", `no worker is left: what waits for one fails in ${time}, unless one joins`);
  }
}

/** The timer is over. */
export function endVigil(step: StepContext, vigil: Vigil): void {
  const { state } = step;
  if (state.vigil !== vigil) return;
  const time = describeDuration(state.options.workerTimeoutMs ?? 0);
  failWaiting(step, `none was there for ${time}`);
}

/** It is known that no worker is coming, and why: nothing is gained by waiting. */
export function giveUpWorkers(step: StepContext, why: string): void {
  const { state } = step;
  if (hasWorkers(state)) return;
  state.noWorkerComing = why;
  if (state.vigil !== undefined) failWaiting(step, why);
}

/**
 * Whoever starts workers says why none will come, or without a reason that workers may come again. While it
 * is said, what waits without a worker fails at once.
 */
export function expectNoWorkers(
  { state, effects }: StepContext,
  { reason }: ParametersOf<"expect-no-workers">,
): null {
  if (reason !== undefined && reason !== state.noMoreWorkers) {
    effects.log("error", `no worker will come: ${reason}`);
  }
  state.noMoreWorkers = reason;
  return null;
}

function failWaiting(step: StepContext, why: string): void {
  const { state, effects } = step;
  state.vigil = undefined;
  const went = howWorkersWent(state);
  const message = `start workers: ${why}${went && `; ${went}`}`;
  // One object for all, so that it travels once.
  const failure = { code: "unschedulable", message };
  let failed = 0;
  // Rare, so it may look at every task.
  for (const task of [...state.tasks.values()]) {
    if (!couldStart(state, task)) continue;
    fail(step, task, failure, "no worker is left");
    failed++;
  }
  const tasks = failed === 1 ? "1 task that waited" : `${failed} tasks that waited`;
  effects.log("error", `${tasks} for a worker failed: ${message}`);
}

/** A delayed task is not one of these: it waits for a worker when its time has come. */
function couldStart(state: State, task: Task): boolean {
  return task.state.at === "ready" || isParked(state, task);
}

/**
 * The steps in which workers ran that are not here, while there is no worker and somebody may wait for one.
 * Undefined when there are workers, when nobody waits or has heard already that none comes, and when some
 * worker ran in no step.
 */
export function missedSteps(state: State): JobStep[] | undefined {
  const { clients, departures, noWorkerComing, vigil } = state;
  if (vigil === undefined && (clients.size === 0 || noWorkerComing !== undefined)) return undefined;
  if (departures.size === 0 || hasWorkers(state)) return undefined;
  const steps: JobStep[] = [];
  for (const { job } of departures.values()) {
    if (job === undefined) return undefined;
    steps.push(job);
  }
  return steps;
}
