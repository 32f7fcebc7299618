// Starting over at a client's word: every task of every client is cancelled, what was published is
// let go, and the workers end their threads. And the end of it all, which begins the same way.

import type { ParametersOf } from "../../../src/wire/requests.ts";
import { answer, later, type Asked } from "../clients/answers.ts";
import { decline, letGo } from "../clients/retention.ts";
import type { Client, Task, Worker } from "../state.ts";
import { cancelOne, forgetIfUnneeded, isSettled } from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";
import { forEachWanting, removeWants } from "../clients/wants.ts";

/** A restart that workers have still to answer for. */
export type Restart = {
  readonly asked: Asked<"restart">;
  readonly pending: Set<Worker>;
};

export function restart(
  step: StepContext,
  asked: Asked<"restart">,
  { reason }: ParametersOf<"restart">,
): typeof later {
  const { state, effects } = step;
  const { client } = asked;
  effects.log("warning", `client ${client.name} restarts all workers and cancels all tasks`);
  cancelEverything(step, reason ?? `client ${client.name} restarted everything`);
  const pending = new Set(state.workers.values());
  for (const worker of pending) effects.tell(worker, { type: "restart" });
  const begun: Restart = { asked, pending };
  state.restarts.add(begun);
  answerIfDone(step, begun);
  return later;
}

/** A worker has new threads; or it is gone, and there is nothing of it to wait for. */
export function hasRestarted(step: StepContext, worker: Worker): void {
  for (const begun of step.state.restarts) {
    // The first answer is for the first question.
    if (begun.pending.delete(worker)) return answerIfDone(step, begun);
  }
}

/** No restart waits for a worker that is gone. */
export function stopAwaiting(step: StepContext, worker: Worker): void {
  for (const begun of [...step.state.restarts]) {
    if (begun.pending.delete(worker)) answerIfDone(step, begun);
  }
}

export function shutDown(step: StepContext, client: Client, reason: string | undefined): void {
  const why = `client ${client.name} shut the scheduler down${reason === undefined ? "" : `: ${reason}`}`;
  cancelEverything(step, why);
  step.effects.stop(why);
}

function answerIfDone(step: StepContext, begun: Restart): void {
  if (begun.pending.size > 0) return;
  step.state.restarts.delete(begun);
  answer(step, begun.asked, null);
}

/** What anybody wants of any task ends here, and nothing is left of those that nothing else keeps. */
function cancelEverything(step: StepContext, reason: string): void {
  const { tasks, published, offers } = step.state;
  const all: Task[] = [...tasks.values()];
  for (const task of all) if (!isSettled(task)) cancelOne(step, task, reason, reason);
  for (const task of all) {
    const { at } = task.state;
    // The others have been told already.
    if (at === "finished" || at === "failed") {
      forEachWanting(task, (client) => step.effects.cancelled(client, task.key, reason));
    }
    removeWants(task);
  }
  for (const { keep } of published.values()) letGo(step, keep);
  published.clear();
  for (const [client, open] of [...offers.open]) {
    for (const [id, { tasks: offered }] of [...open]) {
      for (const { key } of offered) step.effects.cancelled(client, key, reason);
      decline(step, client, id);
    }
  }
  for (const task of all) forgetIfUnneeded(step, task);
}
