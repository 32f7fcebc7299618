// What a thread tells the pool that it is one of.

import type { Payload } from "../../src/payload/payload.ts";
import type { Failure, FromClient } from "../../src/wire/protocol.ts";
import type { Call } from "../calls/call.ts";
import type { Thread } from "./thread.ts";

export type ThreadEvents = {
  /** Ready to run calls. */
  loaded(thread: Thread, functions: readonly string[], digests: readonly string[]): void;
  returned(call: Call, value: Payload, micros: number): void;
  threw(call: Call, failure: Failure, micros: number): void;
  /** Some calls are over: there may be room for more. */
  room(thread: Thread): void;
  progress(call: Call, fraction: number, text: string | undefined): void;
  said(kind: "log" | "rejection", text: string, key: string | undefined): void;
  /** The client inside a call says something. */
  inside(call: Call, message: FromClient): void;
  lent(call: Call): void;
  resuming(call: Call): void;
  /** The last event: the thread is gone, by itself or terminated, with these calls on it. */
  gone(thread: Thread, how: Gone): void;
};

export type Gone = {
  readonly loaded: boolean;
  /** Somebody here called `terminate`. */
  readonly terminated: boolean;
  readonly error: Error;
  /** Calls that had begun and not ended. */
  readonly executing: readonly Call[];
  /** The others: not begun, or returned without a word of it having arrived. */
  readonly others: readonly Call[];
};
