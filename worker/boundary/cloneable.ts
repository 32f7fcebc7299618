// Payloads in a form that structured clone keeps, as messages between the main thread and its threads
// carry them.

import { BinaryPayload, type Payload } from "../../src/payload/payload.ts";
import type { ToClient } from "../../src/wire/protocol.ts";
import { isArrayOf, isNumber, isString } from "./guards.ts";

/** A payload in a form that structured clone keeps. */
export type CloneablePayload =
  string | { readonly head: string; readonly parts: readonly CloneablePart[] };

/**
 * Bytes of their own, or where they are in shared memory: of a view on that, structured clone keeps
 * the length in 32 bits only, and silently.
 */
type CloneablePart = Uint8Array | SharedPart;
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
export function toCloneable(payload: Payload, transfer: ArrayBuffer[]): CloneablePayload {
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

export function fromCloneable(crossing: CloneablePayload): Payload {
  if (typeof crossing === "string") return crossing;
  const parts = crossing.parts.map((part) =>
    part instanceof Uint8Array ? part : new Uint8Array(part.memory, part.offset, part.length),
  );
  return new BinaryPayload(crossing.head, parts);
}

/** A message for the client inside a task, with its payloads in that form. */
export type CloneableMessage = { readonly type: ToClient["type"] };

export function toCloneableMessage(message: ToClient, transfer: ArrayBuffer[]): CloneableMessage {
  return withPayloads(message, (payload: Payload) => toCloneable(payload, transfer));
}

export function fromCloneableMessage(message: CloneableMessage): ToClient {
  return withPayloads(message, fromCloneable) as ToClient;
}

function withPayloads<From, To>(
  message: { value?: From; values?: readonly From[] } & CloneableMessage,
  convert: (payload: From) => To,
): CloneableMessage {
  const { value, values } = message;
  if (values !== undefined) return { ...message, values: values.map(convert) } as CloneableMessage;
  return value === undefined
    ? message
    : ({ ...message, value: convert(value) } as CloneableMessage);
}

/** Bytes of it that are in shared memory. */
export function sharedBytes(crossing: CloneablePayload): number {
  if (typeof crossing === "string") return 0;
  return crossing.parts.reduce((sum, part) => sum + ("memory" in part ? part.length : 0), 0);
}

export function isCloneable(value: unknown): value is CloneablePayload {
  if (typeof value === "string") return true;
  if (typeof value !== "object" || value === null) return false;
  const { head, parts } = value as Partial<Record<string, unknown>>;
  return isString(head) && isArrayOf(parts, isCloneablePart);
}

function isCloneablePart(part: unknown): part is CloneablePart {
  if (part instanceof Uint8Array) return true;
  if (typeof part !== "object" || part === null) return false;
  const { memory, offset, length } = part as Partial<Record<string, unknown>>;
  if (!(memory instanceof SharedArrayBuffer) || !isNumber(offset) || !isNumber(length))
    return false;
  return offset >= 0 && length >= 0 && offset + length <= memory.byteLength;
}
