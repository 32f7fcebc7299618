// What a worker takes of that which this process may use: `thence worker` takes all of it, `Client.local`
// divides it among its workers.

import type { Resources } from "../src/wire/protocol.ts";
import type { DeviceLists } from "../worker/calls/devices.ts";
import { defaultMemoryBytes } from "../worker/results/memory-limit.ts";
import { taskMemory, workerCores, workerThreads } from "./slurm/environment.ts";
import type { Environment } from "./slurm/step.ts";
import { gpusOf } from "./slurm/gpus.ts";

/** What the user chose, which goes before all else. */
export type Chosen = {
  readonly threads?: number | undefined;
  readonly memoryLimit?: number | undefined;
  readonly resources?: Resources | undefined;
};

export type WorkerShare = {
  readonly threads: number;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly resources: Resources;
  readonly devices: DeviceLists;
};

/** The share of one of so many workers of this process, which are numbered from 0. */
export function workerShare(
  { threads: chosenThreads, memoryLimit, resources }: Chosen,
  { workers = 1, number = 0 } = {},
  environment: Environment = process.env,
): WorkerShare {
  const part = (all: number) => Math.max(1, Math.floor(all / workers));
  const threads = chosenThreads ?? part(workerThreads(environment));
  const memory = taskMemory(environment);
  const gpus = gpusOf(environment, resources?.["gpu"]);
  const own = gpus.filter((_, index) => index % workers === number);
  return {
    threads,
    cores: part(workerCores(environment).cores),
    memoryBytes: memoryLimit ?? defaultMemoryBytes(threads, memory && memory / workers),
    resources: { ...(own.length > 0 && { gpu: own.length }), ...resources },
    devices: { gpu: own },
  };
}
