// The list of tasks that a scheduler has, a page at a time.

import { taskStandings, type TaskInfo, type TaskStanding } from "../src/wire/facts.ts";
import { limits } from "../src/wire/limits.ts";
import { Milliseconds, Name } from "../src/wire/parts.ts";
import type { ParametersOf } from "../src/wire/requests.ts";
import { checkedNames, number, text, wrongType } from "./option-checks.ts";
import type { Session } from "./session.ts";

/** Which tasks are listed: those for which all of this is so. */
export type TasksOptions = {
  /** Their state, or one of these. */
  state?: TaskStanding | readonly TaskStanding[];
  /** Name of their function. */
  function?: string;
  /** Name of the client that submitted them. */
  client?: string;
  /**
   * Submitted at this moment or later: a Date, or milliseconds since 1970. Or submitted after this one of an
   * earlier list: `since: page.at(-1)` gives the next page.
   */
  since?: Date | number | TaskInfo;
  /** How many at most, 1 to 10,000. Default: 100. */
  limit?: number;
};

const defaultLimit = 100;

export async function listTasks(session: Session, options: TasksOptions): Promise<TaskInfo[]> {
  return session.request("tasks", parametersOf(options));
}

function parametersOf(options: TasksOptions): ParametersOf<"tasks"> {
  const names = ["state", "function", "client", "since", "limit"];
  const { state, function: name, client, since, limit } = checkedNames(options, names, "tasks");
  const range = { type: "integer", minimum: 1, maximum: limits.columnLength } as const;
  return {
    ...(state !== undefined && { states: checkedStates(state) }),
    ...(name !== undefined && { function: text(name, "function", Name) }),
    ...(client !== undefined && { client: text(client, "client", clientLength) }),
    ...(since !== undefined && checkedSince(since)),
    limit: limit === undefined ? defaultLimit : number(limit, "limit", range),
  };
}
const clientLength = { minLength: 1, maxLength: 2 * limits.nameLength };

function checkedStates(state: TaskStanding | readonly TaskStanding[]): TaskStanding[] {
  const states = [state].flat<(TaskStanding | readonly TaskStanding[])[]>();
  if (states.length === 0) throw new RangeError("state must name at least one state");
  for (const each of states) {
    if (taskStandings.includes(each)) continue;
    const message = `state must be ${taskStandings.join(", ")}, or a list of these: ${String(each)}`;
    throw typeof each === "string" ? new RangeError(message) : new TypeError(message);
  }
  return [...new Set(states)];
}

function checkedSince(since: Date | number | TaskInfo): { since: number } | { after: number } {
  if (since instanceof Date) return { since: number(since.getTime(), "since", Milliseconds) };
  if (typeof since === "number") return { since: number(since, "since", Milliseconds) };
  const order = (since as TaskInfo | null)?.order;
  if (typeof order === "number") return { after: number(order, "since.order", { minimum: 0 }) };
  throw wrongType("since", "a Date, milliseconds since 1970, or a task of an earlier list", since);
}
