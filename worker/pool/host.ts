// The seam between an executor and where it lives. To the rest of the worker an executor is a `Thread`;
// its host starts it, carries messages both ways, and ends it.

import type { Payload } from "../../src/payload/payload.ts";
import type { Cells } from "../boundary/cells.ts";
import type { CloneablePayload } from "../boundary/cloneable.ts";
import type { ThreadOptions, ToThread } from "../boundary/messages.ts";

export type HostSetup = {
  readonly options: Omit<
    ThreadOptions,
    "cells" | "unposted" | "underWay" | "processes" | "port" | "note"
  >;
  /** The state of each call, as this process sees it. */
  readonly cells: Cells;
  /** Heap of the executor, in bytes. Default: what Node gives. */
  readonly heapBytes: number | undefined;
};

export type HostEvents = {
  /** A message of the executor; nothing has checked it yet. */
  message(message: unknown): void;
  /** A message could not be read. */
  garbled(error: Error): void;
  /** An error that nothing caught, or a `HeapLimitError`; the executor ends with it. */
  uncaught(error: unknown): void;
  /** The answer to `recall`: these calls will not begin there; those have begun. */
  recalled(tickets: readonly number[], begun: readonly number[]): void;
  /** The last event, after all messages: the executor has ended. `how` says it in words. */
  ended(how: string): void;
};

/** The states of calls where this process does not see them change, and cannot take a call back at once. */
export type RemoteStates = {
  /** Brings the cells from one place to another up to date, as far as they belong to the same calls. */
  refresh(cells: Cells, from: number, to: number): void;
  /** Asks for calls that have not begun. */
  recall(tickets: readonly number[]): void;
};

/** The executor had no memory left. Node gives no stack of it, but one of its own. */
export class HeapLimitError extends Error {
  constructor(heapMib: number | undefined) {
    const limit = heapMib === undefined ? "" : ` of ${heapMib} MiB`;
    super(
      `its JavaScript heap reached its memory limit${limit}: hold less at a time, or give Node ` +
        `more by NODE_OPTIONS=--max-old-space-size=<MiB>`,
    );
    this.name = "Error";
    this.stack = `${this.name}: ${this.message}`;
  }
}

export type Host = {
  /** The processes that the tasks have started: whether there ever was one, and those known to run. */
  readonly processes: { readonly isUsed: boolean; readonly running: readonly number[] };
  /** Lines of the log or messages of a client have been taken: a task that sends many waits for that. */
  taken(weight: number): void;
  /** It is part of this process: what cannot be ended in it can be ended with this process only. */
  readonly isInThisProcess: boolean;
  /** Bytes that were posted and have not left this process. */
  readonly unsentBytes: number;
  /** Undefined when both sides share the cells. */
  readonly remote: RemoteStates | undefined;
  /**
   * Makes a payload ready to be posted.
   *
   * @param transfer the memory to transfer with the message is added to this
   */
  cross(payload: Payload, transfer: ArrayBuffer[]): CloneablePayload;
  post(message: ToThread, transfer: ArrayBuffer[]): void;
  /** Has the results that the executor has not posted yet delivered as a message. */
  collect(): void;
  /** Ends the executor whatever it does; resolves when it has ended. */
  terminate(): Promise<void>;
};

export type OpenHost = (setup: HostSetup, events: HostEvents) => Host;
