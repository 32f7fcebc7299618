// Records: the bytes of a stream, or the values of the command line, split at a delimiter. A stream is
// read block by block, so that its length does not matter.

import { isUtf8 } from "node:buffer";
import { formatSize } from "../../../src/size.ts";
import { UsageError } from "../../exit-code.ts";

export type RecordRules = {
  delimiter: string;
  /** The record that ends its source, and is no input itself. */
  endOfInput: string | undefined;
  /** Records of white space are no input. */
  skipBlank: boolean;
  /** A record that ends with white space goes on with the next one. */
  continued: boolean;
  /** A delimiter between quotes is part of the record. */
  csv: boolean;
};

/** A longer record is the sign of a wrong delimiter, and would fill the memory. */
const longestRecordBytes = 64 * 2 ** 20;

/**
 * The records of one source, one at a time.
 *
 * `next` answers with a promise only when it has to wait for more of the source.
 */
export class RecordReader {
  readonly #blocks: Iterator<readonly string[]> | AsyncIterator<readonly string[]>;
  readonly #rules: RecordRules;
  #block: readonly string[] = [];
  #at = 0;
  #ended = false;
  /** The start of a record that goes on. */
  #begun: string | undefined;
  #inQuotes = false;

  constructor(
    blocks: Iterable<readonly string[]> | AsyncIterable<readonly string[]>,
    rules: RecordRules,
  ) {
    this.#blocks =
      Symbol.asyncIterator in blocks ? blocks[Symbol.asyncIterator]() : blocks[Symbol.iterator]();
    this.#rules = rules;
  }

  /** The next record, or undefined at the end. */
  next(): string | undefined | Promise<string | undefined> {
    while (this.#at < this.#block.length) {
      const record = this.#complete(this.#block[this.#at++]!);
      if (record !== undefined) return record;
    }
    if (this.#ended) return undefined;
    return this.#refill().then((more) => (more ? this.next() : this.#finish()));
  }

  /** The next piece between two delimiters, to which no other rule applies: a header. */
  async header(): Promise<string | undefined> {
    while (this.#at >= this.#block.length) if (!(await this.#refill())) return undefined;
    return this.#block[this.#at++];
  }

  async #refill(): Promise<boolean> {
    const next = await this.#blocks.next();
    if (next.done) return false;
    this.#block = next.value;
    this.#at = 0;
    return true;
  }

  /** A record that ends with this piece; undefined when it is none, or goes on. */
  #complete(piece: string): string | undefined {
    const { delimiter, endOfInput, skipBlank, continued, csv } = this.#rules;
    if (csv) {
      if (hasOddQuotes(piece)) this.#inQuotes = !this.#inQuotes;
      if (this.#inQuotes) {
        this.#begun = (this.#begun ?? "") + piece + delimiter;
        return undefined;
      }
    }
    if (piece === endOfInput) return this.#finish();
    const record = this.#begun === undefined ? piece : this.#begun + piece;
    this.#begun = undefined;
    if (skipBlank && isBlank(record)) return undefined;
    if (continued && isWhite(record.charCodeAt(record.length - 1))) {
      this.#begun = record;
      return undefined;
    }
    return record;
  }

  #finish(): string | undefined {
    this.#ended = true;
    this.#block = [];
    const last = this.#begun;
    this.#begun = undefined;
    return last;
  }
}

/**
 * The values of `:::` as records. They count as if each were a line of a file, so a value that has a
 * delimiter in it is several records.
 */
export function splitValues(values: readonly string[], delimiter: string): string[] {
  const records = values.map((value) => value + delimiter).join("");
  return records.split(delimiter).slice(0, -1);
}

/**
 * The records of a stream, in blocks: all that a chunk completes. The last may lack its delimiter.
 *
 * @param name the source in errors
 */
export async function* splitBytes(
  chunks: AsyncIterable<Uint8Array>,
  delimiter: string,
  name: string,
): AsyncGenerator<readonly string[]> {
  const mark = Buffer.from(delimiter);
  let before = 0;
  /** The record that is not complete: its parts, and its end, which may be the start of a mark. */
  let parts: Buffer[] = [];
  let bytes = 0;
  let tail: Buffer = Buffer.alloc(0);
  const keep = (rest: Buffer) => {
    const end = Math.max(0, rest.length - (mark.length - 1));
    parts.push(rest.subarray(0, end));
    bytes += end;
    tail = rest.subarray(end);
    if (bytes <= longestRecordBytes) return;
    throw new UsageError(
      `record ${before + 1} of ${name} is longer than ${formatSize(longestRecordBytes)}: ` +
        "give the right delimiter with -d or -0",
    );
  };
  const notText = () =>
    new UsageError(
      `record ${before + 1} of ${name} is not UTF-8: convert the input, ` +
        "for example with iconv -f latin1 -t utf-8",
    );

  for await (const chunk of chunks) {
    const fresh = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const region = tail.length > 0 ? Buffer.concat([tail, fresh]) : fresh;
    const end = endOfLastMark(region, mark);
    if (end > 0) {
      const whole = region.subarray(0, end);
      const { records, invalid } = decodeRecords(
        bytes > 0 ? Buffer.concat([...parts, whole]) : whole,
        mark,
        delimiter,
      );
      before += records.length;
      if (records.length > 0) yield records;
      if (invalid) throw notText();
      parts = [];
      bytes = 0;
    }
    keep(region.subarray(end));
  }
  const last = Buffer.concat([...parts, tail]);
  if (!isUtf8(last)) throw notText();
  if (last.length > 0) yield [last.toString()];
}

/** Decodes records that each end with the mark, up to one that is not UTF-8. */
function decodeRecords(
  whole: Buffer,
  mark: Buffer,
  delimiter: string,
): { records: string[]; invalid: boolean } {
  if (isUtf8(whole)) {
    const records = whole.toString().split(delimiter);
    records.pop();
    return { records, invalid: false };
  }
  const records: string[] = [];
  for (let start = 0; ;) {
    const end = whole.indexOf(mark, start);
    const record = whole.subarray(start, end);
    if (!isUtf8(record)) return { records, invalid: true };
    records.push(record.toString());
    start = end + mark.length;
  }
}

/** The end of the last mark, or 0. Marks are searched from the left, for `aa` is twice in `aaa`. */
function endOfLastMark(bytes: Buffer, mark: Buffer): number {
  if (mark.length === 1) return bytes.lastIndexOf(mark[0]!) + 1;
  let end = 0;
  for (;;) {
    const next = bytes.indexOf(mark, end);
    if (next < 0) return end;
    end = next + mark.length;
  }
}

function hasOddQuotes(text: string): boolean {
  let odd = false;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) odd = !odd;
  return odd;
}

function isBlank(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (!isWhite(text.charCodeAt(i))) return false;
  return true;
}

/** Space, tab, newline, vertical tab, form feed or return: the white space of ASCII. */
function isWhite(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}
