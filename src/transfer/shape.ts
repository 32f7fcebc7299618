// Values as bytes, and back: the text in UTF-8, then the binary parts one after the other.

import { ProtocolError } from "../errors/errors.ts";
import { BinaryPayload } from "../payload/binary-payload.ts";
import type { Payload } from "../payload/payload.ts";
import type { Shape } from "./messages.ts";

/**
 * Most bytes of one message. Small enough that the bytes are still in the processor's cache when they are
 * copied to their place, and large enough that the cost per message does not matter.
 */
export const chunkBytes = 1024 * 1024;
/** Most characters of a text that travels without chunks. */
const shortText = 64 * 1024;

/** The bytes of a value, read from the first to the last. */
export type Source = {
  readonly shape: Shape;
  /** The next bytes: at least one, at most this many. They must not change any more. */
  read(most: number): Uint8Array | Promise<Uint8Array>;
  /** Called once: after the last byte, or when no more are wanted. */
  close(): void;
};

/** How many bytes follow for a value of this shape. */
export function bytesOfShape(shape: Shape): number {
  if ("text" in shape) return 0;
  return shape.parts.reduce((sum, bytes) => sum + bytes, shape.head);
}

/** The bytes of a value in memory. */
export function payloadSource(payload: Payload, close: () => void = () => undefined): Source {
  if (typeof payload === "string" && payload.length <= shortText) {
    return { shape: { text: payload }, read: nothing, close };
  }
  const head = new TextEncoder().encode(typeof payload === "string" ? payload : payload.head);
  const parts = typeof payload === "string" ? [] : payload.parts;
  const rows = [head, ...parts];
  let row = 0;
  let offset = 0;
  return {
    shape: { head: head.byteLength, parts: parts.map(({ byteLength }) => byteLength) },
    read(most) {
      while (offset === (rows[row]?.byteLength ?? -1)) {
        row += 1;
        offset = 0;
      }
      const bytes = rows[row];
      if (bytes === undefined) return nothing();
      const read = bytes.subarray(offset, offset + most);
      offset += read.byteLength;
      return read;
    },
    close,
  };
}

function nothing(): never {
  throw new Error("more bytes were read than the value has");
}

/** Makes the memory for all binary parts of a value. */
export type Allocate = (bytes: number) => ArrayBufferLike;

/** Puts a value together from its bytes, in the memory where it will stay. */
export class Assembly {
  readonly #text: string | undefined;
  readonly #rows: Uint8Array[];
  #row = 0;
  #offset = 0;
  #left: number;

  /** @throws {RangeError} when there is not enough memory */
  constructor(shape: Shape, allocate: Allocate = (bytes) => new ArrayBuffer(bytes)) {
    this.#text = "text" in shape ? shape.text : undefined;
    this.#rows = [];
    this.#left = bytesOfShape(shape);
    if ("text" in shape) return;
    const memory = allocate(shape.parts.reduce((sum, bytes) => sum + aligned(bytes), 0));
    let offset = 0;
    this.#rows.push(new Uint8Array(shape.head));
    for (const bytes of shape.parts) {
      this.#rows.push(new Uint8Array(memory, offset, bytes));
      offset += aligned(bytes);
    }
  }

  /** The memory to fill, in this order, instead of calls of `add`. */
  get rows(): readonly Uint8Array[] {
    return this.#rows;
  }

  /** All bytes have been added. */
  get whole(): boolean {
    return this.#left === 0;
  }

  add(bytes: Uint8Array): void {
    let read = 0;
    this.#left -= bytes.byteLength;
    while (read < bytes.byteLength) {
      const row = this.#rows[this.#row];
      if (row === undefined) throw new ProtocolError("more bytes arrived than the value has");
      const room = row.byteLength - this.#offset;
      const taken = Math.min(room, bytes.byteLength - read);
      if (taken > 0) copy(bytes.subarray(read, read + taken), row, this.#offset);
      read += taken;
      this.#offset += taken;
      if (this.#offset === row.byteLength) {
        this.#row += 1;
        this.#offset = 0;
      }
    }
  }

  /** The value; to be called once all bytes are there. */
  take(): Payload {
    if (this.#text !== undefined) return this.#text;
    const [head, ...parts] = this.#rows as [Uint8Array, ...Uint8Array[]];
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(head);
    return parts.length === 0 ? text : new BinaryPayload(text, parts);
  }
}

/**
 * Does the same as `into.set(bytes, at)`. That copies byte by byte, four times as slowly, when the memory is
 * shared and the two have different alignments; `fill` with as many bytes copies at full speed.
 */
function copy(bytes: Uint8Array, into: Uint8Array, at: number): void {
  Buffer.from(into.buffer, into.byteOffset + at, bytes.byteLength).fill(bytes);
}

/** Rounds up to a multiple of eight, the strictest alignment of a typed array. */
function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
