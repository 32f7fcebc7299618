// `thence tasks`: lists the tasks of a scheduler.

import { Command, InvalidArgumentError } from "commander";
import { describeDuration, parseDuration } from "../src/duration.ts";
import { formatSize } from "../src/size.ts";
import { taskStandings, type TaskInfo, type TaskStanding } from "../src/wire/facts.ts";
import { limits } from "../src/wire/limits.ts";
import { withClient, withConnectionOptions, type ConnectionOptions } from "./connection.ts";
import { UsageError } from "./exit-code.ts";
import { wholeNumber, withExample } from "./options.ts";
import { table } from "./output.ts";

type Options = ConnectionOptions & {
  state?: TaskStanding[];
  function?: string;
  client?: string;
  since?: Date;
  after?: number;
  limit: number;
  json?: boolean;
};

export function tasksCommand(): Command {
  const command = new Command("tasks")
    .description("List the tasks that a scheduler has, oldest first.")
    .option("--state <states>", `of them, by commas: ${taskStandings.join(", ")}`, states)
    .option("--function <name>", "of this function")
    .option("--client <name>", "submitted by this client")
    .option("--since <when>", "submitted since then: 90s, 1h, 2d ago, or an ISO date", moment)
    .option("--after <number>", "submitted after the task of this number", wholeNumber(0, 1e15))
    .option("--limit <n>", "how many at most", wholeNumber(1, limits.columnLength - 1), 100)
    .option("--json", "print the facts as JSON")
    .action(run);
  return withExample(
    withConnectionOptions(command, "limit on the time to connect (default: 10s)"),
    "thence tasks --scheduler-file s.json --state failed,cancelled --since 1h",
  );
}

async function run(options: Options): Promise<void> {
  const { limit, since, after, timeout, json } = options;
  if (since !== undefined && after !== undefined) {
    throw new UsageError("give --since or --after, not both: both say where the list begins");
  }
  const connection = { ...options, name: "thence tasks", timeoutMs: timeout ?? 10_000 };
  const start = after === undefined ? since : ({ order: after } as TaskInfo);
  const found = await withClient(connection, (client) =>
    client.tasks({
      ...(options.state && { state: options.state }),
      ...(options.function !== undefined && { function: options.function }),
      ...(options.client !== undefined && { client: options.client }),
      ...(start !== undefined && { since: start }),
      // One more than is shown, to know whether there are more.
      limit: limit + 1,
    }),
  );
  const tasks = found.slice(0, limit);
  console.log(json ? JSON.stringify(tasks, null, 2) : tasksText(tasks, Date.now()));
  if (found.length <= limit) return;
  const { order } = tasks.at(-1)!;
  process.stderr.write(`thence: there are more: see the next with --after ${order}\n`);
}

/** The tasks as text for people; `now` is in milliseconds since 1970. */
export function tasksText(tasks: readonly TaskInfo[], now: number): string {
  if (tasks.length === 0) return "no tasks";
  const rows = tasks.map((task) => [
    task.order,
    task.key,
    task.function,
    task.state,
    task.client,
    `${describeDuration(Math.max(0, now - task.submittedAt))} ago`,
    task.attempt,
    remarks(task, now).join("; "),
  ]);
  const headings = ["number", "key", "function", "state", "client", "submitted", "attempts", ""];
  return table(headings, rows);
}

function remarks(task: TaskInfo, now: number): string[] {
  const { worker, bytes, error, reason, keptUntil, priority } = task;
  return [
    ...(worker === undefined ? [] : [`on ${worker}`]),
    ...(priority === undefined ? [] : [`priority ${priority}`]),
    ...(bytes === undefined ? [] : [formatSize(bytes)]),
    ...(error === undefined ? [] : [error]),
    ...(reason === undefined ? [] : [reason]),
    ...(keptUntil === undefined
      ? []
      : [`kept for another ${describeDuration(Math.max(0, keptUntil - now))}`]),
  ];
}

function states(text: string): TaskStanding[] {
  return text.split(",").map((each) => {
    const state = taskStandings.find((standing) => standing === each.trim());
    if (state !== undefined) return state;
    throw new InvalidArgumentError(`Expected states of: ${taskStandings.join(", ")}.`);
  });
}

/** Reads how long ago it was, or a date as ISO 8601 has it. */
function moment(text: string): Date {
  const date = /^\d{4}-\d\d/.test(text) ? new Date(text) : undefined;
  if (date !== undefined && !Number.isNaN(date.getTime())) return date;
  try {
    return new Date(Date.now() - parseDuration(text));
  } catch {
    const expected = "Expected how long ago, like 90s or 1h, or a date like 2026-11-28T18:00Z.";
    throw new InvalidArgumentError(expected);
  }
}
