// Sub-tasks: tasks that tasks submit. Inside a running attempt there may be a client, whose messages
// come over the link of the worker. It is like any other client, but it ends with the attempt, however
// that ends, and releases its tasks. Sub-tasks are placed before other tasks of the same program.

import { createClient } from "./create-client.ts";
import type { FromWorker } from "../../../src/wire/protocol.ts";
import { giveBack } from "../coordination/requests.ts";
import { enterHeap } from "../memory/ledger.ts";
import { clientBytes } from "../memory/sizes.ts";
import { isEnding } from "../placement/dispatches.ts";
import { releaseAll, receiveFrom } from "./client-events.ts";
import type { Client, Dispatch, Task } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";
import { tellTimeLimit } from "../time-limit.ts";

/** Each depth has lanes of its own; tasks below this depth share them. */
const deepest = 1_000;

type FromInside = Extract<FromWorker, { type: "sub" }>;

/** A message of the client inside a task. It is ignored once the task is to end. */
export function receiveFromInside(
  step: StepContext,
  dispatch: Dispatch,
  message: FromInside,
): void {
  if (dispatch.abandoned) return;
  if (dispatch.inside === undefined) {
    dispatch.inside = createInside(step, dispatch);
    enterHeap(step.state, clientBytes(dispatch.inside));
    tellTimeLimit(step, dispatch.inside);
  }
  receiveFrom(step, dispatch.inside, [message.message]);
}

function createInside({ now }: StepContext, dispatch: Dispatch): Client {
  const { task, worker, attempt } = dispatch;
  const { client: parent, lane } = task.spec;
  const id = `${worker.id} ${task.key} ${attempt}`;
  const within = {
    dispatch,
    depth: Math.min(lane.depth + 1, deepest),
    root: parent.within?.root ?? parent,
    wants: new Set<Task>(),
  };
  return createClient(id, `task ${task.key}`, now, { within });
}

/** At the end of every step: releases the sub-tasks of attempts that ended, which may end further attempts. */
export function endSubTasks(step: StepContext): void {
  const { endedClients: ended } = step.state;
  for (let next = ended.pop(); next !== undefined; next = ended.pop()) {
    releaseAll(step, next);
    const { dispatch } = next.within!;
    // What it holds is for one at a time: it passes on when this one is off its thread.
    if (isEnding(dispatch)) {
      if (giveBack(step, next, { keepsLeases: true })) dispatch.leases = next;
    } else giveBack(step, next);
  }
}
