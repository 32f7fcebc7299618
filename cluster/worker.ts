// Starts a worker whose tasks have a client. The command line and `Client.local` use this.

import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import {
  startWorker as startBareWorker,
  type ModuleSource,
  type RunningWorker,
  type WorkerOptions,
} from "../worker/main.ts";
import { builtInModule } from "../src/built-in.ts";
import type { Exec } from "./exec.ts";
import { limitNativeThreads } from "./native-threads.ts";
import { startIoThreads } from "../worker/boundary/io-threads.ts";

/** In a checkout these are .ts files, in the published package .js files. */
const extension = extname(import.meta.url);
const taskClient = new URL(`./task-client${extension}`, import.meta.url);
const exec = new URL(`../worker/exec${extension}`, import.meta.url);

/** The functions that every worker has. */
const builtIn: ModuleSource = { name: builtInModule, path: fileURLToPath(exec) };

/** Starts a worker; see `startWorker` in `worker/main.ts`. */
export async function startWorker(
  options: Omit<WorkerOptions, "taskClient"> & {
    readonly exec?: Exec;
    /** The cores of the worker, for the threads that native code starts. Default: left to that code. */
    readonly cores?: number;
  },
): Promise<RunningWorker> {
  const { cores, threads } = options;
  if (cores !== undefined) limitNativeThreads(process.env, { cores, threads });
  await startIoThreads(options.threads * (options.concurrency ?? 1));
  const modules = options.exec === "no" ? options.modules : [...options.modules, builtIn];
  return startBareWorker({ ...options, modules, taskClient });
}
