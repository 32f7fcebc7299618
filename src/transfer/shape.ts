// A value as a row of bytes, and back: its text in UTF-8, then its binary parts one after the other.

import { ProtocolError } from "../errors/errors.ts";
import { BinaryPayload, type Payload } from "../payload/payload.ts";
import type { Shape } from "./messages.ts";

/**
 * Bytes of one message on the wire at most. Few enough to be in the processor's cache still when they
 * are copied to where they stay, and enough that what a message costs by itself does not count.
 */
export const chunkBytes = 1024 * 1024;
/** A text of up to so many characters needs no chunks. */
const shortText = 64 * 1024;

/** Where the bytes of a value come from, from the first to the last. */
export type Source = {
  readonly shape: Shape;
  /** The next bytes, at most this many and never none. They must not change any more. */
  read(most: number): Uint8Array | Promise<Uint8Array>;
  /** Once, after the last byte or when nobody wants more. */
  close(): void;
};

/** Bytes to follow for a value of this shape. */
export function bytesOfShape(shape: Shape): number {
  if ("text" in shape) return 0;
  return shape.parts.reduce((sum, bytes) => sum + bytes, shape.head);
}

/** A value that is in memory. */
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
  throw new Error("more was read of a value than it has");
}

/** Makes room for the binary parts of a value: all of them in one stretch. */
export type Allocate = (bytes: number) => ArrayBufferLike;

/** Puts a value together from its bytes, which are written to where they will stay. */
export class Assembly {
  readonly #text: string | undefined;
  readonly #rows: Uint8Array[];
  #row = 0;
  #offset = 0;
  #left: number;

  /** @throws {RangeError} when there is no memory for it */
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

  /** The stretches of memory to be filled in this order, by those who do not use `add`. */
  get rows(): readonly Uint8Array[] {
    return this.#rows;
  }

  /** All its bytes are there. */
  get whole(): boolean {
    return this.#left === 0;
  }

  add(bytes: Uint8Array): void {
    let read = 0;
    this.#left -= bytes.byteLength;
    while (read < bytes.byteLength) {
      const row = this.#rows[this.#row];
      if (row === undefined) throw new ProtocolError("more bytes came than the value has");
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

  /** The value, once all its bytes are there. */
  take(): Payload {
    if (this.#text !== undefined) return this.#text;
    const [head, ...parts] = this.#rows as [Uint8Array, ...Uint8Array[]];
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(head);
    return parts.length === 0 ? text : new BinaryPayload(text, parts);
  }
}

/**
 * What `into.set(bytes, at)` does. V8 does that byte by byte, which takes four times as long, when the
 * memory is shared and the two do not lie alike; `fill` with just as many bytes is a plain copy.
 */
function copy(bytes: Uint8Array, into: Uint8Array, at: number): void {
  Buffer.from(into.buffer, into.byteOffset + at, bytes.byteLength).fill(bytes);
}

/** Any typed array can stand on a multiple of eight. */
function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
