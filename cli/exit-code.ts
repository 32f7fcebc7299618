// Exit codes and messages of commands that fail: 2 for wrong usage, 1 for everything else.

import { TaskError, ThenceError } from "../src/errors/errors.ts";
import { UsageError } from "../src/usage-error.ts";

export { UsageError };

export function exitCodeOf(error: unknown): 1 | 2 {
  if (error instanceof UsageError) return 2;
  // A module that cannot be loaded is a wrong argument, like an unknown option.
  return error instanceof ThenceError && error.code === "module-unusable" ? 2 : 1;
}

/** The message of an error for people; when a user's function threw, with its stack. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(error instanceof TaskError && cause instanceof Error)) return error.message;
  const place = cause.stack?.split("\n").filter((line) => /^\s+at /.test(line)) ?? [];
  return [error.message, ...place].join("\n");
}
