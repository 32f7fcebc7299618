// What jobs wrote and must wait for their turn: in memory while there is room, else in temporary files.

import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Deque } from "../../../scheduler/core/structures/deque.ts";
import type { Sink } from "./standard-output.ts";

/** What all spools together hold in memory. */
const memoryBytes = 64 * 2 ** 20;
const chunkBytes = 64 * 1024;

/** The room that spools share. */
export class SpoolRoom {
  freeBytes: number;
  #folder: string | undefined;
  #files = 0;
  readonly #remove = () => this.close();

  constructor(freeBytes = memoryBytes) {
    this.freeBytes = freeBytes;
  }

  /** The path of a file that is not there yet. */
  newFile(): string {
    if (this.#folder === undefined) {
      this.#folder = mkdtempSync(path.join(tmpdir(), "thence-map-output-"));
      process.once("exit", this.#remove);
    }
    return path.join(this.#folder, `${++this.#files}`);
  }

  close(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
    process.removeListener("exit", this.#remove);
  }
}

export class Spool {
  readonly #room: SpoolRoom;
  readonly #chunks = new Deque<Uint8Array>();
  /** Holds all bytes, once there was no room for them. */
  #file:
    { readonly path: string; readBytes: number; writtenBytes: number; fd?: number } | undefined;

  constructor(room: SpoolRoom) {
    this.#room = room;
  }

  /** @throws {Error} when the temporary file cannot be written */
  write(bytes: Uint8Array): void {
    if (!this.#file && bytes.length <= this.#room.freeBytes) {
      this.#chunks.pushBack(bytes);
      this.#room.freeBytes -= bytes.length;
      return;
    }
    try {
      this.#file ??= { path: this.#room.newFile(), readBytes: 0, writtenBytes: 0 };
      const { path } = this.#file;
      const fd = (this.#file.fd ??= openSync(path, "a", 0o600));
      for (let chunk; (chunk = this.#nextChunk());)
        this.#file.writtenBytes += writeWhole(fd, chunk);
      this.#file.writtenBytes += writeWhole(fd, bytes);
    } catch (error) {
      throw new Error(
        `let TMPDIR name a folder with more room: the output of a job cannot be kept until its turn: ${(error as Error).message}`,
        { cause: error },
      );
    }
  }

  /** No more is written for now; files that wait do not take up file descriptors. */
  rest(): void {
    if (this.#file?.fd === undefined) return;
    closeSync(this.#file.fd);
    delete this.#file.fd;
  }

  /** Moves everything to the sink, also what is written meanwhile. */
  moveTo(sink: Sink): void | Promise<void> {
    // Most outputs are short, and are printed without waiting.
    for (let chunk; !this.#file && (chunk = this.#nextChunk());) {
      const wait = sink.write(chunk);
      if (wait) return wait.then(() => this.moveTo(sink));
    }
    if (this.#file) return this.#moveFile(sink);
  }

  clear(): void {
    while (this.#nextChunk());
    this.rest();
    if (this.#file) rmSync(this.#file.path, { force: true });
    this.#file = undefined;
  }

  async #moveFile(sink: Sink): Promise<void> {
    const file = this.#file!;
    const fd = openSync(file.path, "r");
    try {
      while (file.readBytes < file.writtenBytes) {
        const chunk = Buffer.allocUnsafe(chunkBytes);
        const read = readSync(fd, chunk, 0, chunk.length, file.readBytes);
        file.readBytes += read;
        await sink.write(chunk.subarray(0, read));
      }
    } finally {
      closeSync(fd);
    }
    this.clear();
  }

  #nextChunk(): Uint8Array | undefined {
    const chunk = this.#chunks.popFront();
    if (chunk) this.#room.freeBytes += chunk.length;
    return chunk;
  }
}

function writeWhole(fd: number, bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
  return bytes.length;
}
