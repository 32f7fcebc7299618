// How what went wrong crosses the wire: a Failure says why a task has no value, and the ErrorRecord
// in it what the user's function threw. `error-record.ts` says what is kept of an error.

import { newRecording, rebuildError, rebuildThrown, recordOf } from "./error-record.ts";
import type { ErrorRecord } from "./error-record.ts";
import { errorClasses, ThenceError, type ErrorCode } from "./errors.ts";
import { limits } from "../wire/limits.ts";
import { decode, textOf } from "../payload/payload.ts";
import type { Failure } from "../wire/protocol.ts";

/** The task that failed first. */
export type About = { key?: string | undefined; task?: string | undefined };

/** Characters of what was thrown that stand in the message of a failure. */
const longestThrown = 1_000;

/** Why a user's function has no value: code `task-failed`, whatever it threw. Never throws. */
export function taskFailure(thrown: unknown, about: About = {}): Failure {
  const error = toErrorRecord(thrown);
  const { task, key } = about;
  const who = task === undefined ? "The task" : key === undefined ? task : `${task} (${key})`;
  const name = error.thrown === undefined ? error.name : "";
  const what = [name, error.message].filter((each) => each !== "").join(": ");
  // Of an error that says it all over again, as that of a sub-task does: it is in the cause as well.
  const words = what.length > longestThrown ? `${what.slice(0, longestThrown)}…` : what;
  return describe({ code: "task-failed", message: `${who} threw ${words}`, error }, about);
}

/** The failure that says what one of our own errors says; anything else is a `taskFailure`. */
export function failureOf(error: unknown, about: About = {}): Failure {
  if (!(error instanceof ThenceError)) return taskFailure(error, about);
  const failure: Failure = { code: error.code, message: error.message };
  if (error.cause !== undefined) failure.error = toErrorRecord(error.cause);
  return describe(failure, { key: error.key ?? about.key, task: error.task ?? about.task });
}

/** The error to raise for a failure. A `TaskError` has for its `cause` what the function threw. */
export function errorOf(failure: Failure): ThenceError {
  const { code, message, key, task, error } = failure;
  const options = { key, task, ...(error === undefined ? {} : { cause: thrownOf(error) }) };
  return Object.hasOwn(errorClasses, code)
    ? new errorClasses[code as ErrorCode](message, options)
    : new ThenceError(code, message, options);
}

/** A record of anything thrown. Never throws, and is bounded whatever it is given. */
export function toErrorRecord(thrown: unknown): ErrorRecord {
  return recordOf(thrown, textOf, newRecording());
}

/**
 * The error that a record describes: name, message, remote stack, causes, inner errors and extra
 * properties. The language's own error classes and ours keep their class. A thrown value that is
 * no Error becomes the `cause`.
 */
export function fromErrorRecord(record: ErrorRecord): Error {
  return rebuildError(record, decode);
}

/** What was thrown: the error, or the value itself when it was no Error. */
export function thrownOf(record: ErrorRecord): unknown {
  return rebuildThrown(record, decode);
}

function describe(failure: Failure, { key, task }: About): Failure {
  failure.message = failure.message.slice(0, limits.textLength);
  if (key !== undefined) failure.key = key;
  if (task !== undefined) failure.task = task;
  return failure;
}
