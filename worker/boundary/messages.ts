// The messages between the worker's main thread and its threads, many calls in the columns of each; and
// what a thread is given when it starts.

import type { MessagePort } from "node:worker_threads";
import type { ErrorRecord } from "../../src/errors/error-record.ts";
import type { SocketData } from "../../src/link/socket.ts";
import type { Failure } from "../../src/wire/protocol.ts";
import type { Cells } from "./cells.ts";
import { isArrayOf, isNumber, isString } from "./guards.ts";
import { isCloneable, type CloneablePayload, type CloneableMessage } from "./cloneable.ts";
import type { ModuleSource } from "./module-source.ts";
import type { UnpostedMemory } from "./unposted-results.ts";

export type ThreadOptions = {
  readonly modules: readonly ModuleSource[];
  readonly concurrency: number;
  /** The worker's name, for `currentTask()`. */
  readonly worker: string;
  /** The URL of what makes the clients inside tasks; undefined for none. */
  readonly taskClient: string | undefined;
  readonly cells: Cells;
  readonly held: UnpostedMemory;
  /** To main. Not the `parentPort`, which is there for whatever the user's code does with it. */
  readonly port: MessagePort;
};

export type ToThread =
  /** Calls in the order to begin them: `numbers` holds ticket, function and attempt of each. */
  | {
      readonly type: "calls";
      readonly numbers: number[];
      readonly keys: string[];
      readonly args: CloneablePayload[];
      readonly inputs: (CloneablePayload[] | undefined)[] | undefined;
      /** The tickets of those that lend resources with their slots, if there are any. */
      readonly regains?: readonly number[] | undefined;
    }
  /** Fire the signal of this call; its cell says `ending` already. */
  | {
      readonly type: "end";
      readonly ticket: number;
      readonly code: "task-cancelled" | "task-timeout";
      readonly message: string;
    }
  /** For the client inside a call. */
  | { readonly type: "sub"; readonly ticket: number; readonly message: CloneableMessage }
  /** What the call had lent is its own again. */
  | { readonly type: "resume"; readonly ticket: number };

export type FromThread =
  /**
   * First: the modules are there, with these functions and the digests of their texts. `clockMs` is the
   * zero of `begins` on the clock of `hrtime`.
   */
  | {
      readonly type: "loaded";
      readonly functions: string[];
      readonly digests: string[];
      readonly clockMs: number;
    }
  /** Instead of `loaded`: why not. */
  | { readonly type: "unusable"; readonly message: string; readonly error?: ErrorRecord }
  /** `numbers` holds ticket and microseconds of each call that returned. */
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
  /** A frame of what the client inside a call says. */
  | { readonly type: "sub"; readonly ticket: number; readonly frame: SocketData }
  /** The call waits for its sub-tasks, and does not any more. */
  | { readonly type: "lent" | "resuming"; readonly ticket: number }
  | { readonly type: "log"; readonly text: string; readonly key?: string }
  /** A promise was rejected and nobody handled it. */
  | { readonly type: "rejection"; readonly text: string; readonly key?: string };

/**
 * Whether a message has the shape of one from a thread. Only our own code sends any, but it shares
 * a realm with the user's, which may have changed what it stands on.
 */
export function isFromThread(message: unknown): message is FromThread {
  if (typeof message !== "object" || message === null) return false;
  const { type, numbers, values, ticket, micros, failure, fraction, text } = message as Partial<
    Record<string, unknown>
  >;
  const { frame, functions, digests, clockMs } = message as Partial<Record<string, unknown>>;
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
    case "log":
    case "rejection":
      return isString(text);
    case "loaded":
      return isArrayOf(functions, isString) && isArrayOf(digests, isString) && isNumber(clockMs);
    default:
      return type === "unusable";
  }
}

function isFailure(value: unknown): value is Failure {
  if (typeof value !== "object" || value === null) return false;
  const { code, message } = value as Partial<Record<string, unknown>>;
  return isString(code) && isString(message);
}
