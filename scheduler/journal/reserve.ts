// The reserve: room on the disk that the journal gives up when there is no other, for what has to be written
// although the disk is full. It is a file of real blocks, which no file system compresses.

import { randomFillSync } from "node:crypto";
import path from "node:path";
import { writeAll, type Disk } from "./disk.ts";
import { journalErrorOf } from "./journal-error.ts";

/** Enough for some ten thousand refused calls. */
export const reserveBytes = 4 * 1024 * 1024;

const pieceBytes = 256 * 1024;

/**
 * Makes the reserve, unless an earlier run has left it.
 *
 * @param spareBytes there has to be room for so much beside it
 * @throws {JournalFullError} when there is not
 */
export function makeReserve(disk: Disk, directory: string, spareBytes: number): void {
  const place = reservePath(directory);
  try {
    if (hasReserve(disk, directory) && Number(disk.facts(place).size) === reserveBytes) return;
    disk.removeNow(place);
    const file = disk.create(place);
    try {
      const piece = new Uint8Array(pieceBytes);
      for (let at = 0; at < reserveBytes + spareBytes;)
        at = writeAll(disk, file, [randomFillSync(piece)], at);
      // Some file systems find out here that there is no room.
      disk.syncNow(file);
      disk.truncate(file, reserveBytes);
    } finally {
      disk.close(file);
    }
  } catch (error) {
    try {
      disk.removeNow(place);
    } catch {
      // The first error says why.
    }
    throw journalErrorOf(`write ${place}`, error);
  }
}

/** Returns whether there was one. */
export function removeReserve(disk: Disk, directory: string): boolean {
  const wasThere = hasReserve(disk, directory);
  disk.removeNow(reservePath(directory));
  return wasThere;
}

export function hasReserve(disk: Disk, directory: string): boolean {
  return disk.list(directory).includes(name);
}

const name = "reserve";

function reservePath(directory: string): string {
  return path.join(directory, name);
}
