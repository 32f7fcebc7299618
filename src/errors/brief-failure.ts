// A failure with less of it, for whoever has little memory left and cannot refuse it.

import type { Failure } from "../wire/protocol.ts";
import type { ErrorRecord } from "./error-record.ts";

/** The most characters of a message, and of a stack. */
export type Room = { readonly message: number; readonly stack: number };

/** The same failure when it fits; else a copy that does, without causes, inner errors and properties. */
export function briefFailure(failure: Failure, most: Room): Failure {
  if (fits(failure, most)) return failure;
  const { error, ...rest } = failure;
  return {
    ...rest,
    message: cut(failure.message, most.message),
    ...(error && { error: briefly(error, most) }),
  };
}

function fits({ message, error }: Failure, most: Room): boolean {
  if (message.length > most.message) return false;
  if (error === undefined) return true;
  const { cause, errors, properties, thrown, stack = "" } = error;
  const isPlain = [cause, errors, properties, thrown].every((each) => each === undefined);
  return isPlain && error.message.length <= most.message && stack.length <= most.stack;
}

function briefly({ name, message, code, stack }: ErrorRecord, most: Room): ErrorRecord {
  return {
    name: cut(name, 100),
    message: cut(message, most.message),
    ...(code !== undefined && { code: cut(code, 100) }),
    ...(most.stack > 0 && stack !== undefined && { stack: cut(stack, most.stack) }),
  };
}

/** The beginning of a text that is longer, as a copy: a slice would keep all of it in memory. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  return JSON.parse(JSON.stringify(text.slice(0, length))) as string;
}
