// `thence retry`: runs failed tasks again, by their keys.

import { Command } from "commander";
import { withClient, withConnectionOptions, type ConnectionOptions } from "./connection.ts";
import { messageOf } from "./exit-code.ts";
import { interruptible } from "./interruptible.ts";
import { withExample } from "./options.ts";
import { printable } from "./output.ts";
import { forEachTask } from "./tasks-by-key.ts";

type Options = ConnectionOptions & { wait?: boolean };

export function retryCommand(): Command {
  const command = new Command("retry")
    .description("Run failed tasks again, and the failed tasks that they failed because of.")
    .argument("<keys...>", "the keys of the tasks")
    .option("--wait", "wait until they have settled; fail when one of them fails again")
    .action(run);
  return withExample(
    withConnectionOptions(command, "limit on the time to connect (default: 10s)"),
    "thence retry --scheduler-file s.json add-3kTzQ0aB9x-0 --wait",
  );
}

async function run(keys: string[], options: Options): Promise<void> {
  const { wait = false, timeout } = options;
  await interruptible(async (signal) => {
    const connection = { ...options, name: "thence retry", timeoutMs: timeout ?? 10_000, signal };
    await withClient(connection, async (client) => {
      await forEachTask(keys, async (key) => {
        const { state } = await client.explain(key);
        if (state === "cancelled") return "it has not failed: it is cancelled; submit it again";
        if (state !== "failed") return `it has not failed: it is ${state}`;
        const future = client.future(key);
        await future.exception({ signal });
        future.retry();
        await client.info();
        console.log(`running ${printable(key)} again`);
        const error = wait ? await future.exception({ signal }) : undefined;
        return error && `it failed again: ${messageOf(error)}`;
      });
    });
  });
}
