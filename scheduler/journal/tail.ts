// The tail of a journal: the segments after the newest snapshot. Finds where they end, and tells a torn end,
// which a crash leaves, from damage.
//
// A file is written only by the run of the scheduler that made it, and a segment's head says where the one
// before it ended. So what a run could not finish stays in its file, and later readers pass over it.

import path from "node:path";
import type { Disk } from "./disk.ts";
import { readerOf, readHead, type FileHead } from "./file-head.ts";
import { segmentPath } from "./file-names.ts";
import { JournalError } from "./journal-error.ts";

export type Segment = {
  readonly path: string;
  readonly head: FileHead;
  /** Where its last record ends. */
  readonly end: number;
  readonly hasRecords: boolean;
};

export type Tail = {
  readonly segments: readonly Segment[];
  /** Bytes of all segments since the journal began. */
  readonly position: number;
  /** Files without anything that was promised to be kept. */
  readonly leftover: readonly string[];
  /** What is not whole at the end. */
  readonly torn: { readonly path: string; readonly bytes: number } | undefined;
};

/**
 * Reads segments that follow each other.
 *
 * @param start the number of the first, and the bytes of all segments before it
 * @throws {JournalError} when one is missing, damaged, or of a newer format
 */
export function readTail(
  disk: Disk,
  directory: string,
  numbers: readonly number[],
  start: { number: number; position: number },
): Tail {
  checkNumbers(directory, numbers, start.number);
  const files = numbers.map((number) => readSegmentFile(disk, directory, number));
  const segments: Segment[] = [];
  let { position } = start;
  for (const [i, file] of files.entries()) {
    const later = files.slice(i + 1);
    const { head } = file;
    if (head && head.position !== position) throw mixedError(file);
    const next = later[0]?.head;
    const end = head && next ? next.position - head.position : file.bytes;
    const scan = scanned(disk, file, end);
    if (head && scan.end > 0) {
      segments.push({ path: file.path, head, ...scan });
      position += scan.end;
    }
    if (!head || scan.end !== end) {
      checkTorn(disk, file, later, { bad: scan.end, position });
      const rest = [file, ...later];
      const bytes = rest.reduce((sum, each) => sum + each.bytes, -scan.end);
      return {
        segments,
        position,
        leftover: (head ? later : rest).map((each) => each.path),
        torn: bytes > 0 ? { path: file.path, bytes } : undefined,
      };
    }
  }
  return { segments, position, leftover: [], torn: undefined };
}

/** The records of a segment. Each is a copy, since a view would keep the piece of the file that was read. */
export function* recordsOf(disk: Disk, segment: Segment): Generator<Uint8Array, void, undefined> {
  const reader = readerOf(disk, segment.path, segment.end);
  reader.next();
  for (let frame = reader.next(); frame; frame = reader.next()) yield Buffer.from(frame.bytes);
  if (reader.offset === segment.end) return;
  throw new JournalError("damaged", `${segment.path} is damaged at byte ${reader.offset}`);
}

/** The segments of this range, which are closed: the one after them has a head. Does not read their records. */
export function closedSegments(
  disk: Disk,
  directory: string,
  from: number,
  upTo: number,
): Segment[] {
  const numbers = Array.from({ length: upTo - from + 2 }, (_, i) => from + i);
  const files = numbers.map((number) => readSegmentFile(disk, directory, number));
  return files.slice(0, -1).map((file, i) => {
    const { head } = file;
    const next = files[i + 1]!;
    if (!head || !next.head) throw damagedError(head ? next : file, files.slice(i + 1), 0);
    return { path: file.path, head, end: next.head.position - head.position, hasRecords: true };
  });
}

type SegmentFile = {
  readonly number: number;
  readonly path: string;
  readonly bytes: number;
  /** Undefined when it is not whole. */
  readonly head: FileHead | undefined;
};

function readSegmentFile(disk: Disk, directory: string, number: number): SegmentFile {
  const place = segmentPath(directory, number);
  const bytes = Number(disk.facts(place).size);
  const reader = readerOf(disk, place, bytes);
  const head = readHead(disk, place, reader, { kind: "segment", number });
  return { number, path: place, bytes, head };
}

/** Reads up to `end`, or to what is not whole: to 0 when not even the head is. */
function scanned(
  disk: Disk,
  { path, head }: SegmentFile,
  end: number,
): { end: number; hasRecords: boolean } {
  if (!head) return { end: 0, hasRecords: false };
  const reader = readerOf(disk, path, end);
  if (!reader.next()) return { end: 0, hasRecords: false };
  const from = reader.offset;
  while (reader.next());
  return { end: reader.offset, hasRecords: reader.offset > from };
}

/**
 * @param bad where in the file bytes are not whole, and `position` where in the journal
 * @throws {JournalError} when anything after it proves that it had been promised
 */
function checkTorn(
  disk: Disk,
  file: SegmentFile,
  later: readonly SegmentFile[],
  { bad, position }: { bad: number; position: number },
): void {
  const files = [file, ...later];
  const most = files.reduce((sum, each) => sum + each.bytes, position - bad);
  for (const each of files) {
    const reader = readerOf(disk, each.path, each.bytes);
    if (each === file && bad > 0) reader.offset = bad;
    if (reader.hasPromise({ above: position, most })) throw damagedError(file, later, bad);
  }
}

function damagedError(file: SegmentFile, later: readonly SegmentFile[], bad: number): JournalError {
  const gone = bad === 0 ? [file, ...later] : later;
  const ways = [
    ...(bad === 0 ? [] : [`cut the file there (truncate -s ${bad} ${file.path})`]),
    ...(gone.length === 0
      ? []
      : [`move ${gone.map((each) => path.basename(each.path)).join(", ")} away`]),
  ];
  const lost = later.reduce((sum, each) => sum + each.bytes, file.bytes - bad);
  return new JournalError(
    "damaged",
    `${file.path} is damaged at byte ${bad}, before records that were promised to be kept: restore a backup ` +
      `of the directory; or, to go on with what was before, ${ways.join(" and ")}: ` +
      `what happened since, ${lost} bytes of records, is then lost`,
  );
}

function mixedError(file: SegmentFile): JournalError {
  return new JournalError(
    "damaged",
    `${file.path} does not follow what is before it: files of different times or journals are mixed; ` +
      "restore a backup of the directory",
  );
}

function checkNumbers(directory: string, numbers: readonly number[], first: number): void {
  const gap = numbers.findIndex((number, i) => number !== first + i);
  if (gap === -1) return;
  throw new JournalError(
    "damaged",
    `${segmentPath(directory, first + gap)} is missing, and ${path.basename(segmentPath(directory, numbers[gap]!))} ` +
      "is there: put it back, or restore a backup of the directory",
  );
}
