// `thence schedule`: makes, shows and removes schedules, which submit a task again and again.

import { Command, Option } from "commander";
import type { Client } from "../client/client.ts";
import type { CallOptions } from "../client/task-options.ts";
import { formatDuration } from "../src/duration.ts";
import { didYouMean } from "../src/nearest.ts";
import {
  catchUps,
  overlaps,
  type CatchUp,
  type Overlap,
  type ScheduleInfo,
} from "../src/wire/schedules.ts";
import { withClient, withConnectionOptions, type ConnectionOptions } from "./connection.ts";
import { UsageError } from "./exit-code.ts";
import { duration, withExample } from "./options.ts";
import { printable, table } from "./output.ts";
import { argument, withOption } from "./submit.ts";

export function scheduleCommand(): Command {
  const command = new Command("schedule")
    .description("Have tasks submitted again and again: add, list, remove.")
    .helpCommand(false)
    .addCommand(addCommand())
    .addCommand(listCommand())
    .addCommand(removeCommand());
  return withExample(
    command,
    'thence schedule add nightly --cron "0 3 * * *" --timezone Europe/Vienna backUp /data',
    "thence schedule add beat --every 10m --overlap allow measure",
    "thence schedule list",
    "thence schedule remove nightly",
  );
}

type AddOptions = ConnectionOptions & {
  cron?: string;
  every?: number;
  timezone?: string;
  catchUp?: CatchUp;
  overlap?: Overlap;
  keep?: number;
  string?: boolean;
  with?: CallOptions;
};

function addCommand(): Command {
  const command = new Command("add")
    .description("Submit a call at each moment from now on. A schedule of this name is replaced.")
    .argument("<name>", "name of the schedule")
    .argument("<function>", "registered name of the function")
    .argument("[arguments...]", "JSON, or plain strings; put -- before arguments that start with -")
    .option("--cron <fields>", 'minute, hour, day, month and weekday: "0 3 * * *"; or @daily')
    .option("--every <duration>", "time from one moment to the next, like 10m", duration)
    .option("--timezone <zone>", "time zone of --cron, like Europe/Vienna (default: UTC)")
    .addOption(
      new Option("--catch-up <which>", "of missed moments, which run (default: one)").choices(
        catchUps,
      ),
    )
    .addOption(
      new Option(
        "--overlap <how>",
        "at a moment when the run before goes on: skip it, allow both, or replace that run (default: skip)",
      ).choices(overlaps),
    )
    .option(
      "--keep <duration>",
      "time that each result is kept, like 1d; see thence result",
      duration,
    )
    .option(...withOption)
    .option("--string", "treat every argument as a string, even if it is JSON")
    .action(add);
  return withExample(
    withTimeout(command),
    'thence schedule add nightly --cron "0 3 * * *" --timezone Europe/Vienna backUp /data',
  );
}

async function add(
  name: string,
  called: string,
  texts: string[],
  options: AddOptions,
): Promise<void> {
  const { cron, every, timezone, catchUp, overlap, keep } = options;
  if ((cron === undefined) === (every === undefined)) {
    throw new UsageError("say when: give --cron or --every, one of them");
  }
  if (timezone !== undefined && cron === undefined) throw new UsageError("--timezone needs --cron");
  const values = options.string ? texts : texts.map(argument);
  const { before, info } = await connected(options, async (client) => {
    await warnOfName(client, called);
    const before = (await client.schedules()).find((each) => each.name === name);
    const when =
      cron === undefined
        ? { everyMs: every! }
        : { cron, ...(timezone !== undefined && { timezone }) };
    const timing = {
      ...when,
      ...(catchUp !== undefined && { catchUp }),
      ...(overlap !== undefined && { overlap }),
      options: { ...options.with, ...(keep !== undefined && { keepMs: keep }) },
    };
    return { before, info: await client.schedule(name, timing, called, ...values) };
  });
  const isSame = before?.createdAt === info.createdAt;
  const what = before === undefined ? "" : isSame ? "unchanged, " : "replaced, ";
  console.log(`${printable(info.name)}: ${what}next at ${momentText(info.nextAt)}`);
}

/** A worker that has it may come before the first moment. */
async function warnOfName(client: Client, name: string): Promise<void> {
  const { workers, functions } = await client.info();
  if (workers === 0 || functions.includes(name)) return;
  const hint = didYouMean(name, functions);
  process.stderr.write(`thence: no worker has a function "${printable(name)}" now.${hint}\n`);
}

function listCommand(): Command {
  const command = new Command("list")
    .description("Show the schedules, with their next moments.")
    .option("--json", "print the facts as JSON")
    .action(async (options: ConnectionOptions & { json?: boolean }) => {
      const schedules = await connected(options, (client) => client.schedules());
      console.log(options.json ? JSON.stringify(schedules, null, 2) : schedulesText(schedules));
    });
  return withExample(withTimeout(command), "thence schedule list");
}

/** The schedules as text for people. */
export function schedulesText(schedules: readonly ScheduleInfo[]): string {
  if (schedules.length === 0) return "nothing is scheduled";
  const rows = schedules.map((each) => [
    each.name,
    whenText(each),
    momentText(each.nextAt),
    momentText(each.lastAt),
    each.runs,
    each.skipped,
    each.function,
    each.by,
  ]);
  return table("name when next last runs skipped function by".split(" "), rows);
}

function whenText({ cron, everyMs = 0, timezone = "UTC" }: ScheduleInfo): string {
  return cron === undefined ? `every ${formatDuration(everyMs)}` : `${cron} ${timezone}`;
}

function momentText(moment: number | undefined): string {
  return moment === undefined ? "-" : new Date(moment).toISOString();
}

function removeCommand(): Command {
  const command = new Command("remove")
    .description("End schedules. Their tasks go on.")
    .argument("<names...>", "names of schedules")
    .action((names: string[], options: ConnectionOptions) =>
      connected(options, async (client) => {
        const outcomes = await Promise.allSettled(names.map((name) => client.unschedule(name)));
        outcomes.forEach(({ status }, index) => {
          if (status === "fulfilled") console.log(`removed ${printable(names[index]!)}`);
        });
        const failures = outcomes.filter((each) => each.status === "rejected");
        const words = failures.map(({ reason }) => (reason as Error).message);
        if (words.length > 0) throw new Error(words.join("\nthence: "));
      }),
    );
  return withExample(withTimeout(command), "thence schedule remove nightly");
}

function withTimeout(command: Command): Command {
  return withConnectionOptions(command, "limit on the time to connect (default: 10s)");
}

function connected<T>(options: ConnectionOptions, use: (client: Client) => Promise<T>): Promise<T> {
  const { timeout: timeoutMs = 10_000 } = options;
  return withClient({ ...options, name: "thence schedule", timeoutMs }, use);
}
