// `thence status`: prints the workers and the tasks of a scheduler.

import { Command } from "commander";
import { describeDuration, formatDuration } from "../src/duration.ts";
import { formatSize } from "../src/size.ts";
import type { SchedulerInfo, WorkerInfo } from "../src/wire/facts.ts";
import { withClient, withConnectionOptions, type ConnectionOptions } from "./connection.ts";
import { withExample } from "./options.ts";
import { counted, printable, table } from "./output.ts";

type Options = ConnectionOptions & { json?: boolean };

export function statusCommand(): Command {
  const command = new Command("status")
    .description("Show the workers of a scheduler and the number of tasks in each state.")
    .option("--json", "print the facts as JSON")
    .action(run);
  return withExample(
    withConnectionOptions(command, "limit on the time to connect (default: 10s)"),
    "thence status --scheduler-file s.json",
  );
}

async function run(options: Options): Promise<void> {
  const connection = { ...options, name: "thence status", timeoutMs: options.timeout ?? 10_000 };
  const facts = await withClient(connection, async (client) => ({
    ...(await client.info()),
    workers: await client.workers(),
  }));
  console.log(options.json ? JSON.stringify(facts, null, 2) : statusText(facts, Date.now()));
}

type Facts = Omit<SchedulerInfo, "workers"> & { workers: WorkerInfo[] };

/** The facts as text for people; `now` is in milliseconds since 1970. */
export function statusText(facts: Facts, now: number): string {
  const { tasks, totals, workers, clients, slots, memory, published, departures } = facts;
  const states = Object.entries(tasks).map(([state, count]) => `${count} ${state}`);
  const summary = [
    `tasks    ${states.join(", ")}`,
    `so far   ${totals.submitted} submitted, ${totals.finished} finished, ${totals.failed} failed`,
    `clients  ${clients - 1} beside this command`,
    `workers  ${workers.length}, with ${counted(slots, "slot")}`,
    `memory   ${formatSize(memory.usedBytes)} of ${formatSize(memory.limitBytes)}${shortOf[memory.level]}`,
    ...(published.length > 0 ? [`published  ${printable(shortList(published, 5))}`] : []),
  ];
  if (departures.length > 0) {
    const newest = departures.slice(-shownDepartures).reverse();
    const lines = newest.map(({ worker, how, at }) => {
      return `  ${printable(worker)}, ${ageText(Math.max(0, now - at))} ago: ${printable(how)}`;
    });
    const more = departures.length > newest.length ? `, the newest ${newest.length} of them` : "";
    summary.push(`gone     ${departures.length} of the workers${more}`, ...lines);
  }
  if (workers.length === 0) return summary.join("\n");
  const rows = workers.map((worker) => [
    worker.name,
    worker.host,
    worker.status,
    worker.threads,
    worker.slots,
    worker.tasks,
    worker.finished,
    ageText(Math.max(0, now - worker.joinedAt)),
    Object.entries(worker.resources)
      .map(([name, { total, used }]) => `${name} ${used}/${total}`)
      .join(", "),
    shortList(worker.tags, 5),
    shortList(worker.functions, 5),
  ]);
  const headings = "worker host status threads slots tasks finished for resources tags functions";
  return `${summary.join("\n")}\n\n${table(headings.split(" "), rows)}`;
}

const shortOf = {
  ample: "",
  tight: ": new tasks are taken slowly",
  full: ": no new tasks and values are taken",
} as const;

/** Workers that went, of which so many are listed. */
const shownDepartures = 5;

/** Exact to the second for two days, as `1h30m2s`; then in days. */
function ageText(ms: number): string {
  return ms < 48 * 3_600_000
    ? formatDuration(Math.round(ms / 1_000) * 1_000)
    : describeDuration(ms);
}

function shortList(names: readonly string[], most: number): string {
  const more = names.length > most ? `, and ${names.length - most} more` : "";
  return `${names.slice(0, most).join(", ")}${more}`;
}
