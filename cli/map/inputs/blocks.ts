// Cuts a stream into blocks of whole records, one for each job (--pipe). Only the block that is being
// filled is in memory.

import { UsageError } from "../../exit-code.ts";
import { bytesOf, cutterOf, separatorRemover, type RecordRules } from "./separators.ts";

export type BlockRules = RecordRules & {
  readonly blockBytes: number;
  /** What each block begins with: `:` for the first line, a number of lines, or a regular expression. */
  readonly header: string | undefined;
  /** Blank lines are left out. */
  readonly skipBlank?: boolean;
};

/** The largest block; a record that is longer cannot be given to a job. */
const largestBlockBytes = 2 ** 31 - 1;

/**
 * The blocks of a stream. A block is enlarged until it holds a record. One that had nothing but
 * separators is empty once they are removed.
 *
 * @param warn hears that a record was longer than a block
 */
export async function* blocks(
  input: AsyncIterable<Uint8Array>,
  rules: BlockRules,
  warn: (message: string) => void = () => undefined,
): AsyncGenerator<Uint8Array> {
  const cut = cutterOf(rules);
  const removeSeparators = rules.removeSeparators ? separatorRemover(rules) : undefined;
  const reader = new ByteReader(input);
  let { blockBytes } = rules;
  const { header, rest } = await readHeader(reader, rules);
  let buffer = rest;
  const finished = (block: Buffer): Uint8Array => {
    const records = removeSeparators?.(block) ?? block;
    return header.length > 0 ? Buffer.concat([header, records]) : records;
  };
  try {
    for (let isLast = false; !isLast;) {
      const wanted = blockBytes - (buffer.length % blockBytes);
      const more = await reader.read(wanted);
      isLast = more.length < wanted;
      buffer = buffer.length > 0 ? Buffer.concat([buffer, more]) : more;
      if (rules.skipBlank) {
        buffer = withoutBlankLines(buffer);
        if (buffer.length === 0) continue;
      }
      let at = 0;
      for (const length of cut(buffer, isLast)) {
        if (length === 0) break;
        yield finished(buffer.subarray(at, at + length));
        at += length;
      }
      buffer = buffer.subarray(at);
      if (at > 0 || isLast) continue;
      if (blockBytes >= largestBlockBytes) {
        throw new UsageError(
          "a record of standard input is longer than 2 GiB: give --recstart or --recend that fits the input",
        );
      }
      const larger = Math.min(Math.ceil(blockBytes * 1.3 + 1), largestBlockBytes);
      warn(`A record was longer than ${blockBytes}. Increasing to --blocksize ${larger}.`);
      blockBytes = larger;
    }
    if (buffer.length > 0) yield finished(buffer);
  } finally {
    await reader.close();
  }
}

async function readHeader(
  reader: ByteReader,
  { header, blockBytes }: BlockRules,
): Promise<{ header: Buffer; rest: Buffer }> {
  const none = Buffer.alloc(0);
  if (header === undefined || header === "") return { header: none, rest: none };
  const lines = header === ":" ? "1" : header;
  const pattern = new RegExp(
    `^(?:${/^\d+$/.test(lines) ? `(?:[^\\n]*\\n){${lines}}` : bytesOf(lines)})`,
  );
  let read: Buffer = none;
  for (;;) {
    const more = await reader.read(blockBytes);
    read = Buffer.concat([read, more]);
    const length = pattern.exec(read.toString("latin1"))?.[0].length;
    if (length !== undefined)
      return { header: read.subarray(0, length), rest: read.subarray(length) };
    if (more.length < blockBytes) return { header: none, rest: read };
  }
}

function withoutBlankLines(buffer: Buffer): Buffer {
  const text = buffer.toString("latin1");
  return Buffer.from(text.replace(/(?<![^\n])[ \t\n\r\f\v]*\n/g, ""), "latin1");
}

/** Reads a stream in pieces of a wanted length. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  /** Chunks that are not taken yet, or only in part. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #ended = false;

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#chunks = input[Symbol.asyncIterator]();
  }

  /** So many bytes, or fewer at the end of the stream. */
  async read(length: number): Promise<Buffer> {
    while (this.#heldBytes < length && !this.#ended) {
      const next = await this.#chunks.next();
      if (next.done) {
        this.#ended = true;
      } else {
        this.#held.push(next.value);
        this.#heldBytes += next.value.length;
      }
    }
    const [first] = this.#held;
    const all =
      first && this.#held.length === 1
        ? Buffer.from(first.buffer, first.byteOffset, first.byteLength)
        : Buffer.concat(this.#held);
    const taken = all.subarray(0, length);
    const rest = all.subarray(length);
    this.#held = rest.length > 0 ? [rest] : [];
    this.#heldBytes = rest.length;
    return taken;
  }

  /** Lets go of a stream of which no more is read. */
  async close(): Promise<void> {
    if (!this.#ended) await this.#chunks.return?.();
  }
}
