// The failures of tasks while memory is short: those of workers cannot be refused, so less is kept of each.

import type { ErrorRecord } from "../../../src/errors/error-record.ts";
import type { Failure } from "../../../src/wire/protocol.ts";
import type { State } from "../state.ts";

/** Characters of a message, and of a stack, at each level. */
const room = { tight: { message: 1_000, stack: 1_000 }, full: { message: 150, stack: 0 } } as const;

/** As much of a failure as there is room for now. */
export function fitting({ ledger: { level } }: State, failure: Failure): Failure {
  if (level === "ample" || fits(failure, room[level])) return failure;
  const { message, stack } = room[level];
  const { error, ...rest } = failure;
  return {
    ...rest,
    message: cut(failure.message, message),
    ...(error && { error: briefly(error, { message, stack }) }),
  };
}

/**
 * As much of the reason of a cancellation as there is room for now: cancelling is not refused, since it lets go of
 * something. Of one that is given again and again only one text is kept.
 */
export function fittingReason(
  { ledger: { level, reasons } }: State,
  reason: string | undefined,
): string | undefined {
  if (reason === undefined) return undefined;
  const fits = level === "ample" || reason.length <= room[level].message;
  const kept = fits ? reason : cut(reason, room[level].message);
  return reasons.get(kept)?.text ?? kept;
}

type Room = { readonly message: number; readonly stack: number };

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

/** A copy: a slice would keep the whole text in memory. */
function cut(text: string, length: number): string {
  return JSON.parse(JSON.stringify(text.slice(0, length))) as string;
}
