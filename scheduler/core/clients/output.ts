// Output: values that a running task puts out before its end, on their way to the client that submitted
// it. The worker lets a task run ahead of its reader by a bound, so whatever nobody will take has to be
// taken here.

import type { FromWorker } from "../../../src/wire/protocol.ts";
import type { OutputTaken } from "../../../src/wire/output.ts";
import { countStart } from "../placement/dispatches.ts";
import { bytesOf } from "../effects.ts";
import { includes } from "../structures/small-set.ts";
import type { Client, Dispatch, Task } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";

type FromTask = Extract<FromWorker, { type: "output" }>;

export function receiveOutput(step: StepContext, dispatch: Dispatch, { value }: FromTask): void {
  const { task, attempt } = dispatch;
  countStart(step, dispatch);
  dispatch.untakenBytes += bytesOf(value);
  const reader = task.spec.client;
  if (dispatch.abandoned || !includes(task.wantedBy, reader)) {
    return tellTaken(step, dispatch, dispatch.untakenBytes);
  }
  const message = { type: "output", key: task.key, attempt, start: task.starts, value } as const;
  step.effects.send(reader, message);
}

export function receiveTaken(step: StepContext, message: OutputTaken): void {
  const task = step.state.tasks.get(message.key);
  const dispatch = task && dispatchOf(task);
  if (dispatch?.attempt === message.attempt) tellTaken(step, dispatch, message.bytes);
}

/** The client does not want the task any more, and takes nothing that is on its way to it. */
export function leaveOutput(step: StepContext, client: Client, task: Task): void {
  const dispatch = dispatchOf(task);
  if (dispatch === undefined || task.spec.client !== client) return;
  tellTaken(step, dispatch, dispatch.untakenBytes);
}

function dispatchOf({ state }: Task): Dispatch | undefined {
  return state.at === "running" ? state.dispatch : undefined;
}

function tellTaken({ effects }: StepContext, dispatch: Dispatch, bytes: number): void {
  const taken = Math.min(bytes, dispatch.untakenBytes);
  if (taken === 0) return;
  dispatch.untakenBytes -= taken;
  const { task, attempt, worker } = dispatch;
  effects.tell(worker, { type: "output-taken", key: task.key, attempt, bytes: taken });
}
