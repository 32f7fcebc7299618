// Brings thence up by its own command line: a scheduler, one worker with two threads, a client.

import { join } from "node:path";
import type { Processes, Started, StartOptions } from "../runner/processes.ts";
import type { Sample } from "../scenario.ts";
import type { System } from "../system.ts";

const CLI = "cli/bin.js";

/** @param more further arguments of the scheduler */
export async function startThence(
  processes: Processes,
  directory: string,
  more: string[] = [],
): Promise<System> {
  const schedulerFile = join(directory, "thence.json");
  const scheduler = startScheduler(processes, schedulerFile, [], more);
  const worker = startWorker(processes, schedulerFile);
  const client = startClient(processes, schedulerFile, 1);
  await orEnded(client.ask({ size: 0 }), scheduler, worker);
  return {
    sample: async (scenario, size) =>
      (await orEnded(client.ask({ scenario, size }), scheduler, worker)) as Sample,
    pids: { client: client.pid, scheduler: scheduler.pid, worker: worker.pid },
  };
}

export function startScheduler(
  processes: Processes,
  schedulerFile: string,
  nodeOptions: string[] = [],
  more: string[] = [],
  options: StartOptions = {},
): Started {
  const daemonArguments = ["scheduler", "--scheduler-file", schedulerFile, "--port", "0", ...more];
  return processes.start(CLI, daemonArguments, { ...options, nodeOptions });
}

export function startWorker(processes: Processes, schedulerFile: string): Started {
  return processes.start(CLI, [
    "worker",
    "--no-supervise",
    ...["--scheduler-file", schedulerFile],
    ...["--module", "benchmarks/tasks.ts"],
    ...["--threads", "2"],
  ]);
}

export function startClient(processes: Processes, schedulerFile: string, workers: number): Started {
  const clientArguments = [schedulerFile, String(workers)];
  return processes.start("benchmarks/thence/client.ts", clientArguments, { channel: true });
}

/** Fails when a daemon ends meanwhile, for the client would only wait for it to come back. */
export async function orEnded<Value>(value: Promise<Value>, ...daemons: Started[]): Promise<Value> {
  const ended = daemons.map(async ({ exited }) => Promise.reject(new Error(await exited)));
  return await Promise.race([value, ...ended]);
}
