// What crosses between the worker's main thread and its threads: messages in columns, and cells of
// shared memory that say of every call on a thread how far it is. Main and thread both move a cell
// by compare-and-swap, so that a call either begins or is taken back, never both, without a word
// being exchanged; and main sees what a thread is at even while that thread never reads a message.

import type { ErrorRecord } from "../src/errors/error-record.ts";
import type { Failure, ToClient } from "../src/wire/protocol.ts";
import type { SocketData } from "../src/link/socket.ts";
import { BinaryPayload, type Payload } from "../src/payload/payload.ts";
import type { MessagePort } from "node:worker_threads";
import type { HeldMemory } from "./held-results.ts";

/** A file to import, and what to put before the names of its functions. */
export type ModuleSource = {
  /** Absolute path of a `.ts` or `.js` file. */
  readonly path: string;
  /** Its functions are registered as `name.function`; without it, under their own names. */
  readonly name?: string;
};

export type ThreadOptions = {
  readonly modules: readonly ModuleSource[];
  readonly concurrency: number;
  /** The worker's name, for `currentTask()`. */
  readonly worker: string;
  /** The URL of what makes the clients inside tasks; undefined for none. */
  readonly taskClient: string | undefined;
  readonly cells: Cells;
  readonly held: HeldMemory;
  /** To main. Not the `parentPort`, which is there for whatever the user's code does with it. */
  readonly port: MessagePort;
};

