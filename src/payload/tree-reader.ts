// Turns a tree from `tree-writer.ts`, received from another process, back into the user value. The
// sender is not trusted: this code never sets a prototype, reads past an end, or follows the tree
// deeper than `limits.payloadDepth`.

import { rebuildError, isRecord } from "../errors/error-record.ts";
import { SerializationError } from "../errors/errors.ts";
import { limits } from "../wire/limits.ts";
import { binaryValue, isBinaryKind } from "./binary.ts";
import type { Tree } from "./tree-writer.ts";

export class TreeReader {
  readonly #parts: readonly Uint8Array[];
  readonly #inputs: readonly unknown[];
  readonly #valueOf: (text: string) => unknown;
  /** The value made of each branch; superjson produces trees with shared and circular branches. */
  readonly #read: Map<object, unknown> | undefined;
  /** The binary values by part, so that a shared one is shared again. */
  readonly #binaries: unknown[] = [];

  /** `joined`: whether branches may be shared, which is impossible in plain JSON. */
  constructor(
    source: { parts: readonly Uint8Array[]; inputs: readonly unknown[]; joined: boolean },
    valueOf: (text: string) => unknown,
  ) {
    this.#parts = source.parts;
    this.#inputs = source.inputs;
    this.#read = source.joined ? new Map() : undefined;
    this.#valueOf = valueOf;
  }

  /** Reuses the plain arrays and objects of the tree for the value, so read a tree only once. */
  read(tree: Tree, depth = 1): unknown {
    if (typeof tree !== "object" || tree === null) return tree;
    const known = this.#read?.get(tree);
    if (known !== undefined) return known;
    if (depth > limits.payloadDepth) invalid(`is nested deeper than ${limits.payloadDepth}`);
    if (Array.isArray(tree)) return this.#readArray(tree, depth);
    if (Object.getPrototypeOf(tree) === Object.prototype) {
      return this.#readObject(tree as Record<string, Tree>, depth);
    }
    if (tree instanceof Date || tree instanceof RegExp || tree instanceof URL) return tree;
    return invalid("holds something that no encoder makes");
  }

  #readArray(array: Tree[], depth: number): unknown {
    const [mark] = array;
    if (typeof mark === "string" && mark.startsWith("$"))
      return this.#readMarked(array, mark, depth);
    this.#read?.set(array, array);
    for (let index = 0; index < array.length; index++) {
      const branch = array[index];
      if (typeof branch === "object" && branch !== null) {
        array[index] = this.read(branch, depth + 1);
      } else if (branch === undefined && !Object.hasOwn(array, index)) {
        invalid("holds an array with holes"); // which could be billions long
      }
    }
    return array;
  }

  #readObject(object: Record<string, Tree>, depth: number): unknown {
    this.#read?.set(object, object);
    for (const key of Object.keys(object)) {
      if (key === "__proto__") invalid(`holds an own property "__proto__"`);
      const branch = object[key];
      if (typeof branch === "object" && branch !== null) {
        object[key] = this.read(branch, depth + 1);
      }
    }
    return object;
  }

  #readMarked(array: readonly Tree[], mark: string, depth: number): unknown {
    switch (mark) {
      case "$":
        return this.#inputAt(array[1]);
      case "$Array":
        return this.#readItems(array, [] as unknown[], depth, (items, item) => items.push(item));
      case "$Set":
        return this.#readItems(array, new Set(), depth, (set, item) => set.add(item));
      case "$Map":
        return this.#readPairs(array, new Map(), depth, (map, key, value) => map.set(key, value));
      case "$Object":
        return this.#readPairs(array, {}, depth, setProperty);
      case "$Null":
        return this.#readPairs(array, Object.create(null) as object, depth, setProperty);
      case "$Error": {
        const record = array[1];
        if (!isRecord(record)) invalid("holds a malformed error");
        return this.#keep(array, rebuildError(record, this.#valueOf));
      }
      case "$Date":
        return this.#keep(array, new Date(NaN));
      case "$RegExp":
        return this.#keep(array, readRegExp(array));
      default:
        return this.#binaryAt(mark.slice(1), array[1]);
    }
  }

  #readItems<Made extends object>(
    array: readonly Tree[],
    made: Made,
    depth: number,
    add: (made: Made, item: unknown) => void,
  ): Made {
    this.#keep(array, made);
    for (let index = 1; index < array.length; index++) {
      if (!Object.hasOwn(array, index)) invalid("holds an array with holes");
      add(made, this.read(array[index], depth + 1));
    }
    return made;
  }

  #readPairs<Made extends object>(
    array: readonly Tree[],
    made: Made,
    depth: number,
    add: (made: Made, key: unknown, value: unknown) => void,
  ): Made {
    this.#keep(array, made);
    if (array.length % 2 !== 1) invalid("holds a key without a value");
    for (let index = 1; index < array.length; index += 2) {
      if (!Object.hasOwn(array, index)) invalid("holds an array with holes");
      const key = this.read(array[index], depth + 1);
      add(made, key, this.read(array[index + 1], depth + 1));
    }
    return made;
  }

  #keep<Made extends object>(tree: object, made: Made): Made {
    this.#read?.set(tree, made);
    return made;
  }

  #inputAt(index: unknown): unknown {
    if (!isIndexOf(this.#inputs, index)) {
      invalid(`refers to future ${String(index)} of ${this.#inputs.length}`);
    }
    return this.#inputs[index];
  }

  #binaryAt(kind: string, index: unknown): unknown {
    if (!isBinaryKind(kind)) invalid("holds a mark that no encoder makes");
    if (!isIndexOf(this.#parts, index)) {
      invalid(`refers to binary part ${String(index)} of ${this.#parts.length}`);
    }
    return (this.#binaries[index] ??= binaryValue(kind, this.#parts[index] as Uint8Array));
  }
}

function readRegExp([, source, flags, lastIndex]: readonly Tree[]): RegExp {
  if (typeof source !== "string" || typeof flags !== "string" || typeof lastIndex !== "number") {
    invalid("holds a malformed regular expression");
  }
  const made = new RegExp(source, flags);
  made.lastIndex = lastIndex;
  return made;
}

function setProperty(object: object, key: unknown, value: unknown): void {
  if (typeof key !== "string" || key === "__proto__") invalid("holds a malformed property");
  Object.defineProperty(object, key, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}

function isIndexOf(list: readonly unknown[], index: unknown): index is number {
  return Number.isInteger(index) && (index as number) >= 0 && (index as number) < list.length;
}

function invalid(fact: string): never {
  throw new SerializationError(`An encoded value from a peer ${fact}`);
}
