// Frames: how bytes are kept in a file so that a reader can tell whole ones from torn ones.
//
//   u32 length · u32 crc of the bytes · u64 promised · u32 check · the bytes        (little-endian)
//
// `check` covers the numbers before it and the frame's offset in its file. So zeros are no
// frame, nor is a copy of a frame at another place, and whole frames can be found after a damaged one.
// `promised` is a place in the journal, counted from its beginning: all bytes before it were durable when the
// frame was made. Bytes after it may be missing although the frame is there.

import { crc32 } from "node:zlib";
import type { Disk } from "./disk.ts";

const headBytes = 20;
const mostBytes = 2 ** 32 - 1;

// ── Writing ──────────────────────────────────────────────────────────────────────────────────────

const slabBytes = 256 * 1024;
/** Longer parts are referred to, and not copied. */
const mostCopied = 16 * 1024;

/** Frames in memory, as rows for one write. */
export class FrameBuffer {
  #rows: Uint8Array[] = [];
  #slab = Buffer.allocUnsafeSlow(slabBytes);
  /** The bytes of the slab from `#start` to `#end` are not among the rows yet. */
  #start = 0;
  #end = 0;
  bytes = 0;

  /** Adds bytes without a frame, for the start of a file. */
  addBare(bytes: Uint8Array): void {
    this.#copy(bytes);
    this.bytes += bytes.byteLength;
  }

  /**
   * Adds one frame.
   *
   * @param parts long ones must not change before `clear`
   * @param offset the frame's place in its file
   * @param promised see above
   */
  add(parts: readonly (string | Uint8Array)[], offset: number, promised: number): void {
    this.#reserve(headBytes);
    const [slab, head] = [this.#slab, this.#end];
    this.#end += headBytes;
    let length = 0;
    let crc = 0;
    for (const part of parts) {
      const bytes = typeof part === "string" ? this.#addText(part) : this.#addBytes(part);
      length += bytes.byteLength;
      crc = crc32(bytes, crc);
    }
    if (length > mostBytes) throw new RangeError(`a frame of ${length} bytes is too long`);
    slab.writeUInt32LE(length, head);
    slab.writeUInt32LE(crc, head + 4);
    slab.writeUInt32LE(promised >>> 0, head + 8);
    slab.writeUInt32LE(Math.floor(promised / 2 ** 32), head + 12);
    slab.writeUInt32LE(checkOf(length, crc, promised, offset), head + 16);
    this.bytes += headBytes + length;
  }

  rows(): readonly Uint8Array[] {
    this.#cutRow();
    return this.#rows;
  }

  /** Forgets what it has, after it was written. */
  clear(): void {
    this.#rows = [];
    this.#start = 0;
    this.#end = 0;
    this.bytes = 0;
  }

  #addText(text: string): Uint8Array {
    if (text.length * 3 > mostCopied) return this.#refer(Buffer.from(text));
    this.#reserve(text.length * 3);
    const start = this.#end;
    this.#end += this.#slab.write(text, start);
    return this.#slab.subarray(start, this.#end);
  }

  #addBytes(bytes: Uint8Array): Uint8Array {
    return bytes.byteLength > mostCopied ? this.#refer(bytes) : this.#copy(bytes);
  }

  #copy(bytes: Uint8Array): Uint8Array {
    this.#reserve(bytes.byteLength);
    this.#slab.set(bytes, this.#end);
    this.#end += bytes.byteLength;
    return bytes;
  }

  #refer(bytes: Uint8Array): Uint8Array {
    this.#cutRow();
    this.#rows.push(bytes);
    return bytes;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= slabBytes) return;
    this.#cutRow();
    this.#slab = Buffer.allocUnsafeSlow(slabBytes);
    this.#start = 0;
    this.#end = 0;
  }

  #cutRow(): void {
    if (this.#end > this.#start) this.#rows.push(this.#slab.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}

// ── Reading ──────────────────────────────────────────────────────────────────────────────────────

const windowBytes = 1024 * 1024;

export type Frame = {
  readonly promised: number;
  /** A view of the piece of the file that was read, at least a mebibyte: whoever keeps it copies it. */
  readonly bytes: Uint8Array;
};

/** Reads the frames of a file one after the other, in pieces. */
export class FrameReader {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #end: number;
  #window = Buffer.alloc(0);
  /** The offset in the file at which the window starts. */
  #windowFrom = 0;
  /** Where the next frame is, or what is not one. */
  offset: number;

  /** @param range from the first frame up to where the last one ends */
  constructor(disk: Disk, path: string, range: { from: number; end: number }) {
    this.#disk = disk;
    this.#path = path;
    this.offset = range.from;
    this.#end = range.end;
  }

  /** The next frame; undefined when there is none, or it is not whole. */
  next(): Frame | undefined {
    const frame = this.#at(this.offset);
    if (frame) this.offset += headBytes + frame.bytes.byteLength;
    return frame;
  }

  /**
   * Whether there is a whole frame, wherever it begins, that promises more than `above`.
   *
   * @param most what a frame can promise: whatever says more is none, and need not be looked at
   */
  hasPromise({ above, most }: { above: number; most: number }): boolean {
    for (let offset = this.offset; this.#fill(offset, headBytes); offset += 1) {
      const promised = this.#promisedAt(offset - this.#windowFrom);
      if (promised > above && promised <= most && this.#at(offset)) return true;
    }
    return false;
  }

  #promisedAt(place: number): number {
    return this.#window.readUInt32LE(place + 8) + this.#window.readUInt32LE(place + 12) * 2 ** 32;
  }

  #at(offset: number): Frame | undefined {
    if (!this.#fill(offset, headBytes)) return undefined;
    let place = offset - this.#windowFrom;
    const length = this.#window.readUInt32LE(place);
    const crc = this.#window.readUInt32LE(place + 4);
    const promised = this.#promisedAt(place);
    const check = this.#window.readUInt32LE(place + 16);
    if (checkOf(length, crc, promised, offset) !== check) return undefined;
    if (!this.#fill(offset, headBytes + length)) return undefined;
    place = offset - this.#windowFrom + headBytes;
    const bytes = this.#window.subarray(place, place + length);
    return crc32(bytes) === crc ? { promised, bytes } : undefined;
  }

  /** Has the window hold these bytes; false when they go past the end. */
  #fill(offset: number, bytes: number): boolean {
    if (offset + bytes > this.#end) return false;
    if (offset >= this.#windowFrom && offset + bytes <= this.#windowFrom + this.#window.length) {
      return true;
    }
    const size = Math.min(Math.max(bytes, windowBytes), this.#end - offset);
    const window = Buffer.allocUnsafeSlow(size);
    const length = this.#disk.read(this.#path, window, offset);
    this.#window = window.subarray(0, length);
    this.#windowFrom = offset;
    return length >= bytes;
  }
}

/** Mixes these numbers, so that a change of any of them changes the result but for one time in 2^32. */
function checkOf(length: number, crc: number, promised: number, offset: number): number {
  let mixed = mix(0x7e5ce1, length);
  mixed = mix(mixed, crc);
  for (const long of [promised, offset]) {
    mixed = mix(mix(mixed, long >>> 0), Math.floor(long / 2 ** 32));
  }
  return mixed >>> 0;
}

/** One-to-one in each of the two numbers. */
function mix(state: number, number: number): number {
  const product = Math.imul(state ^ number, 0x5bd1e995);
  return product ^ (product >>> 15);
}
