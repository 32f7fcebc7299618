// Failures on the wire: a Failure says why a task has no value, and its ErrorRecord holds what the
// user's function threw. `error-record.ts` decides what is kept of an error.

import {
  isNonRetriable,
  newRecording,
  rebuildError,
  rebuildThrown,
  recordOf,
} from "./error-record.ts";
import type { ErrorRecord } from "./error-record.ts";
import { errorClasses, ThenceError, type ErrorCode } from "./errors.ts";
import { limits } from "../wire/limits.ts";
import { decode, textOf } from "../payload/payload.ts";
import type { Failure } from "../wire/protocol.ts";

/** The task that failed first. */
export type About = { key?: string | undefined; task?: string | undefined };

/** Characters of the thrown error that a failure's message repeats. */
const longestThrown = 1_000;

/** The failure of a user's function that threw, with code `task-failed`. Never throws. */
export function taskFailure(thrown: unknown, about: About = {}): Failure {
  const error = toErrorRecord(thrown);
  const { task, key } = about;
  const who = task === undefined ? "The task" : key === undefined ? task : `${task} (${key})`;
  const name = error.thrown === undefined ? error.name : "";
  const what = [name, error.message].filter((each) => each !== "").join(": ");
  // The message is cut, for an error may repeat a long one, as the error of a sub-task does. The
  // cause keeps it whole.
  const words = what.length > longestThrown ? `${what.slice(0, longestThrown)}…` : what;
  const failure: Failure = { code: "task-failed", message: `${who} threw ${words}`, error };
  if (isNonRetriable(thrown)) failure.retriable = false;
  return describe(failure, about);
}

/** The failure for one of this package's errors; anything else becomes a `taskFailure`. */
export function failureOf(error: unknown, about: About = {}): Failure {
  if (!(error instanceof ThenceError)) return taskFailure(error, about);
  const failure: Failure = { code: error.code, message: error.message };
  if (error.cause !== undefined) failure.error = toErrorRecord(error.cause);
  return describe(failure, { key: error.key ?? about.key, task: error.task ?? about.task });
}

/** The error to raise for a failure. The `cause` of a `TaskError` is what the function threw. */
export function errorOf(failure: Failure): ThenceError {
  const { code, message, key, task, error, retriable } = failure;
  const options = {
    key,
    task,
    retriable,
    ...(error === undefined ? {} : { cause: thrownOf(error) }),
  };
  return Object.hasOwn(errorClasses, code)
    ? new errorClasses[code as ErrorCode](message, options)
    : new ThenceError(code, message, options);
}

/** Records anything that was thrown. Never throws, and its output is bounded. */
export function toErrorRecord(thrown: unknown): ErrorRecord {
  return recordOf(thrown, textOf, newRecording());
}

/**
 * Rebuilds the error of a record: name, message, remote stack, causes, inner errors and extra
 * properties. Error classes of the language and of this package are kept. A thrown value that is not
 * an Error becomes the `cause`.
 */
export function fromErrorRecord(record: ErrorRecord): Error {
  return rebuildError(record, decode);
}

/** Rebuilds what was thrown: the error, or the value itself when it was not an Error. */
export function thrownOf(record: ErrorRecord): unknown {
  return rebuildThrown(record, decode);
}

function describe(failure: Failure, { key, task }: About): Failure {
  failure.message = failure.message.slice(0, limits.textLength);
  if (key !== undefined) failure.key = key;
  if (task !== undefined) failure.task = task;
  return failure;
}
