// The tasks that there are, page by page in the order of submission.

import type { TaskInfo } from "../../../src/wire/facts.ts";
import type { ParametersOf } from "../../../src/wire/requests.ts";
import type { State, Task } from "../state.ts";
import { attemptOf } from "./attempts.ts";

/**
 * The first tasks that are asked for, oldest first. One walk over all tasks, whose order by key is
 * nearly that of submission: so what is kept of the walk is soon complete, and the rest only compared.
 */
export function listTasks({ state }: { state: State }, asked: ParametersOf<"tasks">): TaskInfo[] {
  const { limit, after = -1 } = asked;
  const matches = matcher(asked);
  let page: Task[] = [];
  let before = Infinity;
  state.tasks.forEach((task) => {
    if (task.order <= after || task.order >= before || !matches(task)) return;
    page.push(task);
    if (page.length < 2 * limit + fewest) return;
    page = firstOf(page, limit);
    before = page.at(-1)!.order;
  });
  return firstOf(page, limit).map((task) => infoOf(state, task));
}
/** A short page is not sorted for every few tasks of the walk. */
const fewest = 1_000;

function firstOf(tasks: Task[], count: number): Task[] {
  return tasks.sort((a, b) => a.order - b.order).slice(0, count);
}

function matcher(asked: ParametersOf<"tasks">): (task: Task) => boolean {
  const { states, function: name, client, since = 0 } = asked;
  const at = states && new Set<string>(states);
  return ({ state, spec, submission }) =>
    submission.at >= since &&
    (at === undefined || at.has(state.at)) &&
    (name === undefined || spec.function.name === name) &&
    (client === undefined || spec.client.name === client);
}

function infoOf({ kept }: State, task: Task): TaskInfo {
  const { key, order, spec, state, submission } = task;
  const { at } = state;
  if (at === "new" || at === "forgotten") throw new Error(`a filed task is never ${at}`);
  const keptUntil = kept.get(task)?.until;
  return {
    key,
    order,
    function: spec.function.name,
    state: at,
    client: spec.client.name,
    ...(spec.priority !== 0 && { priority: spec.priority }),
    submittedAt: submission.at,
    attempt: attemptOf(task),
    ...(at === "running" && { worker: state.dispatch.worker.name }),
    ...(at === "finished" && { bytes: state.bytes }),
    ...(at === "failed" && { error: inShort(`${state.failure.code}: ${state.failure.message}`) }),
    ...(at === "cancelled" && state.reason !== undefined && { reason: inShort(state.reason) }),
    ...(keptUntil !== undefined && { keptUntil }),
  };
}

/** The first line of a text, so that a page of thousands stays small. */
function inShort(text: string): string {
  const [line = ""] = text.slice(0, longestLine).split("\n", 1);
  return line;
}
const longestLine = 300;
