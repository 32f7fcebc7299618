// The journal of a scheduler: records that are written before anybody is told what follows from them, and
// snapshots that replace the records before them. Knows bytes and files, not tasks.

import { join } from "node:path";
import { realDisk, writeAll, type Disk } from "./disk.ts";
import type { Durability } from "./durability.ts";
import { addHead } from "./file-head.ts";
import { numbersIn, segmentPath, snapshotPath } from "./file-names.ts";
import { FrameBuffer } from "./frames.ts";
import { readIdentity, writeIdentity, type Identity } from "./identity.ts";
import { JournalError, JournalFullError, journalErrorOf } from "./journal-error.ts";
import { hasReserve, makeReserve, removeReserve, reserveBytes } from "./reserve.ts";
import { lockTimes, takeLock, type Lock, type LockTimes } from "./lock.ts";
import { chunksOf, findSnapshot, isUnfinished, openSnapshot, type Snapshot } from "./snapshots.ts";
import { readTail, recordsOf, type Tail } from "./tail.ts";

export type { Identity };

export type JournalOptions = {
  /** Of thence. Records are replayed only by the version that wrote them. */
  readonly version: string;
  /** Called for a new journal. */
  readonly identity: () => Identity;
  /** `machine`: nothing is told before `sync`. `process`: it may be told after `write`. */
  readonly durability?: Durability;
  /** Hears what the operator should know, a line each. */
  readonly say?: (line: string) => void;
  readonly disk?: Disk;
  readonly times?: LockTimes;
};

/**
 * Opens the journal in a directory, or makes one. No other scheduler can open it until `close`.
 *
 * @throws {JournalError} when another scheduler has it, a newer version wrote it, it is damaged, or the disk
 *   refuses; the message says what can be done
 */
export async function openJournal(directory: string, options: JournalOptions): Promise<Journal> {
  try {
    return await openOnce(directory, options);
  } catch (error) {
    // What the run before had in reserve may be all the room there is.
    const { disk = realDisk } = options;
    if (!(error instanceof JournalFullError) || !removeReserve(disk, directory)) throw error;
    return await openOnce(directory, options);
  }
}

async function openOnce(directory: string, options: JournalOptions): Promise<Journal> {
  const { disk = realDisk, say = () => undefined, times = lockTimes } = options;
  const { durability = "process", version } = options;
  const doing = `open the journal ${directory}`;
  let lock: Lock;
  try {
    disk.makeDirectory(directory);
    lock = await takeLock(directory, { disk, times, say });
  } catch (error) {
    throw journalErrorOf(doing, error);
  }
  try {
    const identity = identityOf(disk, directory, options.identity, say);
    const { snapshot, tail } = readFiles(disk, directory);
    // What a run before has written may not be durable yet, and is about to be believed.
    for (const { path } of tail.segments) await disk.syncPath(path);
    if (tail.torn) {
      const { path, bytes } = tail.torn;
      say(
        `the last ${bytes} bytes of ${path} are not whole and are left out: nobody was told of them`,
      );
    }
    // The newest first: what is left when this is interrupted has no gap.
    for (const path of tail.leftover.toReversed()) disk.removeNow(path);
    removeUnfinished(disk, directory);
    return new Journal({
      directory,
      disk,
      lock,
      identity,
      snapshot,
      tail,
      durability,
      version,
      say,
    });
  } catch (error) {
    lock.release();
    throw journalErrorOf(doing, error);
  }
}

function identityOf(
  disk: Disk,
  directory: string,
  make: () => Identity,
  say: (line: string) => void,
): Identity {
  const found = readIdentity(disk, directory, say);
  const { segments, snapshots } = numbersIn(disk, directory);
  const isEmpty = segments.length === 0 && snapshots.length === 0;
  if (found && isEmpty && hasReserve(disk, directory)) {
    throw new JournalError(
      "damaged",
      `all segments are missing in ${directory}, where records were kept: restore a backup of the directory, ` +
        "or remove it to begin anew",
    );
  }
  if (found) return found;
  if (!isEmpty) {
    throw new JournalError(
      "damaged",
      `journal.json is missing in ${directory}: restore it from a backup of the directory`,
    );
  }
  const identity = make();
  writeIdentity(disk, directory, identity);
  return identity;
}

