// `thence submit`: makes one call and prints its result.

import { Command, InvalidArgumentError, Option } from "commander";
import type { Client } from "../client/client.ts";
import type { Future } from "../client/future.ts";
import type { CallOptions } from "../client/task-options.ts";
import { formatDuration } from "../src/duration.ts";
import { KeyConflictError, TimeoutError } from "../src/errors/errors.ts";
import { didYouMean } from "../src/nearest.ts";
import { limits } from "../src/wire/limits.ts";
import { withClient, withConnectionOptions, type ConnectionOptions } from "./connection.ts";
import { UsageError } from "./exit-code.ts";
import { interruptible } from "./interruptible.ts";
import { duration, withExample } from "./options.ts";
import { printResult } from "./output.ts";

type Options = ConnectionOptions & {
  string?: boolean;
  json?: boolean;
  detach?: boolean;
  keep?: number;
  key?: string;
  with?: CallOptions;
};

/** A result that nobody waits for is there for a day. */
const defaultKeepMs = 24 * 3_600_000;

export function submitCommand(): Command {
  const command = new Command("submit")
    .description("Call one function on a worker and print its result as JSON.")
    .argument("<name>", "registered name of the function")
    .argument("[arguments...]", "JSON, or plain strings; put -- before arguments that start with -")
    .option("--string", "treat every argument as a string, even if it is JSON")
    .addOption(
      new Option("--json", "fail when the result is not JSON; print null for no result").conflicts(
        "detach",
      ),
    )
    .option("--detach", "print the key of the task and do not wait: see `thence result`")
    .option(
      "--keep <duration>",
      "keep the result so long after the task has settled (default: 1d with --detach, else not at all)",
      keepDuration,
    )
    .option(...withOption)
    .option("--key <key>", "name the task; the same call under the same key is the same task")
    .action(run);
  return withExample(
    withConnectionOptions(
      command,
      "limit on the whole command (default: 30s to connect, then none)",
    ),
    "thence submit --scheduler-file s.json add 1 10",
    `thence submit --scheduler-file s.json greet '{"name":"Ada"}' --timeout 10s`,
    "thence submit --scheduler-file s.json --detach --keep 2h report 2026-11-28",
  );
}

async function run(name: string, texts: string[], options: Options): Promise<void> {
  const values = options.string ? texts : texts.map(argument);
  const startedAt = performance.now();
  const { timeout, detach = false } = options;
  await interruptible(async (signal) => {
    const connection = { ...options, name: "thence submit", timeoutMs: timeout ?? 30_000, signal };
    await withClient(connection, async (client) => {
      await checkName(client, name, detach);
      const future = client.with(optionsOf(options)).submit(name, ...values);
      if (detach) return printKey(client, future);
      const leftMs = timeout && Math.max(0, timeout - (performance.now() - startedAt));
      try {
        // Closing the client, which happens in every case, releases the task.
        printResult(await future.result({ signal, timeoutMs: leftMs }), options);
      } catch (error) {
        if (!(error instanceof TimeoutError)) throw error;
        const { why } = await client.explain(future);
        throw new Error(`no result within ${formatDuration(timeout ?? 0)}: ${why}`, {
          cause: error,
        });
      }
    });
  });
}

/** All that `client.with` takes, for calls from the shell. */
export const withOption = [
  "--with <json>",
  `options of the call, as client.with takes them: '{"priority":5,"retries":3}'`,
  callOptions,
] as const;

function callOptions(text: string): CallOptions {
  try {
    const options = JSON.parse(text) as unknown;
    if (typeof options === "object" && options !== null && !Array.isArray(options)) return options;
  } catch {
    // The same words for all that is no object.
  }
  throw new InvalidArgumentError(`Expected a JSON object, like '{"priority":5}'.`);
}

function optionsOf({ detach, keep, key, with: more }: Options): CallOptions {
  const keepMs = keep ?? (detach ? defaultKeepMs : undefined);
  return { ...more, ...(keepMs !== undefined && { keepMs }), ...(key !== undefined && { key }) };
}

/** Prints the key once the scheduler has the task for sure: with a journal, on its disk. */
async function printKey(client: Client, future: Future): Promise<void> {
  await client.info();
  const error = future.done ? await future.exception() : undefined;
  if (error instanceof KeyConflictError) throw error;
  console.log(future.key);
}

/** Fails at once for a mistyped name; while no worker has joined, the command waits for one. */
async function checkName(client: Client, name: string, detach: boolean): Promise<void> {
  const { workers, functions } = await client.info();
  if (workers === 0) {
    if (!detach) process.stderr.write("thence: no worker has joined yet; waiting for one\n");
  } else if (!functions.includes(name)) {
    const few = functions.length <= 20 ? ` Known functions: ${functions.join(", ")}.` : "";
    throw new Error(`no worker has a function "${name}".${didYouMean(name, functions)}${few}`);
  }
}

function keepDuration(text: string): number {
  const ms = duration(text);
  if (ms >= 1 && ms <= limits.keepMs) return ms;
  throw new InvalidArgumentError("Expected 1ms to ten years.");
}

/** Reads an argument as JSON, or as a plain string when it is not JSON. */
export function argument(text: string): unknown {
  try {
    return JSON.parse(text, exactNumber as (key: string, value: unknown) => unknown);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return text;
  }
}

/** Refuses an integer that a number cannot hold exactly, such as 12345678901234567890. */
function exactNumber(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (
    typeof value === "number" &&
    source &&
    /^-?\d+$/.test(source) &&
    !Number.isSafeInteger(value)
  ) {
    throw new UsageError(
      `${source} is too large to be exact as a number; quote it, '"${source}"', or use --string`,
    );
  }
  return value;
}
