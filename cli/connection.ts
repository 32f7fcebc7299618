// How a command finds the scheduler that it is about, and asks something of it.

import type { Command } from "commander";
import type { Client } from "../client/client.ts";
import { formatDuration } from "../src/duration.ts";
import { targetFinder, type TargetFinder, type TargetOptions } from "../src/meeting/target.ts";
import { UsageError } from "./exit-code.ts";
import { duration } from "./options.ts";

export type ConnectionOptions = {
  address?: string;
  schedulerFile?: string;
  tokenFile?: string;
  timeout?: number;
};

export function withConnectionOptions(command: Command, timeout: string): Command {
  return command
    .option("--address <url>", "the scheduler's, ws://host:port; else $THENCE_ADDRESS")
    .option("--scheduler-file <file>", "the file it wrote; else $THENCE_SCHEDULER_FILE")
    .option("--token-file <file>", "read the token from here; else $THENCE_TOKEN, else that file's")
    .option("--timeout <duration>", timeout, duration);
}

/** A person who sees nothing for so long wants to know what is going on. */
const quietMs = 1_500;

/** Connects, gives the client to `use`, and closes it whatever happens. */
export async function withClient<T>(
  options: ConnectionOptions & { timeoutMs: number; name: string; signal?: AbortSignal },
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const { timeoutMs, name, signal } = options;
  const { find, describe } = schedulerTarget(options);
  const { Client } = await import("../client/client.ts");
  const saying = setTimeout(() => {
    const where = `thence: waiting for ${describe}, for up to ${formatDuration(timeoutMs)}`;
    process.stderr.write(`${where}\n`);
  }, quietMs);
  const client = await Client.open({
    target: find,
    describeTarget: describe,
    timeoutMs,
    name,
    ...(signal && { signal }),
  }).finally(() => clearTimeout(saying));
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** The scheduler that the options or the environment name. */
export function schedulerTarget(options: TargetOptions): TargetFinder {
  let target: TargetFinder | undefined;
  try {
    target = targetFinder(options);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (target) return target;
  throw new UsageError(
    "say where the scheduler is: give --scheduler-file or its address, " +
      "or set $THENCE_SCHEDULER_FILE or $THENCE_ADDRESS",
  );
}
