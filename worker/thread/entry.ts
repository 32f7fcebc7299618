// The entry of a thread, or of a process in its place: imports the modules, tells the main thread their functions, then runs calls.

import { inspect } from "node:util";
import { isMainThread, workerData } from "node:worker_threads";
import { toErrorRecord } from "../../src/errors/failure.ts";
import { becomeModuleHost } from "../../src/module-loading.ts";
import type { FromThread, ThreadOptions, ToThread } from "../boundary/messages.ts";
import { ModuleError } from "../boundary/module-source.ts";
import { collectAfter } from "../boundary/shared-memory.ts";
import { runningTask } from "./current-task.ts";
import { now } from "../boundary/intrinsics.ts";
import { loadFunctions } from "./modules.ts";
import { printAtOnce } from "./output.ts";
import { Runner } from "./runner.ts";
import { StartedProcesses } from "./started-processes.ts";
import { taskStack } from "./task-stack.ts";
import { tellEnds } from "./thread-ends.ts";
import { sayLimits } from "./thread-limits.ts";

const options = isMainThread
  ? await (await import("../process/child.ts")).connectToWorker()
  : { ...(workerData as ThreadOptions) };
// The user's code must not find the channel to the main thread: it goes before the modules load.
if (!isMainThread) {
  for (const name of Object.keys(options)) Reflect.deleteProperty(workerData as object, name);
}
if (options.collectAfterBytes !== undefined) collectAfter(options.collectAfterBytes);
const { port } = options;
const [seconds, nanoseconds] = process.hrtime();
const clockMs = seconds * 1000 + nanoseconds / 1e6 - now();
const post = (message: FromThread) => port.postMessage(message);
function say(type: "rejection" | "warning", text: string): void {
  const key = runningTask.getStore()?.key;
  post({ type, text, ...(key !== undefined && { key }) });
}
const warn = (text: string) => say("warning", text);

printAtOnce(warn);
tellEnds((error, key, mayGoOn) => {
  post({ type: "ending", error, mayGoOn, ...(key !== undefined && { key }) });
});
if (!isMainThread) sayLimits(warn);
const started = new StartedProcesses(options, (left) => post({ type: "left", ...left }));
started.watch();

// A rejection that one task does not handle must not end the thread, where other tasks run.
process.on("unhandledRejection", (reason) => {
  say("rejection", taskStack(inspect(reason)));
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
  const { functions, digests } = await loadFunctions(options.modules);
  if (refusal !== undefined) throw new ModuleError(refusal);
  isLoaded = true;
  const runner = new Runner({ ...options, functions, over: (task) => started.end(task) });
  port.on("message", (message: ToThread) => runner.receive(message));
  post({ type: "loaded", functions: [...functions.keys()], digests, clockMs });
} catch (error) {
  if (!(error instanceof ModuleError)) throw error;
  const { message, cause } = error;
  post({ type: "unusable", message, ...(cause !== undefined && { error: toErrorRecord(cause) }) });
}
