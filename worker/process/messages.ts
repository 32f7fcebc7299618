// What passes between a worker and the process of an executor beside the messages that a thread knows.

import type { MessagePort } from "node:worker_threads";
import type { ErrorRecord } from "../../src/errors/error-record.ts";
import type { Cells } from "../boundary/cells.ts";
import type { ThreadOptions, ToThread } from "../boundary/messages.ts";
import type { UnpostedMemory } from "../boundary/unposted-results.ts";

/** The options of a process, as its one argument. */
export type ProcessOptions = Omit<
  ThreadOptions,
  "cells" | "unposted" | "underWay" | "processes" | "port" | "note"
> & {
  /** How many cells there are. */
  readonly cells: number;
};

export type ToProcess =
  | ToThread
  /** Asks for calls that have not begun; `recalled` answers. */
  | { readonly type: "recall"; readonly tickets: readonly number[] }
  /** Asks for the results that the process has not posted yet. */
  | { readonly type: "collect" }
  /** Lines of the log or messages of a client have been taken: see `weightOf`. */
  | { readonly type: "taken"; readonly weight: number };

/** Messages that only a process sends; all others are of the type `FromThread`. */
export type FromProcess =
  /** These calls will not begin here; those have begun. */
  | {
      readonly type: "recalled";
      readonly tickets: readonly number[];
      readonly begun: readonly number[];
    }
  /** The limit of its JavaScript heap, in MiB: a process that reaches it can say nothing any more. */
  | { readonly type: "heap"; readonly mib: number }
  /** Nothing caught this error: the process ends. */
  | { readonly type: "uncaught"; readonly error: ErrorRecord };

/** The last message to the courier: the process exits. */
export type Flush = { readonly type: "flush" };

export type CourierData = {
  readonly cells: Cells;
  readonly unposted: UnpostedMemory;
  /** To the main thread. */
  readonly port: MessagePort;
  /** Set once the last messages of the process have left. */
  readonly flushed: Int32Array<SharedArrayBuffer>;
  /** The weight of lines and frames that the worker has not taken: the courier takes away what the worker says. */
  readonly underWay: Int32Array<SharedArrayBuffer>;
};

/**
 * The open files of a process, beside the standard ones. A socket for each direction: Node closes one on
 * which a write fails, and what a process wrote before it exited is still to be read.
 */
export const inboxFd = 3;
export const outboxFd = 4;
export const stateFileFd = 5;
