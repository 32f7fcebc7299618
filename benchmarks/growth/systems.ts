// On what the loads are put: a scheduler with zero workers and clients, and the core alone.

import { join } from "node:path";
import type { Processes } from "../runner/processes.ts";
import { orEnded } from "../thence/system.ts";
import type { Load } from "./load.ts";
import type { Probed } from "./probe.ts";

/** What only the scheduler's process can tell is undefined of the core. */
export type Sample = { elapsedMs: number; cpuMicros: number } & {
  [Figure in Exclude<keyof Probed, "cpuMicros">]: number | undefined;
};

export type GrowthSystem = { run: (load: Load) => Promise<Sample>; end: () => Promise<void> };

/** Heap for the core with ten million tasks, in MiB. */
const coreHeap = 10_000;

let started = 0;

export async function startReal(
  processes: Processes,
  directory: string,
  workers: number,
): Promise<GrowthSystem> {
  const schedulerFile = join(directory, `growth-${++started}.json`);
  const scheduler = processes.start(
    "cli/bin.js",
    ["scheduler", "--scheduler-file", schedulerFile, "--port", "0"],
    { nodeOptions: ["--import", "./benchmarks/growth/probe.ts"], channel: true },
  );
  const zeroArguments = [schedulerFile, String(workers), "1"];
  const worker = processes.start("benchmarks/graphs/zero-worker.ts", zeroArguments, {
    channel: true,
  });
  const client = processes.start("benchmarks/growth/client.ts", [schedulerFile], { channel: true });
  const ask = (load: Load) => orEnded(client.ask(load), scheduler, worker);
  // What runs for the first time is compiled first.
  await ask({ tasks: 100_000, workers, clients: 1, dependencies: 0 });
  return {
    async run(load) {
      // Connects what is not connected yet.
      await ask({ ...load, tasks: 1_000 * load.clients });
      await scheduler.ask("read");
      const elapsedMs = (await ask(load)) as number;
      return { elapsedMs, ...((await scheduler.ask("read")) as Probed) };
    },
    async end() {
      for (const each of [client, worker, scheduler]) await each.end();
    },
  };
}

const untold = {
  longestPauseMs: undefined,
  busiestTurnMs: undefined,
  longestCollectionMs: undefined,
  peakBytes: undefined,
};

export function startCore(processes: Processes): GrowthSystem {
  const core = processes.start("benchmarks/growth/core.ts", [], {
    nodeOptions: [`--max-old-space-size=${coreHeap}`],
    channel: true,
  });
  return {
    async run(load) {
      const { ms, cpuMicros } = (await core.ask(load)) as { ms: number; cpuMicros: number };
      return { elapsedMs: ms, cpuMicros, ...untold };
    },
    end: () => core.end(),
  };
}
