// The time limit of the job that the scheduler runs in. When it is near, every client is told, and no task
// starts any more: what has not started fails at once, so that whoever waits has what is finished while
// there is time to save it. What runs may go on to the end.

import type { Failure } from "../../src/wire/protocol.ts";
import type { Client, State, Task } from "./state.ts";
import { withdraw } from "./placement/dispatches.ts";
import { fail } from "./tasks/lifecycle.ts";
import type { StepContext } from "./tasks/transition.ts";
import { isScattered } from "./values/lineage.ts";

export type TimeLimit = {
  readonly at: number;
  readonly failure: Failure;
  /** Tasks that became ready or wait since the last look at them. */
  readonly unstarted: Task[];
};

/** @param limit names it: "the time limit of 1 hour of Slurm job 12" */
export function startEnding(step: StepContext, limit: string, leftMs: number): void {
  const { state, now, effects } = step;
  if (state.timeLimit !== undefined) return;
  const message = `save what has finished, and run the rest in another job: ${limit} is near, so no more tasks start`;
  const failure = { code: "time-limit", message };
  state.timeLimit = { at: now + leftMs, failure, unstarted: [...state.tasks.values()] };
  effects.log("warning", `${limit} is near: no more tasks start`);
  for (const client of state.clients.values()) tellTimeLimit(step, client);
  for (const { dispatches } of state.workers.values()) {
    for (const { inside } of dispatches.values()) if (inside) tellTimeLimit(step, inside);
  }
  failUnstarted(step);
  for (const worker of state.workers.values()) withdraw(step, worker, Infinity, () => true);
}

/** Tells a client that is there, or has just come. */
export function tellTimeLimit({ state, now, effects }: StepContext, client: Client): void {
  const { timeLimit } = state;
  if (timeLimit === undefined) return;
  const leftMs = Math.max(0, timeLimit.at - now);
  effects.send(client, { type: "ending", leftMs, reason: timeLimit.failure.message });
}

/** In every step before tasks are placed: fails those that would have to start. */
export function failUnstarted(step: StepContext): void {
  const { state } = step;
  if (state.timeLimit === undefined) return;
  const { unstarted, failure } = state.timeLimit;
  for (const task of unstarted.splice(0)) {
    if (isUnstarted(task)) fail(step, task, failure, "the time limit is near");
  }
}

function isUnstarted(task: Task): boolean {
  const { at } = task.state;
  return (at === "ready" || at === "waiting") && !isScattered(task);
}

/** Whether attempts are still made. */
export function mayStart({ timeLimit }: State): boolean {
  return timeLimit === undefined;
}
