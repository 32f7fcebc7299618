// A worker as everybody starts it: one whose tasks have a client of their own.

import { extname } from "node:path";
import {
  startWorker as startBareWorker,
  type RunningWorker,
  type WorkerOptions,
} from "../worker/main.ts";

/** Sources run as sources, and what was built as it was built. */
const taskClient = new URL(`./task-client${extname(import.meta.url)}`, import.meta.url);

/** See `startWorker` of the role. */
export function startWorker(options: Omit<WorkerOptions, "taskClient">): Promise<RunningWorker> {
  return startBareWorker({ ...options, taskClient });
}