/** The newest snapshot and the segments after it. Older files are left of an interrupted `adopt`. */
function readFiles(disk: Disk, directory: string): { snapshot: Snapshot | undefined; tail: Tail } {
  const { segments, snapshots } = numbersIn(disk, directory);
  const number = snapshots.at(-1) ?? 0;
  const snapshot = number > 0 ? openSnapshot(disk, directory, number) : undefined;
  const start = { number: number + 1, position: snapshot?.head.position ?? 0 };
  const after = segments.filter((each) => each > number);
  return { snapshot, tail: readTail(disk, directory, after, start) };
}

function removeUnfinished(disk: Disk, directory: string): void {
  for (const name of disk.list(directory).filter(isUnfinished)) {
    disk.removeNow(join(directory, name));
  }
}

type Opened = {
  readonly directory: string;
  readonly disk: Disk;
  readonly lock: Lock;
  readonly identity: Identity;
  readonly snapshot: Snapshot | undefined;
  readonly tail: Tail;
  readonly durability: Durability;
  readonly version: string;
  readonly say: (line: string) => void;
};

/** A segment of this run. */
type OwnSegment = {
  readonly number: number;
  readonly file: number;
  /** Bytes of all segments before it. */
  readonly position: number;
  /** Bytes that were written, with its head. */
  bytes: number;
};

export class Journal {
  readonly identity: Identity;
  readonly reserveBytes = reserveBytes;
  /** The version that wrote the snapshot; undefined when there is none. */
  readonly snapshotVersion: string | undefined;
  /** The version that wrote the records after the snapshot, another one than this if there is; undefined when there are none. */
  readonly tailVersion: string | undefined;
  readonly #opened: Opened;
  #segment: OwnSegment;
  #pending: FrameBuffer;
  /** Closed for writing, and not synced yet. */
  #retired: number[] = [];
  /** Bytes of all segments that a loss of power leaves as they are. */
  #synced: number;
  #syncing: Promise<void> | undefined;
  #hasReserve = false;
  /** The reserve was given up: it is made again when there is room for more than that, so that it stays. */
  #wasFull = false;
  /** The directory is to be synced, too. */
  #hasNewName = false;
  /** Bytes of all segments up to the snapshot. */
  #snapshotEnd: number;
  #snapshotBytes: number;
  #removing: Promise<void> = Promise.resolve();
  #failure: JournalError | undefined;
  #closed = false;
  #onLost: ((error: JournalError) => void) | undefined;

