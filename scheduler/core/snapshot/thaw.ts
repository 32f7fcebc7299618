// Thaws what `freeze` made: the same graph of objects, which behaves in the same way.

import {
  isShared,
  longestShared,
  plain,
  sharedPrefix,
  snapshotFormat,
  typedArrays,
  withoutPrototype,
  type Chunk,
  type Slot,
} from "./format.ts";
import { classes, shared, type Shared } from "./known.ts";

/**
 * The root of the graph. A chunk is asked for when those before it have been read.
 *
 * @param outside the functions that were given to `freeze`
 * @throws {Error} for a snapshot of a newer format, or one that is not whole
 */
export function thaw(chunks: Iterable<Chunk>, outside: Shared = {}): unknown {
  const reader = new Reader(chunks, outside);
  const format = reader.take();
  if (typeof format !== "number") throw new Error("this is no snapshot of the scheduler's core");
  if (format > snapshotFormat) {
    throw new Error(
      `the snapshot has format ${format}, of a newer version; this one reads up to ${snapshotFormat}`,
    );
  }
  const root = reader.read();
  reader.fillAll();
  reader.expectEnd();
  return root;
}

type Fields = Record<string, unknown>;
/** How objects of a shape are made and filled. */
type Mold = {
  readonly make: (reader: Reader) => object;
  /** Undefined when there is nothing in it. */
  readonly fill: ((reader: Reader, object: never) => void) | undefined;
};

class Reader {
  readonly #chunks: Iterator<Chunk>;
  readonly #shared: Shared;
  readonly #molds: Mold[] = [];
  /** Objects and short strings, by number. */
  readonly #made: unknown[] = [];
  /** Objects that are made and not filled, and how, in the order of their numbers. */
  readonly #empty: (object | undefined)[] = [];
  readonly #fills: ((reader: Reader, object: never) => void)[] = [];
  #chunk: Chunk = [];
  #at = 0;

  constructor(chunks: Iterable<Chunk>, outside: Shared) {
    this.#chunks = chunks[Symbol.iterator]();
    this.#shared = { ...shared, ...outside };
  }

  /** The next slot, as it is. */
  take(): Slot {
    while (this.#at === this.#chunk.length) {
      const next = this.#chunks.next();
      if (next.done === true) throw new Error("the snapshot ends too early");
      this.#chunk = next.value;
      this.#at = 0;
    }
    return this.#chunk[this.#at++];
  }

  takeNumber(): number {
    const slot = this.take();
    if (typeof slot !== "number") throw notWhole("a number");
    return slot;
  }

  /** The next value. An object may not be filled yet. */
  read(): unknown {
    return this.#valueOf(this.take());
  }