export type ToThread =
  /** Calls in the order to begin them: `numbers` holds ticket, function and attempt of each. */
  | {
      readonly type: "calls";
      readonly numbers: number[];
      readonly keys: string[];
      readonly args: Crossing[];
      readonly inputs: (Crossing[] | undefined)[] | undefined;
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
  | { readonly type: "sub"; readonly ticket: number; readonly message: CrossingMessage }
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
  | { readonly type: "returned"; readonly numbers: number[]; readonly values: Crossing[] }
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
        isArrayOf(values, isCrossing) &&
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

/** Calls of one thread that may wait for their sub-tasks at a time: each holds memory, and a cell. */
export const mostWaiting = 8_192;

// ── Cells ────────────────────────────────────────────────────────────────────────────────────────

/**
 * One cell for each call on a thread. A call is known there by its ticket; the cell is the ticket's
 * low bits, and holds the ticket with one of the states below, so that a late look at a cell that
 * has been given to another call is seen to be late.
 */
export type Cells = {
  readonly states: Int32Array<SharedArrayBuffer>;
  /** When each began, by the thread's `performance.now()`. Valid once it is `executing`. */
  readonly begins: Float64Array<SharedArrayBuffer>;
};

export const WAITING = 0;
export const EXECUTING = 1;
/** Executing, and asked to end. */
export const ENDING = 2;
/** Returned or threw, or taken back before it began. */
export const OVER = 3;

/** Tickets wrap here: two bits of the 32 are the state, and the sign is left alone. */
export const TICKETS = 1 << 29;

export function createCells(atLeast: number): Cells {
  const count = 2 ** Math.ceil(Math.log2(atLeast));
  return {
    states: new Int32Array(new SharedArrayBuffer(count * 4)),
    begins: new Float64Array(new SharedArrayBuffer(count * 8)),
  };
}

export function cellOf({ states }: Cells, ticket: number): number {
  return ticket & (states.length - 1);
}

/** Moves the cell of a ticket from one state to the next, unless somebody was quicker. */
export function move(cells: Cells, ticket: number, from: number, to: number): boolean {
  const cell = cellOf(cells, ticket);
  const expected = (ticket << 2) | from;
  return Atomics.compareExchange(cells.states, cell, expected, (ticket << 2) | to) === expected;
}

export function stateOf(cells: Cells, ticket: number): number {
  const value = Atomics.load(cells.states, cellOf(cells, ticket));
  return value >>> 2 === ticket ? value & 3 : OVER;
}

export function isExecuting(state: number): boolean {
  return state === EXECUTING || state === ENDING;
}

// ── Payloads ─────────────────────────────────────────────────────────────────────────────────────

/** A payload in a form that structured clone keeps. */
export type Crossing = string | { readonly head: string; readonly parts: readonly CrossingPart[] };

/**
 * Bytes of their own, or where they are in shared memory: of a view on that, structured clone keeps
 * the length in 32 bits only, and silently.
 */
type CrossingPart = Uint8Array | SharedPart;
type SharedPart = {
  readonly memory: SharedArrayBuffer;
  readonly offset: number;
  readonly length: number;
};

/**
 * The payload for the other side. Binary parts are copied once, into memory of their own, which is
 * then transferred: they may be views of a frame, or of something the user's code goes on using.
 * Those in shared memory are there for both sides.
 */
export function toCrossing(payload: Payload, transfer: ArrayBuffer[]): Crossing {
  if (typeof payload === "string") return payload;
  const parts = payload.parts.map((part) => {
    const { buffer, byteOffset: offset, byteLength: length } = part;
    if (buffer instanceof SharedArrayBuffer) return { memory: buffer, offset, length };
    const copy = new Uint8Array(part);
    transfer.push(copy.buffer);
    return copy;
  });
  return { head: payload.head, parts };
}

export function fromCrossing(crossing: Crossing): Payload {
  if (typeof crossing === "string") return crossing;
  const parts = crossing.parts.map((part) =>
    part instanceof Uint8Array ? part : new Uint8Array(part.memory, part.offset, part.length),
  );
  return new BinaryPayload(crossing.head, parts);
}

/** A message for the client inside a task, with its payloads in that form. */
export type CrossingMessage = { readonly type: ToClient["type"] };

export function toCrossingMessage(message: ToClient, transfer: ArrayBuffer[]): CrossingMessage {
  return withPayloads(message, (payload: Payload) => toCrossing(payload, transfer));
}

export function fromCrossingMessage(message: CrossingMessage): ToClient {
  return withPayloads(message, fromCrossing) as ToClient;
}

function withPayloads<From, To>(
  message: { value?: From; values?: readonly From[] } & CrossingMessage,
  convert: (payload: From) => To,
): CrossingMessage {
  const { value, values } = message;
  if (values !== undefined) return { ...message, values: values.map(convert) } as CrossingMessage;
  return value === undefined ? message : ({ ...message, value: convert(value) } as CrossingMessage);
}

/** Bytes of it that are in shared memory. */
export function sharedBytes(crossing: Crossing): number {
  if (typeof crossing === "string") return 0;
  return crossing.parts.reduce((sum, part) => sum + ("memory" in part ? part.length : 0), 0);
}

function isCrossing(value: unknown): value is Crossing {
  if (typeof value === "string") return true;
  if (typeof value !== "object" || value === null) return false;
  const { head, parts } = value as Partial<Record<string, unknown>>;
  return isString(head) && isArrayOf(parts, isCrossingPart);
}

function isCrossingPart(part: unknown): part is CrossingPart {
  if (part instanceof Uint8Array) return true;
  if (typeof part !== "object" || part === null) return false;
  const { memory, offset, length } = part as Partial<Record<string, unknown>>;
  if (!(memory instanceof SharedArrayBuffer) || !isNumber(offset) || !isNumber(length))
    return false;
  return offset >= 0 && length >= 0 && offset + length <= memory.byteLength;
}

function isFailure(value: unknown): value is Failure {
  if (typeof value !== "object" || value === null) return false;
  const { code, message } = value as Partial<Record<string, unknown>>;
  return isString(code) && isString(message);
}

function isArrayOf<Item>(value: unknown, is: (item: unknown) => item is Item): value is Item[] {
  if (!Array.isArray(value)) return false;
  // In main, once for every result: a plain loop is quicker than `every`.
  for (const item of value as unknown[]) if (!is(item)) return false;
  return true;
}

const isNumber = (value: unknown): value is number => typeof value === "number";
const isString = (value: unknown): value is string => typeof value === "string";
