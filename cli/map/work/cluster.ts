// The cluster on which a map runs: the one that was named, or one on this machine for the duration.

import { availableParallelism } from "node:os";
import type { Client } from "../../../client/client.ts";
import { formatDuration } from "../../../src/duration.ts";
import { didYouMean } from "../../../src/nearest.ts";
import { isBuiltIn } from "../../../src/built-in.ts";
import { targetFinder, type TargetFinder } from "../../../src/meeting/target.ts";
import { setTimeout, clearTimeout } from "../../../src/timers.ts";
import { UnknownTaskError } from "../../../src/errors/errors.ts";
import { UsageError } from "../../exit-code.ts";
import type { MapOptions } from "../command-line/map-options.ts";
import { slotsOn } from "../command-line/option-values.ts";
import { slotsHere } from "../jobs/slots.ts";

export type MapCluster = {
  readonly client: Client;
  /** How many jobs may run at once, by `--jobs` and the workers that are there. */
  slots(): number;
  /** Whether calls may wait there for a free slot; else no more than `slots` may be there at once. */
  readonly mayQueue: boolean;
  /** It was started for this map. */
  readonly isHere: boolean;
  close(): Promise<void>;
};

/** How often a cluster is asked for its workers, in milliseconds. */
const lookEveryMs = 1_000;
/** After this time, in milliseconds, a line says what is waited for. */
const quietMs = 1_500;

/**
 * Connects to the scheduler that the options or the environment name, or else starts a scheduler and a
 * worker here, which has the functions of the modules.
 */
export function openCluster(options: MapOptions): Promise<MapCluster> {
  const scheduler = namedScheduler(options);
  return scheduler ? connectTo(scheduler, options) : startCluster(options);
}

function namedScheduler({
  connection: { address, schedulerFile, tokenFile },
}: MapOptions): TargetFinder | undefined {
  try {
    return targetFinder({ address, schedulerFile, tokenFile, warn: say });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function startCluster({ work, slots }: MapOptions): Promise<MapCluster> {
  if (work.modules.length === 0) {
    throw new UsageError(
      `--function ${work.function} needs the --module that has it, or the --address of a cluster`,
    );
  }
  const { Client: LocalClient } = await import("../../../cluster/client.ts");
  const count = slotsHere(slots);
  const isEndless = "count" in slots && slots.count === Infinity;
  const threads = isEndless ? availableParallelism() : count;
  const client: Client = await LocalClient.local({
    modules: work.modules,
    threads,
    concurrency: Math.ceil(count / threads),
  });
  return { client, slots: () => count, mayQueue: true, isHere: true, close: () => client.close() };
}

async function connectTo(
  { find, describe }: TargetFinder,
  { connection: { connectTimeoutMs }, slots }: MapOptions,
): Promise<MapCluster> {
  const { Client: ConnectedClient } = await import("../../../client/client.ts");
  const saying = setTimeout(
    () => say(`waiting for ${describe}, for up to ${formatDuration(connectTimeoutMs)}`),
    quietMs,
  );
  const client: Client = await ConnectedClient.open({
    target: find,
    describeTarget: describe,
    timeoutMs: connectTimeoutMs,
    name: "thence map",
  }).finally(() => clearTimeout(saying));
  if ((await client.info()).workers === 0) {
    say("no worker has joined yet; waiting for one");
    await client.waitForWorkers(1);
  }
  let places = 0;
  const look = async () => {
    const workers = await client.workers();
    places = workers.reduce((sum, worker) => sum + worker.slots, 0);
  };
  await look();
  // Workers join and leave while a long map runs.
  const timer = setInterval(() => void look().catch(() => undefined), lookEveryMs);
  return {
    client,
    slots: () => ("count" in slots ? slots.count : slotsOn(Math.max(1, places), slots)),
    mayQueue: "percentOfCores" in slots && slots.percentOfCores >= 100,
    isHere: false,
    close: async () => {
      clearInterval(timer);
      await client.close();
    },
  };
}

/** @throws {UnknownTaskError} when no worker has the function, with the nearest there are */
export async function checkFunction({ client }: MapCluster, name: string): Promise<void> {
  const { functions } = await client.info();
  if (functions.includes(name)) return;
  const known = functions.filter((each) => !isBuiltIn(each));
  const few =
    known.length > 0 && known.length <= 20 ? ` Known functions: ${known.join(", ")}.` : "";
  throw new UnknownTaskError(
    `no module or worker has a function "${name}".${didYouMean(name, known)}${few}`,
  );
}

/** Prints a line for people. */
function say(text: string): void {
  process.stderr.write(`thence: ${text}\n`);
}
