// The format of a snapshot: a sequence of slots, cut into chunks. README.md beside this file describes it.

/** The version of the format, in the first slot. It rises when a class or a kind of object of the state changes. */
export const snapshotFormat = 1;

/** A primitive or bytes: whatever `structuredClone` and a serializer copy without a loss. */
export type Slot = undefined | null | boolean | number | bigint | string | Uint8Array;
export type Chunk = Slot[];

/** Bounds on a chunk: slots, and characters and bytes of all of them together. One slot may exceed the latter. */
export const slotsOfChunk = 10_000;
export const bytesOfChunk = 256 * 1024;

/** Strings up to so many characters are written once, and referred to from then on. */
export const longestShared = 64;
/** Longer strings and byte sequences are written in pieces. */
export const pieceLength = 256 * 1024;

/** What the first slot of an object says: its kind, and for a record the names of its fields, in their order. */
export type Shape = { readonly number: number; readonly kind: string; readonly keys: string[] };

/** Before the name of what belongs to the code, in place of a kind. */
export const sharedPrefix = "=";
export function isShared(kind: string): boolean {
  return kind.startsWith(sharedPrefix);
}

/** The kinds that belong to the language. */
export const plain = "Object";
export const withoutPrototype = "null";
export const typedArrays = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];
