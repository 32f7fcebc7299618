// Errors as programs handle them.

import { TaskError, ThenceError, type ErrorCode } from "thence";

class OutOfPaper extends Error {
  tray = 1;
}

export function handle(error: unknown): string | undefined {
  if (error instanceof TaskError) {
    const { name, message, stack, cause } = error.cause;
    console.log(name.length, message.length, stack.split("\n").length, cause);
    if (error.cause.code === "ENOENT") return error.cause.path;
    if (error.cause instanceof RangeError) return error.cause.stack;
    if (error.cause instanceof TaskError) return error.cause.cause.stack;
    return String((error.cause as OutOfPaper).tray);
  }
  if (error instanceof ThenceError) return error.task ?? error.code;
  return undefined;
}

export const code: ErrorCode = "task-failed";
// error: '"task-lost"' is not assignable to type
export const wrong: ErrorCode = "task-lost";
