// The bytes of one value as they arrive: they wait to be read, and reading them gives the sender credit.

import { ProtocolError } from "../errors/errors.ts";
import type { Shape } from "./messages.ts";
import { bytesOfShape, type Assembly } from "./shape.ts";

/** Most bytes of one value under way: the credit that every value starts with. */
export const windowBytes = 8 * 1024 * 1024;

type Reader = {
  /** Lets the other side send this many more bytes. */
  grant(bytes: number): void;
  /** The chunk is not used any more. */
  release(chunk: Uint8Array): void;
  /** The bytes that have arrived and wait to be read are more, or less, by this many. */
  unread(change: number): void;
};

export class Incoming {
  readonly shape: Shape;
  readonly #socket: Reader;
  /** How many bytes have not arrived yet. */
  #left: number;
  /** Chunks that have arrived and have not been read. */
  readonly #chunks: Uint8Array[] = [];
  /** Bytes read for which no credit has been given. */
  #owed = 0;
  /** How many more bytes the other side may send. */
  #allowed = windowBytes;
  #error: Error | undefined;
  #waiting: PromiseWithResolvers<Uint8Array> | undefined;
  #discarded = false;

  constructor(shape: Shape, socket: Reader) {
    this.shape = shape;
    this.#socket = socket;
    this.#left = bytesOfShape(shape);
  }

  /** All bytes have arrived, read or not. */
  get whole(): boolean {
    return this.#left === 0;
  }

  /** The next bytes. Not to be called when all have been read. */
  read(): Promise<Uint8Array> | Uint8Array {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#socket.unread(-chunk.byteLength);
      return this.#taken(chunk);
    }
    if (this.#error) throw this.#error;
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** Reads all bytes into an assembly; calls `arrived`, which may throw, at every chunk. */
  async readInto(assembly: Assembly, arrived: () => void = () => undefined): Promise<void> {
    while (!assembly.whole) {
      const read = this.read();
      const chunk = read instanceof Promise ? await read : read;
      arrived();
      assembly.add(chunk);
      this.#socket.release(chunk);
    }
  }

  add(chunk: Uint8Array): void {
    if (chunk.byteLength > this.#left || chunk.byteLength === 0) {
      throw new ProtocolError("bytes arrived that the value does not have");
    }
    this.#allowed -= chunk.byteLength;
    if (this.#allowed < 0) throw new ProtocolError("more bytes arrived than were asked for");
    this.#left -= chunk.byteLength;
    if (this.#discarded) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting.resolve(this.#taken(chunk));
    else {
      this.#chunks.push(chunk);
      this.#socket.unread(chunk.byteLength);
    }
  }

  get isAwaited(): boolean {
    return this.#waiting !== undefined;
  }

  /** Drops the bytes that have arrived and that still arrive. */
  discard(): void {
    this.#discarded = true;
    const chunks = this.#chunks.splice(0);
    if (chunks.length > 0)
      this.#socket.unread(-chunks.reduce((sum, one) => sum + one.byteLength, 0));
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.discard();
    this.#waiting?.promise.catch(() => undefined);
    this.#waiting?.reject(this.#error);
    this.#waiting = undefined;
  }

  #taken(chunk: Uint8Array): Uint8Array {
    this.#owed += chunk.byteLength;
    if (this.#owed >= windowBytes / 4 && this.#left > 0) {
      this.#allowed += this.#owed;
      this.#socket.grant(this.#owed);
      this.#owed = 0;
    }
    return chunk;
  }
}
