// Values in files: the interface of the disk that the store uses, and writing and reading values.

import type { Payload } from "../../src/payload/payload.ts";
import type { Shape } from "../../src/transfer/messages.ts";
import { Assembly, type Source } from "../../src/transfer/shape.ts";
import { setTimeout } from "../../src/timers.ts";
import { allocate } from "../boundary/shared-memory.ts";

/** The place for files. A real one is in `local-directory.ts`. */
export type Disk = {
  /** What is written would take memory too, so nothing is to be written. */
  readonly isMemory?: boolean;
  /** Writes these bytes, one after the other, to a new file. No file is left when it rejects. */
  write(rows: readonly Uint8Array[]): Promise<DiskFile>;
};

export type DiskFile = {
  open(): Promise<OpenFile>;
  remove(): Promise<void>;
};

export type OpenFile = {
  /** Fills `into` with the bytes of the file from `from` on. */
  read(into: Uint8Array, from: number): Promise<void>;
  close(): Promise<void>;
};

/** A value in a file. */
export type SpilledFile = DiskFile & { readonly shape: Exclude<Shape, { text: string }> };

/** The bytes of a value, in the order in which they are written. */
export function rowsOf(payload: Payload): Uint8Array[] {
  const head = new TextEncoder().encode(typeof payload === "string" ? payload : payload.head);
  return typeof payload === "string" ? [head] : [head, ...payload.parts];
}

/** Writes a value. */
export async function spill(disk: Disk, payload: Payload): Promise<SpilledFile> {
  const rows = rowsOf(payload);
  const file = await disk.write(rows);
  const [head, ...parts] = rows.map(({ byteLength }) => byteLength) as [number, ...number[]];
  return {
    open: () => file.open(),
    remove: () => file.remove(),
    shape: { head, parts },
  };
}

/** The machine is short of something for now: of open files, of memory. Nothing is wrong with the file. */
const passingCodes: readonly unknown[] = ["EMFILE", "ENFILE", "EAGAIN", "ENOMEM", "EINTR", "EBUSY"];
const againMs = [20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/** Opens a file, and tries again for a while when only the machine is short of something. */
async function openPatiently(file: DiskFile, pausesMs: readonly number[]): Promise<OpenFile> {
  for (const pauseMs of pausesMs) {
    try {
      return await file.open();
    } catch (error) {
      if (!passingCodes.includes((error as NodeJS.ErrnoException).code)) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
  return file.open();
}

/** Reads the whole value, into the memory where it will stay. */
export async function readBack(file: SpilledFile, pausesMs = againMs): Promise<Payload> {
  const assembly = new Assembly(file.shape, allocate);
  const open = await openPatiently(file, pausesMs);
  try {
    let from = 0;
    for (const row of assembly.rows) {
      if (row.byteLength > 0) await open.read(row, from);
      from += row.byteLength;
    }
  } finally {
    await open.close();
  }
  return assembly.take();
}

/** The bytes of the file, chunk by chunk, for another worker or a client. */
export async function fileSource(
  file: SpilledFile,
  closed: () => void,
  pausesMs = againMs,
): Promise<Source> {
  const open = await openPatiently(file, pausesMs);
  let from = 0;
  const end = file.shape.parts.reduce((sum, bytes) => sum + bytes, file.shape.head);
  return {
    shape: file.shape,
    async read(most) {
      const into = new Uint8Array(Math.min(most, end - from));
      await open.read(into, from);
      from += into.byteLength;
      return into;
    },
    close() {
      open.close().catch(() => undefined);
      closed();
    },
  };
}
