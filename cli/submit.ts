// `thence submit`: one call, its result on standard output.

import { Command } from "commander";
import type { Client } from "../client/client.ts";
import { formatDuration } from "../src/duration.ts";
import { TimeoutError } from "../src/errors/errors.ts";
import { didYouMean } from "../src/nearest.ts";
import { withClient, withConnectionOptions, type ConnectionOptions } from "./connection.ts";
import { onEndRequest } from "./ending.ts";
import { UsageError } from "./exit-code.ts";
import { withExample } from "./options.ts";
import { resultText, whyNotJson } from "./output.ts";

type Options = ConnectionOptions & { string?: boolean; json?: boolean };

export function submitCommand(): Command {
  const command = new Command("submit")
    .description("Call one function on a worker and print its result as JSON.")
    .argument("<name>", "the registered name of the function")
    .argument("[arguments...]", "each is JSON, or else a string as it stands; after -- also -x")
    .option("--string", "take every argument as a string, even if it is JSON")
    .option("--json", "fail when the result is not JSON; print null for no result")
    .action(run);
  return withExample(
    withConnectionOptions(command, "give up after so long (default: 30s to connect, then never)"),
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
        // Closing the client, in whatever way this ends, lets go of the task.
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
    // The shell learns of a Ctrl-C by the signal that ended the command, and stops its loop.
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

/** Waiting for a worker that has it is right when there is none at all, and not for a typing error. */
async function checkName(client: Client, name: string): Promise<void> {
  const { workers, functions } = await client.info();
  if (workers === 0) {
    process.stderr.write("thence: no worker has joined yet; waiting for one\n");
  } else if (!functions.includes(name)) {
    const few = functions.length <= 20 ? ` Known are: ${functions.join(", ")}.` : "";
    throw new Error(`no worker has a function "${name}".${didYouMean(name, functions)}${few}`);
  }
}

/** JSON when it is, else the text itself. */
export function argument(text: string): unknown {
  try {
    return JSON.parse(text, exactNumber as (key: string, value: unknown) => unknown);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return text;
  }
}

/** Nothing is silently altered: 12345678901234567890 would come out as another number. */
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
