// The head of a segment and of a snapshot: the magic bytes and the format's number, which every version can
// read, and a frame that says what the file is.

import { Type, type Static } from "typebox";
import { Compile } from "typebox/compile";
import type { Disk } from "./disk.ts";
import { FrameReader, type FrameBuffer } from "./frames.ts";
import { JournalError } from "./journal-error.ts";

/** The format of all files of a journal. A version reads its own format and those of older versions. */
export const format = 1;

const magic = Buffer.from("thence\0J", "latin1");
const bareBytes = magic.length + 4;

const schema = Type.Object({
  kind: Type.Union([Type.Literal("segment"), Type.Literal("snapshot")]),
  number: Type.Integer({ minimum: 1 }),
  /** The version of thence that wrote the file. */
  version: Type.String(),
  /** Bytes of all segments since the journal began: of those before a segment, of those in a snapshot. */
  position: Type.Integer({ minimum: 0 }),
});
export type FileHead = Static<typeof schema>;
const compiled = Compile(schema);

export function addHead(frames: FrameBuffer, head: FileHead, promised: number): void {
  const bare = Buffer.alloc(bareBytes);
  magic.copy(bare);
  bare.writeUInt32LE(format, magic.length);
  frames.addBare(bare);
  frames.add([JSON.stringify(head)], bareBytes, promised);
}

/**
 * Reads the head; undefined when it is not whole.
 *
 * @param reader made by `readerOf`; stands after the head when it is whole
 * @throws {JournalError} when the file has a newer format, or is not what its name says
 */
export function readHead(
  disk: Disk,
  path: string,
  reader: FrameReader,
  { kind, number }: Pick<FileHead, "kind" | "number">,
): FileHead | undefined {
  const bare = Buffer.alloc(bareBytes);
  if (disk.read(path, bare, 0) < bareBytes || !bare.subarray(0, magic.length).equals(magic))
    return undefined;
  const found = bare.readUInt32LE(magic.length);
  if (found > format) throw newerError(path, found);
  // Formats are counted from 1.
  if (found === 0) return undefined;
  const frame = reader.next();
  if (!frame) return undefined;
  const head = parsed(Buffer.from(frame.bytes).toString());
  if (!compiled.Check(head) || head.kind !== kind || head.number !== number) {
    throw new JournalError(
      "damaged",
      `${path} is not the file that its name says: files of a journal must not be renamed or mixed`,
    );
  }
  return head;
}

/** A reader that begins with the frame of the head. */
export function readerOf(disk: Disk, path: string, end: number): FrameReader {
  return new FrameReader(disk, path, { from: bareBytes, end });
}

export function newerError(path: string, found: number): JournalError {
  return new JournalError(
    "newer",
    `${path} was written by a newer version of thence (format ${found}, this version reads up to ${format}): ` +
      "start the newer version on this journal",
  );
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
