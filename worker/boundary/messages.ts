// The messages between the worker's main thread and its threads, many calls in the columns of each; and
// the data with which a thread starts.

import type { MessagePort } from "node:worker_threads";
import type { ErrorRecord } from "../../src/errors/error-record.ts";
import type { SocketData } from "../../src/link/socket.ts";
import type { Failure } from "../../src/wire/protocol.ts";
import type { RunOptions } from "../../src/wire/task-options.ts";
import type { Cells } from "./cells.ts";
import type { Grant } from "./grant.ts";
import { isArrayOf, isNumber, isString } from "./guards.ts";
import { isCloneable, type CloneablePayload, type CloneableMessage } from "./cloneable.ts";
import type { ModuleSource } from "./module-source.ts";
import type { ProcessMemory } from "./process-registry.ts";
import type { UnpostedMemory } from "./unposted-results.ts";

export type ThreadOptions = {
  readonly modules: readonly ModuleSource[];
  readonly concurrency: number;
  /** The worker's name, for `currentTask()`. */
  readonly worker: string;
  /** The URL of the module that makes the clients inside tasks; undefined: tasks have no client. */
  readonly taskClient: string | undefined;
  /** See `collectAfter`. */
  readonly collectAfterBytes?: number | undefined;
  readonly cells: Cells;
  readonly unposted: UnpostedMemory;
  /** The weight of what is on its way to the main thread, of lines of the log and frames: see `weightOf`. */
  readonly underWay: Int32Array<SharedArrayBuffer>;
  /** The mark of the processes that tasks start here, as `worker/thread`; and those that run. */
  readonly mark: string;
  readonly processes: ProcessMemory;
  /** To the main thread. Not the `parentPort`: that belongs to the user's code. */
  readonly port: MessagePort;
  /**
   * Notes in which state a call is, where the worker does not see the cells. Called with the cell, its
   * new value, and when the call began.
   */
  readonly note?: (cell: number, value: number, begin: number) => void;
};

export type ToThread =
  /** Calls, in the order to begin them: `numbers` holds ticket, function and attempt of each. */
  | {
      readonly type: "calls";
      readonly numbers: number[];
      readonly keys: string[];
      readonly args: CloneablePayload[];
      readonly inputs: (CloneablePayload[] | undefined)[] | undefined;
      /** Undefined when no call has any. */
      readonly options?: readonly (RunOptions | undefined)[] | undefined;
      /** The resources of calls that have any, which they lend with their slots. */
      readonly grants?: readonly (Grant | undefined)[] | undefined;
    }
  /** Asks this call to end by its signal; its cell says `ENDING` already. */
  | {
      readonly type: "end";
      readonly ticket: number;
      readonly code: "task-cancelled" | "task-timeout";
      readonly message: string;
    }
  /** A message for the client inside a call. */
  | { readonly type: "sub"; readonly ticket: number; readonly message: CloneableMessage }
  /** So many bytes of the call's output have been taken. */
  | { readonly type: "output-taken"; readonly ticket: number; readonly bytes: number }
  /** The call has its slot back, and as many resources as it had lent. */
  | { readonly type: "resume"; readonly ticket: number; readonly grant?: Grant | undefined }
  /** Asks for a `pong`, which comes once the event loop turns. */
  | { readonly type: "ping" };

/**
 * How much a line of the log or a frame of the client inside a task counts as, until the main thread has taken
 * it. So much and no more may be under way from one thread.
 */
export function weightOf(length: number): number {
  return 1 + Math.floor(length / bytesPerWeight);
}
export const bytesPerWeight = 2_048;
export const mostWeight = 1_000;

export type FromThread =
  /**
   * The first message: the modules are loaded, with these functions and their digests.
   * `clockMs` is the zero of `Cells.begins` on the clock of `hrtime`.
   */
  | {
      readonly type: "loaded";
      readonly functions: string[];
      readonly digests: string[];
      readonly clockMs: number;
    }
  /** The first message when the modules cannot be used. */
  | { readonly type: "unusable"; readonly message: string; readonly error?: ErrorRecord }
  /** Calls that returned: `numbers` holds ticket and microseconds of each. */
  | { readonly type: "returned"; readonly numbers: number[]; readonly values: CloneablePayload[] }
  | {
      readonly type: "threw";
      readonly ticket: number;
      readonly micros: number;
      readonly failure: Failure;
    }
  | {
      readonly type: "progress";
      readonly ticket: number;
      readonly fraction: number;
      readonly text?: string;
    }
  /** A value that the call puts out before its end. */
  | { readonly type: "output"; readonly ticket: number; readonly value: CloneablePayload }
  /** A frame of messages from the client inside a call. */
  | { readonly type: "sub"; readonly ticket: number; readonly frame: SocketData }
  /** The call waits for its sub-tasks; the call has them and wants to go on. */
  | { readonly type: "lent" | "resuming"; readonly ticket: number }
  | { readonly type: "log"; readonly text: string; readonly key?: string }
  /** A promise was rejected and the rejection not handled. */
  | { readonly type: "rejection"; readonly text: string; readonly key?: string }
  /** Something that the user's code does here has no effect, or its output was lost. */
  | { readonly type: "warning"; readonly text: string; readonly key?: string }
  /** An attempt that has started processes is over, and these run still. */
  | { readonly type: "left"; readonly mark: string; readonly ids: readonly number[] }
  /** The thread ends, because of this task if there is a key; `mayGoOn`: unless the user's code catches it. */
  | {
      readonly type: "ending";
      readonly error: ErrorRecord;
      readonly key?: string;
      readonly mayGoOn?: boolean;
    }
  | { readonly type: "pong" };

/**
 * Whether a message has the shape of one from a thread. Only our own code sends any, but the user's code
 * shares its realm, and may have changed the globals and prototypes that it uses.
 */
export function isFromThread(message: unknown): message is FromThread {
  if (typeof message !== "object" || message === null) return false;
  const { type, numbers, values, ticket, micros, failure, fraction, text } = message as Partial<
    Record<string, unknown>
  >;
  const { frame, functions, digests, clockMs, mark, ids, error, value } = message as Partial<
    Record<string, unknown>
  >;
  switch (type) {
    case "sub":
      return isNumber(ticket) && (isString(frame) || frame instanceof Uint8Array);
    case "lent":
    case "resuming":
      return isNumber(ticket);
    case "returned":
      return (
        isArrayOf(numbers, isNumber) &&
        isArrayOf(values, isCloneable) &&
        numbers.length === 2 * values.length
      );
    case "threw":
      return isNumber(ticket) && isNumber(micros) && isFailure(failure);
    case "progress":
      return (
        isNumber(ticket) && isNumber(fraction) && ["string", "undefined"].includes(typeof text)
      );
    case "output":
      return isNumber(ticket) && isCloneable(value);
    case "log":
    case "rejection":
    case "warning":
      return isString(text);
    case "left":
      return isString(mark) && isArrayOf(ids, isNumber);
    case "ending":
      return typeof error === "object" && error !== null;
    case "loaded":
      return isArrayOf(functions, isString) && isArrayOf(digests, isString) && isNumber(clockMs);
    default:
      return type === "unusable" || type === "pong";
  }
}

function isFailure(value: unknown): value is Failure {
  if (typeof value !== "object" || value === null) return false;
  const { code, message } = value as Partial<Record<string, unknown>>;
  return isString(code) && isString(message);
}
