// How a command that failed ends: with 1, or with 2 when it was used in a way that cannot work.

import { TaskError, ThenceError } from "../src/errors/errors.ts";

/** A command was used in a way that cannot work. */
export class UsageError extends Error {}

export function exitCodeOf(error: unknown): 1 | 2 {
  if (error instanceof UsageError) return 2;
  // A module that cannot be loaded is as wrong an argument as an unknown option.
  return error instanceof ThenceError && error.code === "module-unusable" ? 2 : 1;
}

/** For people. When a function of theirs threw, with the place where it did. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(error instanceof TaskError && cause instanceof Error)) return error.message;
  const place = cause.stack?.split("\n").filter((line) => /^\s+at /.test(line)) ?? [];
  return [error.message, ...place].join("\n");
}
