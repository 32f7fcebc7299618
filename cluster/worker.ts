// Starts a worker whose tasks have a client. The command line and `Client.local` use this.

import { extname } from "node:path";
import {
  startWorker as startBareWorker,
  type RunningWorker,
  type WorkerOptions,
} from "../worker/main.ts";
import { startIoThreads } from "../worker/boundary/io-threads.ts";

/** In a checkout this is a .ts file, in the published package a .js file. */
const taskClient = new URL(`./task-client${extname(import.meta.url)}`, import.meta.url);

/** Starts a worker; see `startWorker` in `worker/main.ts`. */
export async function startWorker(
  options: Omit<WorkerOptions, "taskClient">,
): Promise<RunningWorker> {
  await startIoThreads(options.threads * (options.concurrency ?? 1));
  return startBareWorker({ ...options, taskClient });
}
