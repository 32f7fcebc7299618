// The operations on files that a journal needs, and the real disk. A test puts another in its place, which is
// full, fails, or forgets what was not synced. Nothing is mapped into memory: network file systems refuse that.

import {
  closeSync,
  fdatasync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  utimesSync,
  writevSync,
  type BigIntStats,
} from "node:fs";
import { rm } from "node:fs/promises";
import { promisify } from "node:util";
import { makeFolder } from "../../src/make-folder.ts";
import { timestamp } from "../../src/timers.ts";

export type Disk = {
  /** Makes the directory, for its owner alone, and those above it. */
  makeDirectory(path: string): void;
  list(directory: string): string[];
  facts(path: string): BigIntStats;
  /** Fills `into` with the bytes from `from` on, and returns how many there were. */
  read(path: string, into: Uint8Array, from: number): number;
  /** Makes a file for its owner alone, and opens it. Fails with EEXIST when there is one. */
  create(path: string): number;
  /** Returns how many bytes were written, which may be fewer than there are. */
  write(file: number, rows: readonly Uint8Array[], at: number): number;
  truncate(file: number, bytes: number): void;
  /** Waits until what was written would survive a loss of power. */
  sync(file: number): Promise<void>;
  /** The same, and holds up the thread. */
  syncNow(file: number): void;
  close(file: number): void;
  /** Makes a file durable that another run has written, or the names of the files in a directory. */
  syncPath(path: string): Promise<void>;
  syncPathNow(path: string): void;
  rename(from: string, to: string): void;
  /** Sets the time of the last change to now. */
  touch(path: string): void;
  /** Removes the file if it is there. */
  removeNow(path: string): void;
  /** The same in another thread: to free a large file takes long. */
  remove(path: string): Promise<void>;
};

const fdatasyncLater = promisify(fdatasync);
const fsyncLater = promisify(fsync);

export const realDisk: Disk = {
  makeDirectory: (path) => makeFolder(path, 0o700),
  list: (directory) => readdirSync(directory),
  // Files are opened, also to see their facts: on a network file system, attributes may be old otherwise.
  facts: (path) => opened(path, (file) => fstatSync(file, { bigint: true })),
  read: (path, into, from) => opened(path, (file) => readFully(file, into, from)),
  create: (path) => openSync(path, "wx", 0o600),
  write: (file, rows, at) => writevSync(file, rows, at),
  truncate: ftruncateSync,
  sync: fdatasyncLater,
  syncNow: fsyncSync,
  close: closeSync,
  async syncPath(path) {
    const file = openSync(path, "r");
    try {
      await fsyncLater(file);
    } catch (error) {
      passOverUnsupported(error);
    } finally {
      closeSync(file);
    }
  },
  syncPathNow(path) {
    opened(path, (file) => {
      try {
        fsyncSync(file);
      } catch (error) {
        passOverUnsupported(error);
      }
    });
  },
  rename: renameSync,
  touch: (path) => utimesSync(path, timestamp() / 1000, timestamp() / 1000),
  removeNow: (path) => rmSync(path, { force: true }),
  remove: (path) => rm(path, { force: true }),
};

function opened<T>(path: string, run: (file: number) => T): T {
  const file = openSync(path, "r");
  try {
    return run(file);
  } finally {
    closeSync(file);
  }
}

function readFully(file: number, into: Uint8Array, from: number): number {
  let length = 0;
  while (length < into.byteLength) {
    const read = readSync(file, into, length, into.byteLength - length, from + length);
    if (read === 0) break;
    length += read;
  }
  return length;
}

/** Some file systems have nothing to sync for a directory. */
function passOverUnsupported(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== "EINVAL") throw error;
}

/** The most rows in one call of the operating system. */
const mostRows = 1024;

/** Writes all bytes, and returns the place after them. */
export function writeAll(
  disk: Disk,
  file: number,
  rows: readonly Uint8Array[],
  from: number,
): number {
  let at = from;
  let left = rows;
  while (left.length > 0) {
    let written = disk.write(file, left.slice(0, mostRows), at);
    at += written;
    let whole = 0;
    while (whole < left.length && written >= left[whole]!.byteLength) {
      written -= left[whole]!.byteLength;
      whole += 1;
    }
    const half = left[whole];
    left = left.slice(whole);
    if (half && written > 0) left = [half.subarray(written), ...left.slice(1)];
  }
  return at;
}

/** The text of a file; undefined when it is not there. */
export function readText(disk: Disk, path: string): string | undefined {
  try {
    const content = Buffer.alloc(Number(disk.facts(path).size));
    return content.toString("utf8", 0, disk.read(path, content, 0));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Makes a file appear whole: under another name first, synced, then renamed. */
export function writeWhole(disk: Disk, path: string, write: (file: number) => void): void {
  const temporary = `${path}${temporaryEnding}`;
  disk.removeNow(temporary);
  try {
    const file = disk.create(temporary);
    try {
      write(file);
      disk.syncNow(file);
    } finally {
      disk.close(file);
    }
    disk.rename(temporary, path);
  } catch (error) {
    disk.removeNow(temporary);
    throw error;
  }
}
export const temporaryEnding = ".tmp";
