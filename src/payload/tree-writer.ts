// Turns a user value that is not plain JSON into a tree: a copy in which a marked array replaces
// everything that JSON and superjson would alter. Refuses values that cannot be sent.
//
//   a future            ["$", index among the inputs]
//   a binary value      ["$Float64Array", index among the parts]
//   a Map, a Set        ["$Map", key, value, key, value…]  ["$Set", item…]
//   an Error            ["$Error", record]
//   a rare object       ["$Object", key, value…]  ["$Null", key, value…]  (see `#writeProperties`)
//   an array            ["$Array", item…] when it begins like a marked array, else itself
//
// Maps and Sets are marked because superjson restores references in them by removing the old entry
// and adding a new one, which reorders, merges or loses entries (a NaN key). A marked array has one
// level of nesting, like the value it replaces, so that the depth is the same on both sides.

import {
  isError,
  newRecording,
  recordOf,
  type Recording,
  type TextOf,
} from "../errors/error-record.ts";
import { SerializationError } from "../errors/errors.ts";
import { futureKey, isFutureLike } from "./future-key.ts";
import { limits } from "../wire/limits.ts";
import { binaryDefect, binaryKind, visibleBytes } from "./binary.ts";
import { isEscapedKey } from "./plain-json.ts";
import { entryStep, ValuePath, type Step } from "./value-path.ts";
import { whyRefused } from "./refusal.ts";

/** The form of a user value in JSON text, without the annotations of superjson. */
export type Tree = unknown;

export class TreeWriter {
  /** Keys of the futures in the value, with their indexes among the inputs. */
  readonly inputs = new Map<string, number>();
  /** Views on the bytes of the binary values. */
  readonly views: Uint8Array[] = [];
  /** Whether the tree holds values that JSON would alter and superjson preserves. */
  needsSuperjson = false;
  readonly #path: ValuePath;
  readonly #textOf: TextOf;
  readonly #recording: Recording | undefined;
  /** The tree of each object already written, so that a shared object stays shared. */
  readonly #written = new Map<object, Tree>();
  #parts: Map<object, number> | undefined;

  /** @param recording given when the value is part of an error that is being recorded */
  constructor(where: string, textOf: TextOf, recording?: Recording) {
    this.#path = new ValuePath(where);
    this.#textOf = textOf;
    this.#recording = recording;
  }

  /** @throws {SerializationError} naming the place inside the value that cannot be sent */
  write(value: unknown): Tree {
    try {
      return this.#write(value, 1);
    } catch (error) {
      if (error instanceof SerializationError) throw error;
      const words = error instanceof Error ? error.message : String(error);
      const path = String(this.#path);
      throw new SerializationError(`${path} cannot be read: ${words}`, { path, cause: error });
    }
  }

  #write(value: unknown, depth: number): Tree {
    switch (typeof value) {
      case "string":
      case "boolean":
        return value;
      case "number":
        if (value - value !== 0 || Object.is(value, -0)) this.needsSuperjson = true;
        return value;
      case "undefined":
      case "bigint":
        this.needsSuperjson = true;
        return value;
      case "object":
        return value === null ? null : this.#writeObject(value, depth);
      default:
        return this.#refuse(value);
    }
  }

