// A call as the main thread knows it, from the `run` message until its answer; and the failures that the
// main thread itself reports of calls.

import { describeDuration } from "../../src/duration.ts";
import { toErrorRecord } from "../../src/errors/failure.ts";
import { didYouMean } from "../../src/nearest.ts";
import { formatSize } from "../../src/size.ts";
import type { Payload } from "../../src/payload/payload.ts";
import type { Failure, Resources, RunMessage } from "../../src/wire/protocol.ts";
import type { RunOptions } from "../../src/wire/task-options.ts";
import type { Grant } from "../boundary/grant.ts";
import type { Thread } from "../pool/thread.ts";
import type { Gathering } from "../results/gathering.ts";

/** The facts that all calls of one `run` message share. */
export type Terms = {
  /** The registered name of the function, and its place among the worker's functions. */
  readonly name: string;
  readonly function: number;
  /** Higher first. */
  readonly priority: number;
  /** The task options that the worker acts on, as they came; undefined when there are none. */
  readonly options: RunOptions | undefined;
  /** Report `started` before the call begins: it may take this process down. */
  readonly announce: boolean;
  /** What the call has while it runs. It lends them with its slot, and gets them back before it goes on. */
  readonly resources: Resources | undefined;
  /** How many tasks are above this sub-task; deeper calls go first. */
  readonly depth: number;
};

export type Call = {
  readonly key: string;
  /** Number of the dispatch, for the scheduler; a task is told how many times it has begun. */
  readonly attempt: number;
  readonly startsBefore: number;
  args: Payload;
  /** Undefined until the inputs are here, and for a call without any. */
  inputs: readonly Payload[] | undefined;
  /** What the arguments, and the inputs that came with them, take on the heap and outside. */
  heapBytes: number;
  outsideBytes: number;
  /** The inputs that come from the store or from other workers. */
  gathering: Gathering | undefined;
  readonly terms: Terms;
  /** The resources that it has now. */
  grant: Grant | undefined;
  /** Place in the order of arrival. */
  readonly order: number;
  /** Whether the call is in the local queue. */
  queued: boolean;
  /** The thread that has been handed the call, and the call's ticket there. */
  thread: Thread | undefined;
  ticket: number;
  /** Expected duration when handed over, in microseconds. */
  expectedMicros: number;
  /** The call waits for its sub-tasks, and other calls may use its slot. */
  lent: boolean;
  /** The client inside the call has sent a message. */
  usedClient: boolean;
  /** The scheduler has been told that the call executes. */
  reported: boolean;
  /** The call is reserved on its thread, which does not know it yet. */
  announcing: boolean;
  /** Its process was asked for the call, and has not answered. */
  recalled: boolean;
  /** The call is to be given back if its process answers that it has not begun. */
  unwanted: boolean;
  /** Why the call has been asked to end. */
  ending: Ending | undefined;
  /** Runs until the call's time is up; once the call is asked to end, until its grace is over. */
  timer: NodeJS.Timeout | undefined;
};

/** Why a call ends early. `dropped`: the scheduler does not know the task any more. */
export type Ending = {
  readonly code: "task-cancelled" | "task-timeout" | "dropped";
  readonly message: string;
};

export const dropped: Ending = {
  code: "dropped",
  message: "The scheduler does not know the task any more",
};

/** @param place the place of the function; any number when the worker does not have the function */
export function termsOf(message: RunMessage, place = 0): Terms {
  const { name, priority = 0, depth = 0, announce = false } = message;
  const { options, resources } = message;
  return { name, function: place, priority, depth, options, announce, resources };
}

/** What a call takes on the heap beside its values, and each reference to one that is elsewhere. */
const callHeapBytes = 600;
export const referenceHeapBytes = 400;
/** What a value takes on the heap whatever its size. */
const valueHeapBytes = 32;

/** Counts a value that the call keeps while it is here. */
export function countValue(call: Call, value: Payload): void {
  // V8 keeps a text in one or two bytes for each character.
  if (typeof value === "string") call.heapBytes += valueHeapBytes + 2 * value.length;
  else call.outsideBytes += value.byteLength;
}

/** Lets go of the values of a call that has begun, since its thread has them. Returns what they took. */
export function letGoOfValues(call: Call): { heapBytes: number; outsideBytes: number } {
  const took = { heapBytes: call.heapBytes - callHeapBytes, outsideBytes: call.outsideBytes };
  call.args = "";
  if (call.inputs !== undefined) call.inputs = [];
  call.heapBytes = callHeapBytes;
  call.outsideBytes = 0;
  return took;
}

/** One of the calls of a `run` message, without its inputs. */
export function newCall(message: RunMessage, index: number, terms: Terms, order: number): Call {
  return {
    key: message.keys[index]!,
    attempt: message.attempts[index]!,
    startsBefore: message.starts?.[index] ?? message.attempts[index]! - 1,
    args: message.args[index]!,
    inputs: undefined,
    heapBytes: callHeapBytes,
    outsideBytes: 0,
    gathering: undefined,
    terms,
    grant: undefined,
    order,
    queued: false,
    thread: undefined,
    ticket: 0,
    expectedMicros: 0,
    lent: false,
    usedClient: false,
    reported: false,
    announcing: false,
    recalled: false,
    unwanted: false,
    ending: undefined,
    timer: undefined,
  };
}

/** Whether nothing has asked the call to end. */
export function isWanted({ ending }: Call): boolean {
  return ending === undefined;
}

// ── Failures ─────────────────────────────────────────────────────────────────────────────────────

/** The fields of a failure that name the call. */
export function about({ key, terms }: Call): { key: string; task: string } {
  return { key, task: terms.name };
}

export function outOfTime({ name, options }: Terms): string {
  return `${name} ran past its time limit of ${describeDuration(options!.timeoutMs!)}`;
}

export function unknownTask(call: Call, functions: readonly string[]): Failure {
  const { name } = call.terms;
  const message = `This worker has no function "${name}".${didYouMean(name, functions)}`;
  return { ...about(call), code: "unknown-task", message };
}

export function tooManyInputs(call: Call, inputs: number, limitBytes: number): Failure {
  const message =
    `Combine fewer values at a time, in several stages: ${call.terms.name} has ${inputs} inputs, more than the ` +
    `JavaScript heap of this worker has room for (${formatSize(limitBytes)}). ` +
    "NODE_OPTIONS=--max-old-space-size=<MiB> raises it";
  return { ...about(call), code: "overloaded", message };
}

export function threadLost(call: Call, error: Error): Failure {
  const message = `The thread that ran the task ended: ${error.message}`;
  return { ...about(call), code: "thread-lost", message, error: toErrorRecord(error) };
}
