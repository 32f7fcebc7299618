// On what the graphs run: thence with workers, thence with zero workers, the relay, and the core.

import { join } from "node:path";
import { cpuMicrosOf } from "../runner/cpu.ts";
import type { Processes, Started } from "../runner/processes.ts";
import { orEnded, startScheduler } from "../thence/system.ts";

/** What the client process is asked: to wait for workers, or to run a graph. */
export type Question = { workers: number } | { graph: string; checked: boolean };

export type SystemName = "workers" | "slots" | "zero" | "zero-24" | "relay" | "core";

export type Sample = {
  elapsedMs: number;
  /** Of the process that stands where the scheduler does, where the machine tells. */
  schedulerMicros: number | undefined;
};

export type GraphSystem = { run: (graph: string) => Promise<Sample>; end: () => Promise<void> };

/** Threads of the real worker. */
export const threads = 2;
/** For tasks that only sleep: so many at once on each of its threads. */
export const concurrency = 500;

/** Brings one up. Each has processes of its own. */
export async function startSystem(
  name: SystemName,
  processes: Processes,
  directory: string,
): Promise<GraphSystem> {
  if (name === "core") return startCore(processes);
  const schedulerFile = join(directory, `${name}.json`);
  const scheduler =
    name === "relay"
      ? processes.start("benchmarks/graphs/relay.ts", [schedulerFile], { channel: true })
      : startScheduler(processes, schedulerFile);
  const worker = startWorker(name, processes, schedulerFile);
  const client = processes.start("benchmarks/graphs/client.ts", [schedulerFile], { channel: true });
  const ask = (question: Question) => orEnded(client.ask(question), scheduler, worker);
  await ask({ workers: name === "zero-24" ? 24 : 1 });
  return {
    async run(graph) {
      const before = await cpuMicrosOf(scheduler.pid);
      const elapsedMs = (await ask({ graph, checked: !isZero(name) })) as number;
      const after = await cpuMicrosOf(scheduler.pid);
      const known = before !== undefined && after !== undefined;
      return { elapsedMs, schedulerMicros: known ? after - before : undefined };
    },
    async end() {
      for (const each of [client, worker, scheduler]) await each.end();
    },
  };
}

function startWorker(name: SystemName, processes: Processes, schedulerFile: string): Started {
  if (isZero(name)) {
    const shape = name === "zero-24" ? ["24", "1"] : ["1", String(threads)];
    const zeroArguments = [schedulerFile, ...shape];
    return processes.start("benchmarks/graphs/zero-worker.ts", zeroArguments, { channel: true });
  }
  return processes.start("cli/bin.js", [
    "worker",
    "--no-supervise",
    ...["--scheduler-file", schedulerFile],
    ...["--module", "benchmarks/graphs/tasks.ts"],
    ...["--threads", String(threads)],
    ...(name === "slots" ? ["--concurrency", String(concurrency)] : []),
  ]);
}

/** Its results are nothing to check. */
function isZero(name: SystemName): boolean {
  return name === "zero" || name === "zero-24" || name === "relay";
}

function startCore(processes: Processes): GraphSystem {
  const core = processes.start("benchmarks/graphs/core.ts", [], { channel: true });
  return {
    async run(graph) {
      const question: Question = { graph, checked: false };
      const spent = (await core.ask(question)) as { ms: number; cpuMicros: number };
      return { elapsedMs: spent.ms, schedulerMicros: spent.cpuMicros };
    },
    end: () => core.end(),
  };
}
