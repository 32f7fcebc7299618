// A value in a file: what the store needs of a disk, and how the bytes go there and come back.

import type { Payload } from "../../src/payload/payload.ts";
import type { Shape } from "../../src/transfer/messages.ts";
import { Assembly, type Source } from "../../src/transfer/shape.ts";
import { allocate } from "../boundary/shared-memory.ts";

/** Where files are written. A real one is `local-directory.ts`. */
export type Disk = {
  /** A new file with these bytes, one after the other. When it rejects, nothing is left of it. */
  write(rows: readonly Uint8Array[]): Promise<DiskFile>;
};

export type DiskFile = {
  open(): Promise<OpenFile>;
  remove(): Promise<void>;
};

export type OpenFile = {
  /** Fills `into` with the bytes from here on. */
  read(into: Uint8Array, from: number): Promise<void>;
  close(): Promise<void>;
};

/** A value in a file. */
export type SpilledFile = DiskFile & { readonly shape: Exclude<Shape, { text: string }> };

/** What is to be written of a value. */
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

/** Reads it whole, to where it will stay. */
export async function readBack(file: SpilledFile): Promise<Payload> {
  const assembly = new Assembly(file.shape, allocate);
  const open = await file.open();
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

/** Its bytes for somebody else, chunk by chunk. */
export async function fileSource(file: SpilledFile, closed: () => void): Promise<Source> {
  const open = await file.open();
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
