// Restart and shutdown, as a client asks for them. Both cancel all tasks of all clients and end all
// publications and offers. After a restart the workers have new threads; a shutdown ends the scheduler.

import { enterPublished } from "../memory/ledger.ts";
import type { ParametersOf } from "../../../src/wire/requests.ts";
import { answer, later, Refusal, type Asked } from "../clients/answers.ts";
import { declineOffer, endRetention } from "../clients/retention.ts";
import type { Client, Task, Worker } from "../state.ts";
import { cancelOne, forgetIfUnneeded, isSettled } from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";
import { forEachWanting, removeWants } from "../clients/wants.ts";

/** A restart that some workers, those `pending`, have not answered. */
export type Restart = {
  readonly asked: Asked<"restart">;
  readonly pending: Set<Worker>;
};

const mostRestarts = 100;

export function restart(
  step: StepContext,
  asked: Asked<"restart">,
  { reason }: ParametersOf<"restart">,
): Refusal | typeof later {
  const { state, effects } = step;
  const { client } = asked;
  if (state.restarts.size >= mostRestarts) {
    const message = `ask again later: ${mostRestarts} restarts have not ended, and no more are begun`;
    return new Refusal({ code: "overloaded", message });
  }
  effects.log("warning", `client ${client.name} restarts all workers and cancels all tasks`);
  cancelEverything(step, reason ?? `client ${client.name} restarted everything`);
  const pending = new Set(state.workers.values());
  for (const worker of pending) effects.tell(worker, { type: "restart" });
  const started: Restart = { asked, pending };
  state.restarts.add(started);
  answerIfDone(step, started);
  return later;
}

/** A worker has new threads. */
export function receiveRestarted(step: StepContext, worker: Worker): void {
  for (const restart of step.state.restarts) {
    // The first answer belongs to the first restart.
    if (restart.pending.delete(worker)) return answerIfDone(step, restart);
  }
}

/** A worker is gone: no restart waits for it. */
export function stopAwaitingRestart(step: StepContext, worker: Worker): void {
  for (const restart of [...step.state.restarts]) {
    if (restart.pending.delete(worker)) answerIfDone(step, restart);
  }
}

export function shutDown(step: StepContext, client: Client, reason: string | undefined): void {
  const why = `client ${client.name} shut the scheduler down${reason === undefined ? "" : `: ${reason}`}`;
  cancelEverything(step, why);
  step.effects.stop(why);
}

function answerIfDone(step: StepContext, started: Restart): void {
  if (started.pending.size > 0) return;
  step.state.restarts.delete(started);
  answer(step, started.asked, null);
}

/** Ends all wants, retentions, offers and what is kept, so that no task is left. */
function cancelEverything(step: StepContext, reason: string): void {
  const { tasks, kept, published, offers } = step.state;
  kept.clear();
  const all: Task[] = [...tasks.values()];
  for (const task of all) if (!isSettled(task)) cancelOne(step, task, reason, reason);
  for (const task of all) {
    const { at } = task.state;
    // The clients of the others were told when these were cancelled.
    if (at === "finished" || at === "failed") {
      forEachWanting(task, (client) => step.effects.cancelled(client, task.key, reason));
    }
    removeWants(step, task);
  }
  for (const [name, all] of published) {
    enterPublished(step.state, name, all, -1);
    endRetention(step, all.retention);
  }
  published.clear();
  for (const [client, open] of [...offers.open]) {
    for (const [id, { tasks: offered }] of [...open]) {
      for (const { key } of offered) step.effects.cancelled(client, key, reason);
      declineOffer(step, client, id);
    }
  }
  for (const task of all) forgetIfUnneeded(step, task);
}
