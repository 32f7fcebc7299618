// Tells the main thread why this thread ends, with the stack: an exception that nobody catches, and a call
// of `process.exit`.

import type { ErrorRecord } from "../../src/errors/error-record.ts";
import { toErrorRecord } from "../../src/errors/failure.ts";
import { runningTask } from "./current-task.ts";
import { withTaskStacks } from "./task-stack.ts";

/** @param tell receives the reason, the key of the task whose code it was, and whether the user's code may catch it */
export function tellEnds(
  tell: (error: ErrorRecord, key: string | undefined, mayGoOn: boolean) => void,
): void {
  const say = (thrown: unknown, mayGoOn = false) =>
    tell(withTaskStacks(toErrorRecord(thrown)), runningTask.getStore()?.key, mayGoOn);
  let isSaid = false;
  process.on("uncaughtExceptionMonitor", (thrown) => {
    // Node exits next, unless the user's code catches such exceptions.
    isSaid = process.listenerCount("uncaughtException") === 0;
    say(thrown, !isSaid);
  });
  const exit = process.exit.bind(process);
  process.exit = function exitThread(code?: number | string | null): never {
    const error = new Error(`it ended with exit code ${code ?? process.exitCode ?? 0}`);
    Error.captureStackTrace(error, exitThread);
    if (!isSaid) say(error);
    return exit(code);
  };
}
