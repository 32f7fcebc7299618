// Which attempts own the cause of a loss. A task owns its sub-tasks: when one of them takes down the
// worker or the thread that the task itself waits on, the loss counts for both. Otherwise its next
// attempt would submit the guilty sub-task anew, without end.

import type { FromWorker } from "../../../src/wire/protocol.ts";
import type { ErrorRecord } from "../../../src/errors/error-record.ts";
import type { Dispatch, TaskKey, Worker } from "../state.ts";
import { blame, lossOf, suspect } from "../tasks/attempts.ts";
import type { StepContext } from "../tasks/transition.ts";

/** What may have caused a loss, and how it ended. */
export type Cause = { readonly dispatch: Dispatch; how: string; error?: ErrorRecord | undefined };

/** Of the causes of one loss, those that an attempt is or that are its sub-tasks, however deep. */
type Owned = { readonly first: Cause; count: number };

export function ownersOf(causes: Iterable<Cause>): Map<Dispatch, Owned> {
  const owners = new Map<Dispatch, Owned>();
  for (const cause of causes) {
    let owner: Dispatch | undefined = cause.dispatch;
    while (owner !== undefined) {
      const owned = owners.get(owner);
      if (owned === undefined) owners.set(owner, { first: cause, count: 1 });
      else owned.count++;
      owner = owner.task.spec.client.within?.dispatch;
    }
  }
  return owners;
}

/** Blames an attempt that owns all causes, when they are certain, and else suspects it. */
export function answerFor(
  step: StepContext,
  { task, worker }: Dispatch,
  { first }: Owned,
  { isCertain, why }: { isCertain: boolean; why: string },
): void {
  const { key } = first.dispatch.task;
  const how = key === task.key ? first.how : `its sub-task ${key}: ${first.how}`;
  const loss = lossOf(step.state, worker, how);
  if (isCertain) blame(step, task, loss, first.error);
  else suspect(step, task, loss, why);
}

/**
 * The attempts in these messages that may have ended a thread: those that went down with it, and those
 * that did not end when they were asked to. Others that were on the thread are `stopped` along with them.
 */
export function endersOfThreads(worker: Worker, messages: readonly FromWorker[]): Cause[] {
  const causes: Cause[] = [];
  if (!messages.some(({ type }) => type === "stopped")) return causes;
  const find = (key: TaskKey, attempt: number) => {
    const found = worker.dispatches.get(key);
    return found?.attempt === attempt ? found : undefined;
  };
  for (const message of messages) {
    if (message.type === "failed") {
      const { code, message: how, error } = message.failure;
      const dispatch = find(message.key, message.attempt);
      if (dispatch && endsThreads.has(code)) causes.push({ dispatch, how, error });
    } else if (message.type === "stopped") {
      message.keys.forEach((key, index) => {
        const dispatch = find(key, message.attempts[index]!);
        if (dispatch?.abandoned) causes.push({ dispatch, how: "it did not end when cancelled" });
      });
    }
  }
  return causes;
}
const endsThreads: ReadonlySet<string> = new Set(["thread-lost", "task-timeout"]);
