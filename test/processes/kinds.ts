// Clusters of both kinds for the same tests: one that belongs to the program, and daemons.

import { Client } from "../../src/index.ts";
import { tested } from "../isolation.ts";
import { addCleanUp, connect, startScheduler, startWorker } from "./daemons.ts";

export const kinds = ["Client.local", "daemons"] as const;
export type Kind = (typeof kinds)[number];

export type ClusterOptions = {
  modules: readonly string[];
  /** Processes, which are restarted when they die. Default: 1. */
  workers?: number;
  threads?: number;
  concurrency?: number;
  drainMs?: number;
};

/** Starts a cluster, which `cleanUp` ends. Resolves with a client once all workers have joined. */
export async function startCluster<Tasks>(
  kind: Kind,
  options: ClusterOptions,
): Promise<Client<Tasks>> {
  const { modules, workers = 1, threads = 1, concurrency = 1, drainMs = 10_000 } = options;
  if (kind === "Client.local") {
    const { isolation } = tested;
    const client = await Client.local<Tasks>({ ...options, threads, isolation });
    addCleanUp(() => client.close());
    return client;
  }
  const scheduler = await startScheduler();
  const more = ["--concurrency", `${concurrency}`, "--drain-timeout", `${drainMs}ms`];
  await Promise.all(
    Array.from({ length: workers }, (_, number) =>
      startWorker(scheduler, { name: `w${number}`, modules, threads, more, isSupervised: true }),
    ),
  );
  return connect<Tasks>(scheduler);
}
