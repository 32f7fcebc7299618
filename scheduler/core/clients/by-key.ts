// Futures by key: a client holds futures of tasks from now on that it knows the keys of, whoever submitted
// them.

import type { Failure } from "../../../src/wire/protocol.ts";
import type { ParametersOf } from "../../../src/wire/requests.ts";
import type { Task } from "../state.ts";
import { tellOutcome } from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";
import { whyNoRoom } from "../memory/allotments.ts";
import { wantBytes } from "../memory/sizes.ts";
import { recompute } from "../values/recompute.ts";
import { answer, later, type Asked } from "./answers.ts";
import { addWant, isNewWant } from "./wants.ts";

export function want(
  step: StepContext,
  asked: Asked<"want">,
  { keys }: ParametersOf<"want">,
): typeof later {
  const { tasks } = step.state;
  const found: Task[] = [];
  const unknown: string[] = [];
  const refused: string[] = [];
  let bytes = 0;
  let why: string | undefined;
  for (const key of keys) {
    const task = tasks.get(key);
    if (task === undefined) {
      unknown.push(key);
      continue;
    }
    const more = isNewWant(task, asked.client) ? wantBytes : 0;
    const whyNot = more === 0 ? undefined : whyNoRoom(step.state, "wants", bytes + more);
    if (whyNot === undefined) {
      bytes += more;
      found.push(task);
    } else {
      why = whyNot;
      refused.push(key);
    }
  }
  // First: what the client hears of these keys after it is about the tasks that they name now.
  answer(step, asked, {
    unknown,
    ...(why !== undefined && { refused: { keys: refused, failure: noRoom(why) } }),
  });
  const released: Task[] = [];
  for (const task of found) {
    addWant(step, task, asked.client);
    if (task.state.at === "released") released.push(task);
    else tellOutcome(step, asked.client, task);
  }
  recompute(step, released, "wanted again");
  return later;
}

function noRoom(why: string): Failure {
  const message = `ask for these tasks again later: there is no room for more futures of the tasks of others: ${why}`;
  return { code: "overloaded", message };
}