  constructor(opened: Opened) {
    const { snapshot, tail, version, identity } = opened;
    this.#opened = opened;
    this.identity = identity;
    this.snapshotVersion = snapshot?.head.version;
    const versions = tail.segments
      .filter((each) => each.hasRecords)
      .map((each) => each.head.version);
    this.tailVersion = versions.find((each) => each !== version) ?? versions[0];
    opened.lock.onLost = (error) => {
      this.#fail(error);
      this.#onLost?.(error);
    };
    opened.lock.onBeat = () => this.#findSegment();
    this.#snapshotEnd = snapshot?.head.position ?? 0;
    this.#snapshotBytes = snapshot?.bytes ?? 0;
    this.#synced = tail.position;
    const last = tail.segments.at(-1)?.head.number ?? snapshot?.head.number ?? 0;
    [this.#segment, this.#pending] = this.#newSegment(last + 1, tail.position);
    try {
      this.write();
    } catch (error) {
      // Without room for the head nothing else is written either, until there is.
      if (!(error instanceof JournalFullError)) throw error;
    }
  }

  /** The chunks of the newest snapshot; undefined when there is none. */
  snapshot(): Iterable<unknown> | undefined {
    const { disk, snapshot } = this.#opened;
    return snapshot && this.#beating(chunksOf(disk, snapshot));
  }

  /** The records after the snapshot that earlier runs have written, oldest first. */
  *records(): Iterable<Uint8Array> {
    const { disk, tail } = this.#opened;
    for (const segment of tail.segments) yield* this.#beating(recordsOf(disk, segment));
  }

  /** Adds one record, in memory only. Long parts must not change until they are written. */
  append(parts: readonly (string | Uint8Array)[]): void {
    this.#check();
    this.#pending.add(parts, this.#segment.bytes + this.#pending.bytes, this.#promised());
  }

  /**
   * Writes what was appended.
   *
   * @throws {JournalFullError} when there is no room; nothing is lost, and the next call tries again
   * @throws {JournalError} when the journal cannot be used any more
   */
  write(): void {
    this.#check();
    if (this.#pending.bytes === 0) return;
    const { disk, lock, directory } = this.#opened;
    const segment = this.#segment;
    try {
      lock.check();
    } catch (error) {
      throw this.#fail(error as JournalError);
    }
    try {
      segment.bytes = writeAll(disk, segment.file, this.#pending.rows(), segment.bytes);
    } catch (error) {
      throw this.#cutBack(journalErrorOf(`write ${segmentPath(directory, segment.number)}`, error));
    }
    this.#pending.clear();
  }

  /** Forgets what was appended and is not written. */
  discard(): void {
    this.#pending.clear();
    if (this.#segment.bytes === 0) this.#addHead(this.#pending, this.#segment);
  }

  /**
   * Sees to it that there is a reserve.
   *
   * @throws {JournalFullError} when there is no room for it
   */
  reserve(): void {
    this.#check();
    if (this.#hasReserve) return;
    try {
      makeReserve(this.#opened.disk, this.#opened.directory, this.#wasFull ? reserveBytes : 0);
    } catch (error) {
      throw error instanceof JournalFullError ? error : this.#fail(error as JournalError);
    }
    this.#hasReserve = true;
    this.#wasFull = false;
  }

  /** Gives the reserve up, so that something can be written although the disk is full. */
  spendReserve(): void {
    removeReserve(this.#opened.disk, this.#opened.directory);
    this.#hasReserve = false;
    this.#wasFull = true;
  }

  /**
   * Waits until everything that was written would survive a loss of power.
   *
   * @throws {JournalError} when that failed. Nothing can be said of what was written then, so that is final.
   */
  async sync(): Promise<void> {
    this.#check();
    const target = this.#position;
    while (this.#synced < target) {
      await (this.#syncing ??= this.#syncOnce());
      if (this.#failure) throw this.#failure;
    }
  }

  /** Bytes of the records that a successor would replay. */
  get bytesSinceSnapshot(): number {
    return this.#position - this.#snapshotEnd;
  }

  /** Bytes of the newest snapshot; 0 when there is none. */
  get snapshotBytes(): number {
    return this.#snapshotBytes;
  }

  /**
   * Writes what was appended, and begins a new segment. Returns the number of the one that is closed now: with
   * `readSnapshot`, `readSegments` and `writeSnapshot` another thread makes the next snapshot.
   *
   * @throws {JournalFullError} when there is no room; nothing has changed then
   */
  rotate(): number {
    this.write();
    const { disk, directory } = this.#opened;
    const [closed, pending] = [this.#segment, this.#pending];
    [this.#segment, this.#pending] = this.#newSegment(closed.number + 1, this.#position);
    try {
      // A closed segment must not be read without the head of the next, which says where it ends.
      this.write();
    } catch (error) {
      disk.close(this.#segment.file);
      disk.removeNow(segmentPath(directory, this.#segment.number));
      [this.#segment, this.#pending] = [closed, pending];
      throw error;
    }
    this.#retired.push(closed.file);
    // The rest of a closed segment is synced in the background; a failure shows at the next call.
    this.sync().catch(() => undefined);
    return closed.number;
  }

  /** Takes the snapshot of everything up to segment `upTo`, and removes the files that it replaces. */
  adopt(upTo: number): void {
    this.#check();
    const { disk, directory, say } = this.#opened;
    const snapshot = findSnapshot(disk, directory, upTo);
    this.#snapshotEnd = snapshot.head.position;
    this.#snapshotBytes = snapshot.bytes;
    const { segments, snapshots } = numbersIn(disk, directory);
    const old = [
      ...segments.filter((each) => each <= upTo).map((each) => segmentPath(directory, each)),
      ...snapshots.filter((each) => each < upTo).map((each) => snapshotPath(directory, each)),
    ];
    this.#removing = this.#removing.then(async () => {
      for (const path of old) {
        await disk.remove(path).catch((error: unknown) => {
          say(`cannot remove ${path}, which is not needed any more: ${(error as Error).message}`);
        });
      }
    });
  }

  /** Calls back once when another scheduler has taken the journal. */
  onLost(callback: (error: JournalError) => void): void {
    this.#onLost = callback;
    if (this.#failure?.kind === "lost") callback(this.#failure);
  }

  /** Writes and syncs what is left, and gives the journal free. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const { disk, lock, say } = this.#opened;
    try {
      if (this.#failure) return;
      try {
        this.write();
      } catch (error) {
        if (!(error instanceof JournalFullError)) throw error;
        say(`${error.message}: what nobody was told of yet is dropped`);
      }
      await this.sync();
    } finally {
      this.#closed = true;
      await this.#syncing?.catch(() => undefined);
      await this.#removing;
      for (const file of [...this.#retired, this.#segment.file]) disk.close(file);
      lock.release();
    }
  }

  get #position(): number {
    return this.#segment.position + this.#segment.bytes;
  }

  /** Up to where everything is there when the next record is. */
  #promised(): number {
    // The death of a process takes no bytes before others.
    return this.#opened.durability === "process"
      ? this.#position + this.#pending.bytes
      : this.#synced;
  }

  #newSegment(number: number, position: number): [OwnSegment, FrameBuffer] {
    const { disk, directory } = this.#opened;
    const path = segmentPath(directory, number);
    try {
      const segment = { number, file: disk.create(path), position, bytes: 0 };
      const frames = new FrameBuffer();
      this.#addHead(frames, segment);
      this.#hasNewName = true;
      return [segment, frames];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST")
        throw journalErrorOf(`make ${path}`, error);
      throw this.#fail(
        new JournalError(
          "lost",
          `${path} is there already: another scheduler has taken the journal`,
        ),
      );
    }
  }

  #addHead(frames: FrameBuffer, { number, position }: OwnSegment): void {
    const { version, durability } = this.#opened;
    const promised = durability === "process" ? position : this.#synced;
    addHead(frames, { kind: "segment", number, version, position }, promised);
  }

  /** A file that was removed can still be written to, and nobody would ever read it. */
  #findSegment(): void {
    const { disk, directory } = this.#opened;
    const { number, bytes } = this.#segment;
    if (bytes === 0 || numbersIn(disk, directory).segments.includes(number)) return;
    const message = `${segmentPath(directory, number)} was removed while this scheduler wrote to it: what it held is lost`;
    this.#onLost?.(this.#fail(new JournalError("lost", message)));
  }

  /** After a failed write: what was half-written is removed, so that the same bytes can be tried again. */
  #cutBack(error: JournalError): JournalError {
    const { disk } = this.#opened;
    try {
      disk.truncate(this.#segment.file, this.#segment.bytes);
    } catch {
      return this.#fail(new JournalError("failed", error.message, { cause: error }));
    }
    return error instanceof JournalFullError ? error : this.#fail(error);
  }

  async #syncOnce(): Promise<void> {
    const { disk, directory } = this.#opened;
    const [position, retired] = [this.#position, [...this.#retired]];
    const hadNewName = this.#hasNewName;
    this.#hasNewName = false;
    try {
      for (const file of [...retired, this.#segment.file]) await disk.sync(file);
      if (hadNewName) await disk.syncPath(directory);
      this.#synced = position;
      this.#retired = this.#retired.filter((file) => !retired.includes(file));
      for (const file of retired) disk.close(file);
    } catch (error) {
      const { message } = error as Error;
      this.#fail(
        new JournalError(
          "failed",
          `the disk of the journal ${directory} has failed, and what was written last may be lost: ${message}`,
          { cause: error },
        ),
      );
    } finally {
      this.#syncing = undefined;
    }
  }

  /** Keeps the lock while a successor reads for long without a turn of the event loop. */
  *#beating<T>(items: Iterable<T>): Generator<T, void, undefined> {
    for (const item of items) {
      this.#opened.lock.beatIfDue();
      yield item;
    }
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
    if (this.#closed) {
      throw new JournalError("failed", `the journal ${this.#opened.directory} is closed`);
    }
  }

  #fail(error: JournalError): JournalError {
    return (this.#failure ??= error);
  }
}
