// The entry of a thread: imports the modules, tells the main thread their functions, then runs calls.

import { inspect } from "node:util";
import { isMainThread, workerData } from "node:worker_threads";
import { toErrorRecord } from "../../src/errors/failure.ts";
import { becomeModuleHost } from "../../src/module-loading.ts";
import type { FromThread, ThreadOptions, ToThread } from "../boundary/messages.ts";
import { ModuleError } from "../boundary/module-source.ts";
import { runningTask } from "./current-task.ts";
import { now } from "../boundary/intrinsics.ts";
import { digestOf, loadFunctions } from "./modules.ts";
import { Runner } from "./runner.ts";

if (isMainThread) throw new Error("worker/thread/entry is started by a worker, as a thread");
const options = { ...(workerData as ThreadOptions) };
// The user's code must not find the channel to the main thread: it goes before the modules load.
for (const name of Object.keys(options)) Reflect.deleteProperty(workerData as object, name);
const { port } = options;
const [seconds, nanoseconds] = process.hrtime();
const clockMs = seconds * 1000 + nanoseconds / 1e6 - now();
const post = (message: FromThread) => port.postMessage(message);

// A rejection that one task does not handle must not end the thread, where other tasks run.
process.on("unhandledRejection", (reason) => {
  const key = runningTask.getStore()?.key;
  post({ type: "rejection", text: inspect(reason), ...(key !== undefined && { key }) });
});

let isLoaded = false;
let refusal: string | undefined;
becomeModuleHost({
  isInTask: () => runningTask.getStore() !== undefined,
  refused(why) {
    // Later, tasks run here already, and whoever called hears of it.
    if (isLoaded || refusal !== undefined) return;
    refusal = why;
    // At once: a program that is refused may exit, and its thread with it.
    post({ type: "unusable", message: why });
  },
});

try {
  const functions = await loadFunctions(options.modules);
  if (refusal !== undefined) throw new ModuleError(refusal);
  isLoaded = true;
  const runner = new Runner({ ...options, functions });
  port.on("message", (message: ToThread) => runner.receive(message));
  const digests = [...functions.values()].map(digestOf);
  post({ type: "loaded", functions: [...functions.keys()], digests, clockMs });
} catch (error) {
  if (!(error instanceof ModuleError)) throw error;
  const { message, cause } = error;
  post({ type: "unusable", message, ...(cause !== undefined && { error: toErrorRecord(cause) }) });
}
