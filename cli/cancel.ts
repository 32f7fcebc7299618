// `thence cancel`: cancels tasks by their keys, for everybody.

import { Command } from "commander";
import type { Client } from "../client/client.ts";
import { withClient, withConnectionOptions, type ConnectionOptions } from "./connection.ts";
import { withExample } from "./options.ts";
import { printable } from "./output.ts";
import { forEachTask } from "./tasks-by-key.ts";

type Options = ConnectionOptions & { reason?: string };

export function cancelCommand(): Command {
  const command = new Command("cancel")
    .description("Cancel tasks by their keys, whoever waits for them, and what depends on them.")
    .argument("<keys...>", "the keys of the tasks")
    .option("--reason <text>", "why, for the errors of everybody who waits")
    .action(run);
  return withExample(
    withConnectionOptions(command, "limit on the time to connect (default: 10s)"),
    `thence cancel --scheduler-file s.json add-3kTzQ0aB9x-0 --reason "wrong input"`,
  );
}

async function run(keys: string[], options: Options): Promise<void> {
  const { reason, timeout } = options;
  const connection = { ...options, name: "thence cancel", timeoutMs: timeout ?? 10_000 };
  await withClient(connection, async (client) => {
    await forEachTask(keys, async (key) => {
      const { state } = await client.explain(key);
      if (state === "finished" || state === "released") return "it has finished already";
      if (state === "failed") return "it has failed already";
      if (state !== "cancelled") await cancel(client, key, reason);
      console.log(`cancelled ${printable(key)}`);
      return undefined;
    });
  });
}

async function cancel(client: Client, key: string, reason: string | undefined): Promise<void> {
  client.cancel(client.future(key), { force: true, ...(reason !== undefined && { reason }) });
  // Answered when the scheduler has heard of it.
  await client.info();
}
