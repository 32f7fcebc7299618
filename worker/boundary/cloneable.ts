// Payloads in a form that structured clone keeps, as messages between the main thread and its threads
// carry them.

import { BinaryPayload } from "../../src/payload/binary-payload.ts";
import type { Payload } from "../../src/payload/payload.ts";
import type { ToClient } from "../../src/wire/protocol.ts";
import { isArrayOf, isNumber, isString } from "./guards.ts";

/** A payload as structured clone keeps it. */
export type CloneablePayload =
  string | { readonly head: string; readonly parts: readonly CloneablePart[] };

/**
 * The bytes themselves, or their place in shared memory: structured clone keeps only 32 bits of the length
 * of a view on shared memory, without an error.
 */
type CloneablePart = Uint8Array | SharedPart;
type SharedPart = {
  readonly memory: SharedArrayBuffer;
  readonly offset: number;
  readonly length: number;
};

/**
 * Makes a payload ready for the other side. Binary parts are copied once, into memory that is then
 * transferred: they may be views of a frame, or of memory that the user's code goes on using. Parts in
 * shared memory are not copied: both sides see them.
 *
 * @param transfer the memory to transfer with the message is added to this
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

/** A message for the client inside a task, with its payloads as structured clone keeps them. */
export type CloneableMessage = { readonly type: ToClient["type"] };

export function toCloneableMessage(
  message: ToClient,
  cross: (payload: Payload) => CloneablePayload,
): CloneableMessage {
  return withPayloads(message, cross);
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

/** How many bytes of a payload are in shared memory. */
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
