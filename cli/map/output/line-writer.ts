// The lines of one stream of a job: each begins with the tag, and with --line-buffer none is printed
// before its end.

import type { Sink } from "./standard-output.ts";

const newline = 10;
const carriageReturn = 13;
/** A line without an end that is longer than this is printed in parts. */
const longestHeldBytes = 16 * 2 ** 20;

export class LineWriter implements Sink {
  readonly #sink: Sink;
  readonly #tag: Buffer | undefined;
  readonly #wholeLines: boolean;
  #atLineStart = true;
  /** The beginning of a line. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  constructor(sink: Sink, tag: Buffer | undefined, wholeLines: boolean) {
    this.#sink = sink;
    this.#tag = tag;
    this.#wholeLines = wholeLines;
  }

  write(bytes: Uint8Array): void | Promise<void> {
    if (!this.#wholeLines) return this.#put(bytes);
    const end = bytes.lastIndexOf(newline) + 1 || bytes.lastIndexOf(carriageReturn) + 1;
    if (end === 0 && this.#heldBytes + bytes.length <= longestHeldBytes) {
      this.#hold(bytes);
      return;
    }
    const lines = bytes.subarray(0, end || bytes.length);
    const begun = this.#takeHeld();
    if (end > 0 && end < bytes.length) this.#hold(bytes.subarray(end));
    return this.#put(begun.length > 0 ? Buffer.concat([...begun, lines]) : lines);
  }

  /** Prints a line that has no end. Returns its length. */
  end(): number {
    const bytes = this.#heldBytes;
    if (bytes > 0) void this.#put(Buffer.concat(this.#takeHeld()));
    return bytes;
  }

  /** Drops a line that has no end. */
  clear(): void {
    this.#takeHeld();
  }

  #put(bytes: Uint8Array): void | Promise<void> {
    if (bytes.length === 0) return;
    return this.#sink.write(this.#tag ? this.#tagged(bytes, this.#tag) : bytes);
  }

  /** A carriage return begins a line too, as in GNU Parallel. */
  #tagged(bytes: Uint8Array, tag: Buffer): Uint8Array {
    const parts: Uint8Array[] = this.#atLineStart ? [tag] : [];
    let start = 0;
    for (let at = 0; at < bytes.length - 1; at++) {
      if (bytes[at] !== newline && bytes[at] !== carriageReturn) continue;
      parts.push(bytes.subarray(start, at + 1), tag);
      start = at + 1;
    }
    parts.push(bytes.subarray(start));
    const last = bytes.at(-1);
    this.#atLineStart = last === newline || last === carriageReturn;
    return Buffer.concat(parts);
  }

  #hold(bytes: Uint8Array): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }

  #takeHeld(): Uint8Array[] {
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    return held;
  }
}
