// How far each call in a process is, in a file that the process writes and the worker reads: Node has no
// memory that two processes share. The file outlives a crash, so the worker knows which calls were
// executing. It has no name, so nothing is left of it; nothing waits for a disk, for nobody syncs it.

import fs from "node:fs";
import { nanoid } from "nanoid";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Cells } from "../boundary/cells.ts";

/** By cell: ticket and state as in `Cells`, and when the call began. */
const numbersEach = 2;
const bytesEach = numbersEach * Float64Array.BYTES_PER_ELEMENT;

const usualCells = 4_096;

/** The worker's side. */
export class StateFile {
  readonly fd: number;
  #records = new Float64Array(0);

  /** @throws {Error} when there is no room for it */
  constructor(cells: number) {
    this.fd = openNameless();
    try {
      fs.ftruncateSync(this.fd, cells * bytesEach);
      // What is mostly used has its room now; the rest, for calls that wait for sub-tasks, when it is used.
      fs.writeSync(this.fd, Buffer.alloc(Math.min(cells, usualCells) * bytesEach));
    } catch (error) {
      fs.closeSync(this.fd);
      throw error;
    }
  }

  /** Brings some of the cells up to date, as far as they belong to the same calls. */
  refresh({ states, begins }: Cells, from: number, to: number): void {
    const count = to - from;
    const length = count * numbersEach;
    if (this.#records.length < length) this.#records = new Float64Array(length);
    fs.readSync(this.fd, this.#records, 0, count * bytesEach, from * bytesEach);
    for (let index = 0; index < count; index += 1) {
      const known = states[from + index]!;
      const written = this.#records[index * numbersEach]!;
      if (written >>> 2 !== known >>> 2 || written <= known) continue;
      states[from + index] = written;
      begins[from + index] = this.#records[index * numbersEach + 1]!;
    }
  }

  close(): void {
    fs.closeSync(this.fd);
  }
}

/** In memory where the system offers that and lets us. */
function openNameless(): number {
  const name = `thence-${process.pid}-${nanoid()}`;
  const open = (folder: string): number => {
    const file = path.join(folder, name);
    const fd = fs.openSync(file, "wx+", 0o600);
    fs.unlinkSync(file);
    return fd;
  };
  try {
    return open("/dev/shm");
  } catch {
    return open(tmpdir());
  }
}

/** Notes that a call has begun, or is over. */
export type NoteState = (cell: number, value: number, begin: number) => void;

/** The process's side. */
export function stateWriter(fd: number): NoteState {
  const record = new Float64Array(numbersEach);
  // As it is before the user's modules load.
  const { writeSync } = fs;
  return (cell, value, begin) => {
    record[0] = value;
    record[1] = begin;
    try {
      writeSync(fd, record, 0, bytesEach, cell * bytesEach);
    } catch {
      // No room. Should this process crash, nobody is blamed for it.
    }
  };
}