  #valueOf(slot: Slot): unknown {
    if (typeof slot === "string") {
      if (slot.length <= longestShared) this.#made.push(slot);
      return slot;
    }
    if (typeof slot === "number") {
      return slot < 0 && Number.isInteger(slot) ? this.#referTo(-1 - slot) : slot;
    }
    return slot === null ? this.#readEscaped() : slot;
  }

  /** Fills what was made. Iterative, since a chain of tasks may be long. */
  fillAll(): void {
    for (let at = 0; at < this.#empty.length; at++) {
      this.#fills[at]!(this, this.#empty[at] as never);
      this.#empty[at] = undefined;
    }
  }

  expectEnd(): void {
    if (this.#at === this.#chunk.length && this.#chunks.next().done === true) return;
    throw new Error("the snapshot is damaged: it has more than the objects of its root");
  }

  #referTo(number: number): unknown {
    if (number < this.#made.length) return this.#made[number];
    if (number > this.#made.length) throw notWhole("an object");
    const { make, fill } = this.#moldAt(this.takeNumber());
    const object = make(this);
    this.#made.push(object);
    if (fill === undefined) return object;
    this.#empty.push(object);
    this.#fills.push(fill);
    return object;
  }

  #moldAt(number: number): Mold {
    const known = this.#molds[number];
    if (known) return known;
    const kind = this.take();
    if (number !== this.#molds.length || typeof kind !== "string") throw notWhole("a shape");
    const keys = Array.from({ length: this.takeNumber() }, () => String(this.take()));
    const mold = moldOf(kind, keys, this.#shared);
    this.#molds.push(mold);
    return mold;
  }

  #readEscaped(): unknown {
    const slot = this.take();
    if (slot !== true) return slot;
    return Array.from({ length: this.takeNumber() }, () => this.take()).join("");
  }

  /** The items of an array, of which as many as a `null` says were never set. */
  fillArray(array: unknown[]): void {
    for (let index = 0; index < array.length; index++) {
      const slot = this.take();
      const value = this.#valueOf(slot);
      if (slot === null && typeof value === "number" && value > 0) index += value - 1;
      else array[index] = value;
    }
  }
}

function moldOf(kind: string, keys: readonly string[], known: Shared): Mold {
  if (isShared(kind)) {
    const name = kind.slice(sharedPrefix.length);
    const found = known[name];
    if (found === undefined) throw new Error(`the snapshot has an unknown name, ${name}`);
    return { make: () => found, fill: undefined };
  }
  switch (kind) {
    case plain:
      return { make: cloner(keys), fill: filler(keys) };
    case withoutPrototype:
      return { make: () => Object.create(null) as object, fill: filler(keys) };
    case "Array":
      // Of its full length from the start: an array that grows by `push` has room for seventeen.
      return {
        make: (reader) => new Array<unknown>(reader.takeNumber()),
        fill: (reader, array: unknown[]) => reader.fillArray(array),
      };
    case "Map":
      return { make: () => new Map(), fill: fillMap };
    case "Set":
      return { make: () => new Set(), fill: fillSet };
  }
  const TypedArray = typedArrays.find(({ name }) => name === kind);
  if (TypedArray) {
    return {
      make: (reader) => new TypedArray(reader.takeNumber() / TypedArray.BYTES_PER_ELEMENT),
      fill: fillBytes,
    };
  }
  const make = classes[kind];
  if (make === undefined)
    throw new Error(`the snapshot has an object of an unknown class, ${kind}`);
  return { make, fill: filler(keys) };
}

/**
 * Copies one object for all of a shape. The engine then gives them the layout that objects from the
 * literals of the core have: as small, and as fast to work with.
 */
function cloner(keys: readonly string[]): () => object {
  const text = keys.map((key) => `${JSON.stringify(key)}:null`).join();
  const template = JSON.parse(`{${text}}`) as object;
  return () => ({ ...template });
}

function filler(keys: readonly string[]): (reader: Reader, object: Fields) => void {
  if (keys.includes("__proto__")) return fillWithCare(keys);
  return (reader, object) => {
    for (const key of keys) object[key] = reader.read();
  };
}

/** An assignment to this name would set the prototype. */
function fillWithCare(keys: readonly string[]): (reader: Reader, object: Fields) => void {
  return (reader, object) => {
    for (const key of keys) {
      const how = { writable: true, enumerable: true, configurable: true };
      Object.defineProperty(object, key, { value: reader.read(), ...how });
    }
  };
}

function fillMap(reader: Reader, map: Map<unknown, unknown>): void {
  for (let left = reader.takeNumber(); left > 0; left--) {
    const key = reader.read();
    map.set(key, reader.read());
  }
}

function fillSet(reader: Reader, set: Set<unknown>): void {
  for (let left = reader.takeNumber(); left > 0; left--) set.add(reader.read());
}

function fillBytes(reader: Reader, { buffer, byteLength }: ArrayBufferView): void {
  const bytes = new Uint8Array(buffer);
  for (let start = 0; start < byteLength;) {
    const piece = reader.take();
    if (!(piece instanceof Uint8Array)) throw notWhole("bytes");
    bytes.set(piece, start);
    start += piece.byteLength;
  }
}

function notWhole(what: string): Error {
  return new Error(`the snapshot is damaged: it does not have ${what} where it should`);
}
