// Freezes an object and everything below it, as flat chunks. README.md describes the format.

import {
  bytesOfChunk,
  isShared,
  longestShared,
  pieceLength,
  slotsOfChunk,
  snapshotFormat,
  type Chunk,
  type Slot,
} from "./format.ts";
import type { Shared } from "./known.ts";
import { pathTo } from "./path.ts";
import { Shapes } from "./shapes.ts";

/**
 * The graph of objects below `root` as chunks, each made when it is asked for. Until the last one, nothing
 * in the graph may change.
 *
 * @param outside the functions in the graph that are not of the core, by names that stay
 * @throws {Error} naming the path to an object of an unknown class, or to an unknown function
 */
export function* freeze(root: unknown, outside: Shared = {}): Generator<Chunk> {
  const writer = new Writer(outside);
  writer.put(snapshotFormat);
  writer.write(root);
  for (let object = writer.next(); object !== undefined; object = writer.next()) {
    if (Array.isArray(object)) {
      for (let index = 0; index < object.length; index++) {
        index = writer.writeHoles(object, index);
        if (index < object.length) writer.write(object[index]);
        yield* writer.full();
      }
    } else if (object instanceof Map) {
      writer.put(object.size);
      for (const [key, value] of object as Map<unknown, unknown>) {
        writer.write(key);
        writer.write(value);
        yield* writer.full();
      }
    } else if (object instanceof Set) {
      writer.put(object.size);
      for (const item of object as Set<unknown>) {
        writer.write(item);
        yield* writer.full();
      }
    } else if (ArrayBuffer.isView(object)) {
      writer.writeBytes(object);
    } else {
      writer.writeFields(object);
    }
    yield* writer.full();
  }
  const rest = writer.rest();
  if (rest.length > 0) yield rest;
}

/** Collects slots, and the objects whose contents are still to be written, in the order of their numbers. */
class Writer {
  readonly #shapes: Shapes;
  /** Of objects and of short strings, in the order of their first occurrence. */
  readonly #numbers = new Map<unknown, number>();
  readonly #objects: object[] = [];
  /** By place in `#objects`, the place of the object in which each was found first. */
  readonly #parents: number[] = [];
  /** How many objects have been returned by `next`. */
  #begun = 0;
  #full: Chunk[] = [];
  #chunk: Chunk = [];
  #bytes = 0;

  constructor(outside: Shared) {
    this.#shapes = new Shapes(outside);
  }

  /** The next object whose contents are to be written. */
  next(): object | undefined {
    return this.#objects[this.#begun++];
  }

  /** The chunks that are complete. */
  full(): Chunk[] {
    if (this.#full.length === 0) return none;
    const full = this.#full;
    this.#full = [];
    return full;
  }

  rest(): Chunk {
    return this.#chunk;
  }

  put(slot: Slot): void {
    this.#chunk.push(slot);
    if (typeof slot === "string") this.#bytes += slot.length;
    if (this.#chunk.length < slotsOfChunk && this.#bytes < bytesOfChunk) return;
    this.#full.push(this.#chunk);
    this.#chunk = [];
    this.#bytes = 0;
  }

  write(value: unknown): void {
    switch (typeof value) {
      case "string":
        this.#writeString(value);
        return;
      case "number":
        if (value < 0 && Number.isInteger(value)) this.put(null);
        this.put(value);
        return;
      case "undefined":
      case "boolean":
      case "bigint":
        this.put(value);
        return;
      case "object":
        if (value !== null) this.#writeReference(value);
        else {
          this.put(null);
          this.put(null);
        }
        return;
      case "function":
        this.#writeReference(value);
        return;
      case "symbol":
        this.#refuse(value);
    }
  }

  writeFields(object: object): void {
    const { keys } = this.#shapes.of(object)!;
    for (const key of keys) this.write((object as Record<string, unknown>)[key]);
  }

  /** Writes how many holes begin at this index of an array, and returns the index after them. */
  writeHoles(array: readonly unknown[], index: number): number {
    if (array[index] !== undefined || index in array) return index;
    let end = index + 1;
    while (end < array.length && !(end in array)) end++;
    this.put(null);
    this.put(end - index);
    return end;
  }

  writeBytes({ buffer, byteOffset, byteLength }: ArrayBufferView): void {
    for (let start = 0; start < byteLength; start += pieceLength) {
      const length = Math.min(pieceLength, byteLength - start);
      // A copy, or the piece would have the whole memory of the view with it.
      this.#bytes += length;
      this.put(new Uint8Array(buffer, byteOffset + start, length).slice());
    }
  }

  #writeString(text: string): void {
    if (text.length <= longestShared) {
      const number = this.#numbers.get(text);
      if (number !== undefined) return this.put(-1 - number);
      this.#numbers.set(text, this.#numbers.size);
    }
    if (text.length <= pieceLength) return this.put(text);
    this.put(null);
    this.put(true);
    this.put(Math.ceil(text.length / pieceLength));
    for (let start = 0; start < text.length; start += pieceLength) {
      this.put(text.slice(start, start + pieceLength));
    }
  }

  #writeReference(object: object): void {
    const known = this.#numbers.get(object);
    if (known !== undefined) return this.put(-1 - known);
    const number = this.#numbers.size;
    this.#numbers.set(object, number);
    this.put(-1 - number);
    const before = this.#shapes.count;
    const shape = this.#shapes.of(object);
    if (shape === undefined) this.#refuse(object);
    this.put(shape.number);
    if (shape.number === before) {
      this.put(shape.kind);
      this.put(shape.keys.length);
      for (const key of shape.keys) this.put(key);
    }
    if (isShared(shape.kind)) return;
    if (Array.isArray(object)) this.put(object.length);
    else if (ArrayBuffer.isView(object)) this.put(object.byteLength);
    this.#objects.push(object);
    this.#parents.push(this.#begun - 1);
  }

  #refuse(value: object | symbol): never {
    const parents: object[] = [];
    for (let at = this.#begun - 1; at >= 0; at = this.#parents[at]!) {
      parents.unshift(this.#objects[at]!);
    }
    const what = typeof value === "object" ? "an object of an unknown class" : `a ${typeof value}`;
    throw new Error(
      `a snapshot cannot hold ${what}, or what its fields do not show: root${pathTo(parents, value)}`,
    );
  }
}
const none: Chunk[] = [];
