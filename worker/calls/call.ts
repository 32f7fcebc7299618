// A call as the worker's main thread knows it: from the `run` message until its answer.

import type { Payload } from "../../src/payload/payload.ts";
import { toErrorRecord } from "../../src/errors/failure.ts";
import { didYouMean } from "../../src/nearest.ts";
import type { Failure, RunMessage } from "../../src/wire/protocol.ts";
import type { Gathering } from "../results/results.ts";
import type { Thread } from "../pool/thread.ts";

/** What all calls of one `run` message share. */
export type Terms = {
  /** The registered name of the function, and its place among the worker's functions. */
  readonly name: string;
  readonly function: number;
  /** Higher first. */
  readonly priority: number;
  readonly timeoutMs: number | undefined;
  /** Say `started` before it begins: it may take this process down. */
  readonly announce: boolean;
  /** What it lends it has to be given back before it goes on. */
  readonly regains: boolean;
  /** Tasks of tasks go before others, the deepest first. */
  readonly depth: number;
};

export type Call = {
  readonly key: string;
  readonly attempt: number;
  readonly args: Payload;
  /** Undefined also until they have been fetched. */
  inputs: readonly Payload[] | undefined;
  /** What it uses of the store, or has fetched for it. */
  gathering: Gathering | undefined;
  readonly terms: Terms;
  /** Place in the order of arrival. */
  readonly order: number;
  /** In the local queue. */
  queued: boolean;
  /** Where it has been handed to, and by what number it is known there. */
  thread: Thread | undefined;
  ticket: number;
  /** What it was expected to take when handed over, in microseconds. */
  expectedMicros: number;
  /** It waits for its sub-tasks: the thread may run others. */
  lent: boolean;
  /** It has said something as a client. */
  hasInside: boolean;
  /** The scheduler has been told that it is executing. */
  reported: boolean;
  /** Why it has been asked to end. */
  ending: Ending | undefined;
  /** Until its time is up; then, until its grace is. */
  timer: NodeJS.Timeout | undefined;
};

/** `dropped`: nobody wants to hear of it any more. */
export type Ending = {
  readonly code: "task-cancelled" | "task-timeout" | "dropped";
  readonly message: string;
};

/** `place` is that of the function; 0 will do where there is none. */
export function termsOf(message: RunMessage, place = 0): Terms {
  const { name, priority = 0, depth = 0, announce = false, regains = false } = message;
  const { timeoutMs } = message.options ?? {};
  return { name, function: place, priority, depth, timeoutMs, announce, regains };
}

/** One of the calls of a `run` message, whose inputs are still to come. */
export function newCall(message: RunMessage, index: number, terms: Terms, order: number): Call {
  return {
    key: message.keys[index]!,
    attempt: message.attempts[index]!,
    args: message.args[index]!,
    inputs: undefined,
    gathering: undefined,
    terms,
    order,
    queued: false,
    thread: undefined,
    ticket: 0,
    expectedMicros: 0,
    lent: false,
    hasInside: false,
    reported: false,
    ending: undefined,
    timer: undefined,
  };
}

export function about({ key, terms }: Call): { key: string; task: string } {
  return { key, task: terms.name };
}

/** The scheduler does not know it any more. */
export const dropped: Ending = {
  code: "dropped",
  message: "The scheduler does not know the task any more",
};

export function outOfTime({ name, timeoutMs }: Terms): string {
  return `${name} ran past its time limit of ${timeoutMs} ms`;
}

export function unknownTask(call: Call, functions: readonly string[]): Failure {
  const { name } = call.terms;
  const message = `This worker has no function "${name}".${didYouMean(name, functions)}`;
  return { ...about(call), code: "unknown-task", message };
}

export function threadLost(call: Call, error: Error): Failure {
  const message = `The thread that ran the task ended: ${error.message}`;
  return { ...about(call), code: "thread-lost", message, error: toErrorRecord(error) };
}

/** Nobody has asked it to end. */
export function isWanted({ ending }: Call): boolean {
  return ending === undefined;
}
