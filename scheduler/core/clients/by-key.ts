// Futures by key: a client holds futures of tasks from now on that it knows the keys of, whoever submitted
// them.

import type { ParametersOf } from "../../../src/wire/requests.ts";
import type { Task } from "../state.ts";
import { tellOutcome } from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";
import { whyNoRoom } from "../memory/allotments.ts";
import { wantBytes } from "../memory/sizes.ts";
import { recompute } from "../values/recompute.ts";
import { answer, later, type Asked } from "./answers.ts";
import { addWant } from "./wants.ts";

export function want(
  step: StepContext,
  asked: Asked<"want">,
  { keys }: ParametersOf<"want">,
): typeof later {
  const { tasks } = step.state;
  const why = whyNoRoom(step.state, "wants", keys.length * wantBytes);
  if (why !== undefined) {
    const message = `ask for these tasks again later: there is no room for more futures of the tasks of others: ${why}`;
    answer(step, asked, { unknown: keys, refused: { code: "overloaded", message } });
    return later;
  }
  const found: Task[] = [];
  const unknown: string[] = [];
  for (const key of keys) {
    const task = tasks.get(key);
    if (task === undefined) unknown.push(key);
    else found.push(task);
  }
  // First: what the client hears of these keys after it is about the tasks that they name now.
  answer(step, asked, { unknown });
  const released: Task[] = [];
  for (const task of found) {
    addWant(step, task, asked.client);
    if (task.state.at === "released") released.push(task);
    else tellOutcome(step, asked.client, task);
  }
  recompute(step, released, "wanted again");
  return later;
}
