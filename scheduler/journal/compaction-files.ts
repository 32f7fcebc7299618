// What a thread that makes the next snapshot reads, while the journal goes on in another: an older snapshot, and
// closed segments. Without the lock, since nobody changes these files.

import { realDisk, type Disk } from "./disk.ts";
import { numbersIn } from "./file-names.ts";
import { journalErrorOf } from "./journal-error.ts";
import { chunksOf, findSnapshot } from "./snapshots.ts";
import { closedSegments, recordsOf } from "./tail.ts";

/**
 * The newest snapshot; undefined when there is none. The segments after it begin with `number + 1`.
 *
 * @throws {JournalError} when it is damaged, also while the chunks are read
 */
export function readSnapshot(
  directory: string,
  { disk = realDisk }: { disk?: Disk } = {},
): { number: number; version: string; chunks: Iterable<unknown> } | undefined {
  const number = numbersIn(disk, directory).snapshots.at(-1);
  if (number === undefined) return undefined;
  const snapshot = findSnapshot(disk, directory, number);
  return { number, version: snapshot.head.version, chunks: chunksOf(disk, snapshot) };
}

/**
 * The records of closed segments, oldest first.
 *
 * @throws {JournalError} when a segment is missing or damaged, also while the records are read
 */
export function* readSegments(
  directory: string,
  from: number,
  upTo: number,
  { disk = realDisk }: { disk?: Disk } = {},
): Generator<Uint8Array, void, undefined> {
  try {
    for (const segment of closedSegments(disk, directory, from, upTo)) {
      yield* recordsOf(disk, segment);
    }
  } catch (error) {
    throw journalErrorOf(`read the segments of ${directory}`, error);
  }
}
