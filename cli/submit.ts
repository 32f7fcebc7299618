// `thence submit`: makes one call and prints its result.

import { Command } from "commander";
import type { Client } from "../client/client.ts";
import { formatDuration } from "../src/duration.ts";
import { TimeoutError } from "../src/errors/errors.ts";
import { didYouMean } from "../src/nearest.ts";
import { withClient, withConnectionOptions, type ConnectionOptions } from "./connection.ts";
import { onEndRequest } from "./end-requests.ts";
import { UsageError } from "./exit-code.ts";
import { withExample } from "./options.ts";
import { resultText, whyNotJson } from "./output.ts";

type Options = ConnectionOptions & { string?: boolean; json?: boolean };

export function submitCommand(): Command {
  const command = new Command("submit")
    .description("Call one function on a worker and print its result as JSON.")
    .argument("<name>", "registered name of the function")
    .argument("[arguments...]", "JSON, or plain strings; put -- before arguments that start with -")
    .option("--string", "treat every argument as a string, even if it is JSON")
    .option("--json", "fail when the result is not JSON; print null for no result")
    .action(run);
  return withExample(
    withConnectionOptions(
      command,
      "limit on the whole command (default: 30s to connect, then none)",
    ),
    "thence submit --scheduler-file s.json add 1 10",
    `thence submit --scheduler-file s.json greet '{"name":"Ada"}' --timeout 10s`,
  );
}

async function run(name: string, texts: string[], options: Options): Promise<void> {
  const values = options.string ? texts : texts.map(argument);
  const startedAt = performance.now();
  const interrupted = new AbortController();
  let signal: NodeJS.Signals | undefined;
  onEndRequest((why) => {
    if (why !== "disconnect") signal = why;
    interrupted.abort(new Error("interrupted"));
  });

  const { timeout } = options;
  const connection = {
    ...options,
    name: "thence submit",
    timeoutMs: timeout ?? 30_000,
    signal: interrupted.signal,
  };
  try {
    const result = await withClient(connection, async (client) => {
      await checkName(client, name);
      const future = client.submit(name, ...values);
      const leftMs = timeout && Math.max(0, timeout - (performance.now() - startedAt));
      try {
        // Closing the client, which happens in every case, releases the task.
        return await future.result({ signal: interrupted.signal, timeoutMs: leftMs });
      } catch (error) {
        if (!(error instanceof TimeoutError)) throw error;
        const { why } = await client.explain(future);
        throw new Error(`no result within ${formatDuration(timeout ?? 0)}: ${why}`, {
          cause: error,
        });
      }
    });
    print(result, options);
  } catch (error) {
    // A shell stops its loop only when the signal of Ctrl-C has ended the command.
    if (signal) endBy(signal);
    throw error;
  }
}

function print(result: unknown, { json }: Options): void {
  const why = json && result !== undefined ? whyNotJson(result, "result") : undefined;
  if (why !== undefined) throw new Error(`the result is not JSON: ${why}; see it without --json`);
  const text = resultText(json ? (result ?? null) : result, process.stdout.isTTY);
  if (text !== undefined) process.stdout.write(`${text}\n`);
}

/** Fails at once for a mistyped name; while no worker has joined, the command waits for one. */
async function checkName(client: Client, name: string): Promise<void> {
  const { workers, functions } = await client.info();
  if (workers === 0) {
    process.stderr.write("thence: no worker has joined yet; waiting for one\n");
  } else if (!functions.includes(name)) {
    const few = functions.length <= 20 ? ` Known functions: ${functions.join(", ")}.` : "";
    throw new Error(`no worker has a function "${name}".${didYouMean(name, functions)}${few}`);
  }
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

function endBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
