// A file to which rows are added, and which the rows of the running code reach in one piece. What was
// written is there also when the program ends in the middle.

import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { messageOf, UsageError } from "../../exit-code.ts";

export class RowFile {
  readonly #name: string;
  readonly #fd: number;
  #rows: Uint8Array[] = [];
  #error: Error | undefined;
  readonly #flush = () => this.#writeRows();

  /**
   * @param name what the file is, in errors
   * @param flags whether rows are added to those that are there
   * @throws {UsageError} when it cannot be written
   */
  constructor(name: string, path: string, flags: "a" | "w") {
    this.#name = `${name} ${path}`;
    try {
      this.#fd = openSync(path, flags);
    } catch (error) {
      throw new UsageError(`the ${this.#name} cannot be written: ${messageOf(error)}`);
    }
    process.once("exit", this.#flush);
  }

  /** Nothing is in the file yet. */
  get isEmpty(): boolean {
    return fstatSync(this.#fd).size === 0;
  }

  /** Drops what comes after so many bytes. */
  cut(bytes: number): void {
    ftruncateSync(this.#fd, bytes);
  }

  /** @throws {Error} when rows could not be written before */
  add(row: Uint8Array): void {
    if (this.#error) throw this.#error;
    if (this.#rows.length === 0) setImmediate(this.#flush);
    this.#rows.push(row);
  }

  /** @throws {Error} when rows could not be written */
  close(): void {
    this.#writeRows();
    process.removeListener("exit", this.#flush);
    closeSync(this.#fd);
    if (this.#error) throw this.#error;
  }

  #writeRows(): void {
    if (this.#rows.length === 0) return;
    const bytes = Buffer.concat(this.#rows);
    this.#rows = [];
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at);
    } catch (error) {
      const message = `the ${this.#name} cannot be written: ${messageOf(error)}`;
      this.#error ??= new Error(message, { cause: error });
    }
  }
}
