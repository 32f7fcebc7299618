// `thence result`: prints the result of a task by its key.

import { Command } from "commander";
import { formatDuration } from "../src/duration.ts";
import { TimeoutError } from "../src/errors/errors.ts";
import { withClient, withConnectionOptions, type ConnectionOptions } from "./connection.ts";
import { interruptible } from "./interruptible.ts";
import { withExample } from "./options.ts";
import { printResult } from "./output.ts";

type Options = ConnectionOptions & { wait?: boolean; json?: boolean };

export function resultCommand(): Command {
  const command = new Command("result")
    .description("Print the result of a task by its key, as `thence submit` prints it.")
    .argument("<key>", "the key of the task, as `thence submit --detach` printed it")
    .option("--wait", "wait until the task has settled; else one that has not is an error")
    .option("--json", "fail when the result is not JSON; print null for no result")
    .action(run);
  return withExample(
    withConnectionOptions(
      command,
      "limit on the whole command (default: 30s to connect, then none)",
    ),
    "thence result --scheduler-file s.json add-3kTzQ0aB9x-0",
    "thence result --scheduler-file s.json add-3kTzQ0aB9x-0 --wait --timeout 10s",
  );
}

async function run(key: string, options: Options): Promise<void> {
  const startedAt = performance.now();
  const { timeout, wait = false } = options;
  await interruptible(async (signal) => {
    const connection = { ...options, name: "thence result", timeoutMs: timeout ?? 30_000, signal };
    const result = await withClient(connection, async (client) => {
      const future = client.future(key);
      // Answered after the future has heard how its task stands.
      if (!wait) await client.info();
      const leftMs = timeout && Math.max(0, timeout - (performance.now() - startedAt));
      if (wait || future.done) {
        try {
          return await future.result({ signal, timeoutMs: leftMs });
        } catch (error) {
          if (!(error instanceof TimeoutError)) throw error;
        }
      }
      const { why } = await client.explain(key);
      const when = wait && timeout !== undefined ? `within ${formatDuration(timeout)}` : "yet";
      throw new Error(`no result ${when}: ${why}`);
    });
    printResult(result, options);
  });
}
