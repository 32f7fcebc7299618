// `thence events`: prints what happens to tasks and workers, a line each, until it is interrupted.

import { Command } from "commander";
import type { ClusterEvent } from "../src/wire/events.ts";
import { formatSize } from "../src/size.ts";
import { withClient, withConnectionOptions, type ConnectionOptions } from "./connection.ts";
import { interruptible } from "./interruptible.ts";
import { withExample } from "./options.ts";
import { counted, printable } from "./output.ts";

type Options = ConnectionOptions & { function?: string[]; key?: string[]; json?: boolean };

export function eventsCommand(): Command {
  const command = new Command("events")
    .description("Print what happens to tasks and workers, until it is interrupted.")
    .option("--function <name...>", "tasks of these functions, and no others but those of --key")
    .option("--key <key...>", "tasks with these keys, and no others but those of --function")
    .option("--json", "print each event as JSON, on a line of its own")
    .action(run);
  return withExample(
    withConnectionOptions(command, "limit on the time to connect (default: 10s)"),
    "thence events --scheduler-file s.json --function render",
  );
}

async function run(options: Options): Promise<void> {
  const connection = { ...options, name: "thence events", timeoutMs: options.timeout ?? 10_000 };
  const { function: functions, key: keys } = options;
  await interruptible(async (signal) => {
    await withClient({ ...connection, signal }, async (client) => {
      const events = client.events({ ...(functions && { functions }), ...(keys && { keys }) });
      signal.addEventListener("abort", () => events.close(), { once: true });
      for await (const event of events) {
        console.log(options.json ? JSON.stringify(event) : eventText(event));
      }
      signal.throwIfAborted();
    });
  });
}

/** An event as a line for people. */
export function eventText(event: ClusterEvent): string {
  const words = [new Date(event.at).toISOString(), event.type.padEnd(typeWidth)];
  if (event.type === "missed")
    words.push(`${counted(event.count, "event")}: this reader was too slow`);
  else if (event.type === "worker-joined")
    words.push(`${event.worker}, ${counted(event.slots, "slot")}`);
  else if (event.type === "worker-left") words.push(`${event.worker}: ${event.how}`);
  else words.push(event.key, `(${event.function})`, detailsOf(event));
  return printable(words.join("  ")).trimEnd();
}
/** Of the longest type. */
const typeWidth = "worker-joined".length;

function detailsOf(event: Extract<ClusterEvent, { key: string }>): string {
  switch (event.type) {
    case "submitted":
      return `by ${event.client}`;
    case "started":
      return `on ${event.worker}${event.start > 1 ? `, start ${event.start}` : ""}`;
    case "progress":
      return `${Math.round(100 * event.fraction)}% ${event.text ?? ""}`;
    case "finished":
      return `on ${event.worker}, ${formatSize(event.bytes)}`;
    case "failed":
      return `${event.code}: ${event.message}`;
    case "retried":
      return event.error === undefined ? "" : `${event.error.code}: ${event.error.message}`;
    case "cancelled":
      return event.reason ?? "";
    case "lost":
      return `with ${event.worker}: ${event.how}`;
    case "released":
      return "nobody needs it any more";
  }
}
