// Tasks that submit: inside a running attempt there may be a client, whose messages come over the link
// of its worker. It is a client like any other but for how it ends: with the attempt, in whatever way,
// and with it all that it wants. What it submits stands in the queue before its task's peers.

import type { FromWorker } from "../../../src/wire/protocol.ts";
import { letGoOfAll, receiveFrom } from "./client-events.ts";
import type { Client, Dispatch } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";

/** Tasks of tasks beyond this depth take their turns in the order they come: each depth has a queue. */
const deepest = 1_000;

type FromInside = Extract<FromWorker, { type: "sub" }>;

/** A task says something as a client; one that is to end is not heard any more. */
export function receiveFromInside(step: StepContext, dispatch: Dispatch, said: FromInside): void {
  if (dispatch.abandoned) return;
  dispatch.inside ??= createInside(step, dispatch);
  receiveFrom(step, dispatch.inside, [said.message]);
}

function createInside({ now }: StepContext, dispatch: Dispatch): Client {
  const { task, worker, attempt } = dispatch;
  const { client: parent, lane } = task.spec;
  return {
    id: `${worker.id} ${task.key} ${attempt}`,
    name: `task ${task.key}`,
    joinedAt: now,
    specs: new Map(),
    lanes: new Map(),
    awayUntil: undefined,
    gone: false,
    within: {
      dispatch,
      depth: Math.min(lane.depth + 1, deepest),
      root: parent.within?.root ?? parent,
      wants: new Set(),
    },
  };
}

/** Lets go of what the tasks that ended had submitted; that may end tasks which had submitted more. */
export function endSubTasks(step: StepContext): void {
  const { ended } = step.state;
  for (let next = ended.pop(); next !== undefined; next = ended.pop()) letGoOfAll(step, next);
}
