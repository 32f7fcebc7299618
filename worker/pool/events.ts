// The events of a thread, in two groups: those of a call go from the thread straight to the calls, and
// those of the thread itself to the pool.

import type { Payload } from "../../src/payload/payload.ts";
import type { Failure, FromClient } from "../../src/wire/protocol.ts";
import type { Call } from "../calls/call.ts";

/** The events of the calls on a thread. */
export type CallEvents = {
  /** The call is over, with a value or with an error. */
  returned(call: Call, value: Payload, micros: number): void;
  threw(call: Call, failure: Failure): void;
  /** The calls were asked for, will not begin, and are off the thread; the call was asked for, and has begun. */
  recalled(calls: readonly Call[]): void;
  begun(call: Call): void;
  progress(call: Call, fraction: number, text: string | undefined): void;
  /** The call has put a value out before its end. */
  output(call: Call, value: Payload): void;
  /** The client inside the call has sent a message. */
  sub(call: Call, message: FromClient): void;
  /** Whether there is no room for more messages of the clients inside calls. */
  isFull(): boolean;
  /** The call waits for its sub-tasks and lends its slot; then, it wants to go on. */
  lent(call: Call): void;
  resuming(call: Call): void;
  /** The user's code has written to the log, or did what the log is to tell of. */
  said(kind: Said, text: string, key: string | undefined): void;
};

/** A line of the task's own; a rejected promise left unhandled; something that has no effect. */
export type Said = "log" | "rejection" | "warning";

/** The events of the thread itself. */
export type ThreadEvents = {
  /** The modules are loaded: the thread takes calls. */
  loaded(functions: readonly string[], digests: readonly string[]): void;
  /** Some calls are over or have lent their slots: there may be room for more. */
  room(): void;
  /** The last event: the thread has ended. */
  gone(end: ThreadEnd): void;
};

/** How a thread ended, and the calls it had been handed. */
export type ThreadEnd = {
  /** Whether the thread had loaded the modules. */
  readonly loaded: boolean;
  /** Whether the worker itself terminated the thread. */
  readonly terminated: boolean;
  /** Whether the thread is there still, in a system call, and ends with this process only. */
  readonly isStuck: boolean;
  readonly error: Error;
  /** The task whose code ended the thread, when that is known; it may be over. */
  readonly culprit: string | undefined;
  /** Calls that had begun and not ended. */
  readonly executing: readonly Call[];
  /** Calls that had ended, or were taken back, and of which no word has arrived. */
  readonly over: readonly Call[];
  /** Calls that had not begun. */
  readonly others: readonly Call[];
};
