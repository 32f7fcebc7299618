// Turns a user value that is not plain JSON into a tree: a copy in which everything that JSON and
// superjson do not carry faithfully stands as a marked array, and refuses what nothing can carry.
//
//   a future            ["$", index among the inputs]
//   a binary value      ["$Float64Array", index among the parts]
//   a Map, a Set        ["$Map", key, value, key, value…]  ["$Set", item…]
//   an Error            ["$Error", record]
//   a rare object       ["$Object", key, value…]  ["$Null", key, value…]  (see `#writeProperties`)
//   an array            ["$Array", item…] when it could be taken for one of these, else itself
//
// Maps and Sets are here because superjson puts references into them by taking the old entry out and
// adding the new one: entries change places, merge, or are lost (a NaN key). Each of these takes one
// level of nesting, as the value it stands for does, so that depth is the same on both sides.

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
import { entryStep, ValuePath, type Step } from "./value-path.ts";
import { whyRefused } from "./refusal.ts";

/** What stands for a user value in JSON text, apart from what superjson adds. */
export type Tree = unknown;

export class TreeWriter {
  /** Keys of the futures met, with their places among the inputs. */
  readonly inputs = new Map<string, number>();
  /** The memory of the binary values met, as far as each shows it. */
  readonly views: Uint8Array[] = [];
  /** Whether the tree holds what JSON cannot say and superjson can. */
  needsSuperjson = false;
  readonly #path: ValuePath;
  readonly #textOf: TextOf;
  readonly #recording: Recording | undefined;
  /** What stands for each object already met, so that a shared one stays one. */
  readonly #written = new Map<object, Tree>();
  #parts: Map<object, number> | undefined;

  /** `recording`: set when the value is part of an error that is being recorded. */
  constructor(where: string, textOf: TextOf, recording?: Recording) {
    this.#path = new ValuePath(where);
    this.#textOf = textOf;
    this.#recording = recording;
  }

  /** Throws a SerializationError that names the place of what cannot be sent. */
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
    this.needsSuperjson = true; // Date, RegExp, URL: superjson keeps them, and which are the same
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
   * Objects are copied as they are, but for two kinds that superjson refuses or alters: those with
   * a property `constructor` or `prototype` (a count of words has them), and those without a prototype.
   */
  #writeProperties(object: Record<string, unknown>, bare: boolean, depth: number): Tree {
    const keys = Object.keys(object);
    if (Reflect.ownKeys(object).length !== keys.length || keys.includes("__proto__")) {
      return this.#refuse(object);
    }
    if (bare || keys.includes("constructor") || keys.includes("prototype")) {
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
    const tree = this.#write(object[key], depth + 1); // read here, for a getter may throw
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