  #writeObject(value: object, depth: number): Tree {
    if (isFutureLike(value)) return ["$", this.#inputOf(value[futureKey])];
    const known = this.#written.get(value);
    if (known !== undefined) {
      this.needsSuperjson = true;
      return known;
    }
    if (depth > limits.payloadDepth) {
      this.#fail(
        "Flatten it, or pass parts of it on their own",
        `is nested too deep (more than ${limits.payloadDepth} levels)`,
      );
    }
    if (Array.isArray(value)) return this.#writeArray(value, depth);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) {
      return this.#writeProperties(value as Record<string, unknown>, prototype === null, depth);
    }
    const kind = binaryKind(value);
    if (kind !== undefined) return [`$${kind}`, this.#partOf(value)];
    if (isError(value)) {
      const recording = this.#recording ?? newRecording();
      return this.#keep(value, ["$Error", recordOf(value, this.#textOf, recording)]);
    }
    if (Reflect.ownKeys(value).length > (prototype === RegExp.prototype ? 1 : 0)) {
      return this.#refuse(value);
    }
    switch (prototype) {
      case Map.prototype:
        return this.#writeMap(value as Map<unknown, unknown>, depth);
      case Set.prototype:
        return this.#writeSet(value as Set<unknown>, depth);
      case Date.prototype:
        if (Number.isNaN((value as Date).getTime())) return this.#keep(value, ["$Date"]);
        break;
      case RegExp.prototype: {
        const { source, flags, lastIndex } = value as RegExp;
        if (lastIndex !== 0) return this.#keep(value, ["$RegExp", source, flags, lastIndex]);
        break;
      }
      case URL.prototype:
        break;
      default:
        return this.#refuse(value);
    }
    this.needsSuperjson = true; // Date, RegExp, URL: superjson preserves them and their identity
    return this.#keep(value, value);
  }

  #writeArray(array: readonly unknown[], depth: number): Tree {
    if (Object.getPrototypeOf(array) !== Array.prototype) return this.#refuse(array);
    if (Object.getOwnPropertySymbols(array).length > 0) return this.#refuse(array);
    if (Object.values(array).length !== array.length) return this.#refuse(array);
    const tree: Tree[] = [];
    this.#keep(array, tree);
    const first = array[0];
    if (typeof first === "string" && first.startsWith("$")) tree.push("$Array");
    for (let index = 0; index < array.length; index++) {
      const item = array[index];
      if (item === undefined && !Object.hasOwn(array, index)) return this.#refuse(array);
      tree.push(this.#inside(index, item, depth));
    }
    return tree;
  }

  /**
   * Copies an object as it is. Three kinds that superjson or JSON refuses or alters are marked: objects with a
   * property `constructor` or `prototype` (word counts have them), objects with a key that needs an escape, and
   * objects without a prototype.
   */
  #writeProperties(object: Record<string, unknown>, bare: boolean, depth: number): Tree {
    const keys = Object.keys(object);
    if (Reflect.ownKeys(object).length !== keys.length || keys.includes("__proto__")) {
      return this.#refuse(object);
    }
    if (bare || keys.some(isMarkedKey)) {
      const tree: Tree[] = [bare ? "$Null" : "$Object"];
      this.#keep(object, tree);
      for (const key of keys) tree.push(key, this.#property(object, key, depth));
      return tree;
    }
    const tree: Record<string, Tree> = {};
    this.#keep(object, tree);
    for (const key of keys) tree[key] = this.#property(object, key, depth);
    return tree;
  }

  #writeMap(map: ReadonlyMap<unknown, unknown>, depth: number): Tree {
    const tree: Tree[] = ["$Map"];
    this.#keep(map, tree);
    let index = 0;
    for (const [key, value] of map) {
      tree.push(this.#inside({ words: `.keys()[${index}]` }, key, depth));
      tree.push(this.#inside(entryStep(key, index), value, depth));
      index++;
    }
    return tree;
  }

  #writeSet(set: ReadonlySet<unknown>, depth: number): Tree {
    const tree: Tree[] = ["$Set"];
    this.#keep(set, tree);
    let index = 0;
    for (const item of set) {
      tree.push(this.#inside({ words: `.values()[${index}]` }, item, depth));
      index++;
    }
    return tree;
  }

  #property(object: Record<string, unknown>, key: string, depth: number): Tree {
    this.#path.push(key);
    const tree = this.#write(object[key], depth + 1); // a getter may throw here, with its path
    this.#path.pop();
    return tree;
  }

  #inside(step: Step, value: unknown, depth: number): Tree {
    this.#path.push(step);
    const tree = this.#write(value, depth + 1);
    this.#path.pop();
    return tree;
  }

  #keep(value: object, tree: Tree): Tree {
    this.#written.set(value, tree);
    return tree;
  }

  #inputOf(key: string): number {
    let index = this.inputs.get(key);
    if (index === undefined) {
      index = this.inputs.size;
      if (index >= limits.inputs) {
        this.#fail(
          "Gather some of them first",
          `is one future too many (the limit is ${limits.inputs})`,
        );
      }
      this.inputs.set(key, index);
    }
    return index;
  }

  #partOf(value: object): number {
    this.#parts ??= new Map();
    let index = this.#parts.get(value);
    if (index === undefined) {
      const defect = binaryDefect(value);
      if (defect !== undefined) this.#fail("Pass a copy of the bytes", `is ${defect}`);
      index = this.views.push(visibleBytes(value)) - 1;
      this.#parts.set(value, index);
    }
    return index;
  }

  #refuse(value: unknown): never {
    const { advice, fact } = whyRefused(value);
    this.#fail(advice, fact);
  }

  #fail(advice: string, fact: string): never {
    const path = String(this.#path);
    throw new SerializationError(`${advice}: ${path} ${fact}`, { path });
  }
}

/** superjson, which names places by their paths, escapes a dot in a key. */
function isMarkedKey(key: string): boolean {
  return key === "constructor" || key === "prototype" || key.includes(".") || isEscapedKey(key);
}
