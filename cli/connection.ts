// Connects a command to a scheduler, and has the options for that.

import type { Command } from "commander";
import type { Client } from "../client/client.ts";
import {
  targetFinder,
  waitingFor,
  type TargetFinder,
  type TargetOptions,
} from "../src/meeting/target.ts";
import { UsageError } from "./exit-code.ts";
import { duration } from "./options.ts";
import { tlsCaHelp } from "./tls.ts";

export type ConnectionOptions = {
  address?: string;
  schedulerFile?: string;
  tokenFile?: string;
  tlsCa?: string;
  timeout?: number;
};

export function withConnectionOptions(command: Command, timeout: string): Command {
  return command
    .option("--address <url>", "address of the scheduler, ws://host:port; else $THENCE_ADDRESS")
    .option("--scheduler-file <file>", "file of the scheduler; else $THENCE_SCHEDULER_FILE")
    .option("--token-file <file>", tokenFileHelp)
    .option("--tls-ca <file>", tlsCaHelp)
    .option("--timeout <duration>", timeout, duration);
}

/** Help for the option `--token-file` of everything that connects. */
export const tokenFileHelp =
  "file with the token, or a scheduler file; else $THENCE_TOKEN, else that of the scheduler file";

/** After this time without a connection, a line says what the command waits for. */
const quietMs = 1_500;

/** Connects, calls `use` with the client, and closes the client in every case. */
export async function withClient<T>(
  options: ConnectionOptions & { timeoutMs: number; name: string; signal?: AbortSignal },
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const { timeoutMs, name, signal } = options;
  const warn = (text: string) => void process.stderr.write(`thence: ${text}\n`);
  const { find, describe } = schedulerTarget({ ...options, warn });
  const { Client } = await import("../client/client.ts");
  let why = "no answer yet";
  const saying = setTimeout(() => warn(waitingFor(describe, timeoutMs, why)), quietMs);
  let failed = ({ message }: Error): void => void (why = message);
  const client = await Client.open({
    target: find,
    describeTarget: describe,
    timeoutMs,
    name,
    onFailedAttempt: (error) => failed(error),
    ...(signal && { signal }),
  }).finally(() => clearTimeout(saying));
  failed = outages((last) =>
    warn(`the scheduler does not answer (${describe}); this goes on when it does: ${last}`),
  );
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** An outage is said again each minute; attempts that are further apart are of different outages. */
const [sayAgainMs, apartMs] = [60_000, 15_000];

/** Hears of the failed attempts to connect again, and says when they have gone on for a while. */
function outages(say: (why: string) => void): (error: Error) => void {
  let [began, last, said] = [-Infinity, -Infinity, -Infinity];
  return ({ message }) => {
    const now = performance.now();
    if (now - last > apartMs) began = now;
    last = now;
    if (now - began < quietMs || now - said < sayAgainMs) return;
    said = now;
    say(message);
  };
}

/** The scheduler named by the options or the environment. */
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
