// Stacks that end where the user's code begins: the frames below it are those of the thread's own code
// and of Node.

import type { ErrorRecord } from "../../src/errors/error-record.ts";

const runner = new URL("runner.", import.meta.url).href;
const frame = /^\s+at /;
/** The frame that calls a task. */
const call = /^\s+at (?:async )?(?:Runner\.)?#(?:begin|awaitEnd) \(/;

/** Takes these frames out of a stack, or out of a text with several. */
export function taskStack(text: string): string {
  const kept: string[] = [];
  let isBelow = false;
  for (const line of text.split("\n")) {
    isBelow = frame.test(line) && (isBelow || (call.test(line) && line.includes(runner)));
    if (!isBelow) kept.push(line);
    // `inspect` opens the properties of an error behind the last frame.
    else if (line.endsWith(" {")) kept.push(`${kept.pop() ?? ""} {`);
  }
  return kept.join("\n");
}

/** The record of an error with the stacks of its task, in its causes and inner errors too. */
export function withTaskStacks(record: ErrorRecord): ErrorRecord {
  const { stack, cause, errors } = record;
  return {
    ...record,
    ...(stack !== undefined && { stack: taskStack(stack) }),
    ...(cause !== undefined && { cause: withTaskStacks(cause) }),
    ...(errors !== undefined && { errors: errors.map(withTaskStacks) }),
  };
}
