// Snapshots: the whole state after a segment, in chunks. A file is complete or not there: it is written under
// another name, synced and renamed, and ends with an empty frame.

import { deserialize, serialize } from "node:v8";
import { realDisk, temporaryEnding, writeAll, writeWhole, type Disk } from "./disk.ts";
import { addHead, readerOf, readHead, type FileHead } from "./file-head.ts";
import { segmentPath, snapshotPath } from "./file-names.ts";
import { FrameBuffer } from "./frames.ts";
import { JournalError, journalErrorOf } from "./journal-error.ts";

export type Snapshot = {
  readonly path: string;
  readonly head: FileHead;
  readonly bytes: number;
};

/** Bytes that are written at once. */
const writeBytes = 4 * 1024 * 1024;

/**
 * Writes the snapshot of everything up to segment `upTo`, which must be closed. Holds up the thread.
 *
 * @param chunks what `v8.serialize` takes
 * @returns the bytes of the file
 * @throws {JournalFullError} when there is no room; nothing is left of the file then
 */
export function writeSnapshot(
  directory: string,
  upTo: number,
  chunks: Iterable<unknown>,
  { version, disk = realDisk }: { version: string; disk?: Disk },
): number {
  const place = snapshotPath(directory, upTo);
  const frames = new FrameBuffer();
  let written = 0;
  try {
    const position = endOfSegment(disk, directory, upTo);
    writeWhole(disk, place, (file) => {
      const flush = (): void => {
        written = writeAll(disk, file, frames.rows(), written);
        frames.clear();
      };
      addHead(frames, { kind: "snapshot", number: upTo, version, position }, 0);
      for (const chunk of chunks) {
        frames.add([serialize(chunk)], written + frames.bytes, 0);
        if (frames.bytes >= writeBytes) flush();
      }
      frames.add([], written + frames.bytes, 0);
      flush();
    });
    disk.syncPathNow(directory);
  } catch (error) {
    throw journalErrorOf(`write ${place}`, error);
  }
  return written;
}

/** The bytes of all segments up to this one, which the head of the next says. */
function endOfSegment(disk: Disk, directory: string, number: number): number {
  const next = segmentPath(directory, number + 1);
  const reader = readerOf(disk, next, Number(disk.facts(next).size));
  const found = readHead(disk, next, reader, { kind: "segment", number: number + 1 });
  if (found) return found.position;
  throw new JournalError("failed", `segment ${number} is not closed: ${next} has no head`);
}

/**
 * Reads what a snapshot is, and checks that it is complete.
 *
 * @throws {JournalError} when it is damaged, or of a newer format
 */
export function openSnapshot(disk: Disk, directory: string, number: number): Snapshot {
  const snapshot = findSnapshot(disk, directory, number);
  for (const _ of framesOf(disk, snapshot));
  return snapshot;
}

/** Reads what a snapshot is, by its head alone. */
export function findSnapshot(disk: Disk, directory: string, number: number): Snapshot {
  const place = snapshotPath(directory, number);
  try {
    const bytes = Number(disk.facts(place).size);
    const reader = readerOf(disk, place, bytes);
    const found = readHead(disk, place, reader, { kind: "snapshot", number });
    if (!found) throw damagedError(place, 0);
    return { path: place, head: found, bytes };
  } catch (error) {
    throw journalErrorOf(`read ${place}`, error);
  }
}

/** The chunks of a snapshot. What is in a chunk may be views of its bytes: to keep one keeps them all. */
export function* chunksOf(disk: Disk, snapshot: Snapshot): Generator<unknown, void, undefined> {
  for (const bytes of framesOf(disk, snapshot)) yield deserialize(Buffer.from(bytes));
}

function* framesOf(disk: Disk, { path: place, bytes }: Snapshot): Generator<Uint8Array> {
  const reader = readerOf(disk, place, bytes);
  reader.next();
  for (let frame = reader.next(); frame; frame = reader.next()) {
    if (frame.bytes.byteLength > 0) yield frame.bytes;
    else if (reader.offset === bytes) return;
    else break;
  }
  throw damagedError(place, reader.offset);
}

function damagedError(place: string, offset: number): JournalError {
  return new JournalError(
    "damaged",
    `${place} is damaged at byte ${offset}: restore a backup of the directory. ` +
      "If an older snapshot and all segments after it are still there, move the damaged one away instead: nothing is " +
      "lost then. Without either, all that it held is lost: move the whole directory away to begin with a new journal",
  );
}

/** Whether a file is what an interrupted `writeSnapshot` has left. */
export function isUnfinished(name: string): boolean {
  return name.startsWith("snapshot-") && name.endsWith(temporaryEnding);
}
