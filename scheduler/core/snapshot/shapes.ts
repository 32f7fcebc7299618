// Finds the shape of an object: its kind and its fields. Objects of one shape are described once.

import {
  isShared,
  plain,
  sharedPrefix,
  typedArrays,
  withoutPrototype,
  type Shape,
} from "./format.ts";
import { classes, shared, type Shared } from "./known.ts";

const kindsByPrototype = new Map<object | null, string>([
  [null, withoutPrototype],
  [Object.prototype, plain],
  [Array.prototype, "Array"],
  [Map.prototype, "Map"],
  [Set.prototype, "Set"],
  ...Object.entries(classes).map(([name, make]) => [prototypeOf(make()), name] as const),
]);
const namesOfTypedArrays = new Set(typedArrays.map(({ name }) => name));
const withoutFields = new Set(["Array", "Map", "Set", ...namesOfTypedArrays]);
const noKeys: string[] = [];

export class Shapes {
  readonly #names: ReadonlyMap<object, string>;
  readonly #all = new Map<string, Shape>();
  /** By kind and number of fields, the shape found last: the next one nearly always is the same. */
  readonly #last = new Map<string, Shape[]>();

  constructor(outside: Shared) {
    const entries = Object.entries({ ...shared, ...outside });
    this.#names = new Map(entries.map(([name, known]) => [known, sharedPrefix + name]));
  }

  get count(): number {
    return this.#all.size;
  }

  /** Undefined when the object is of no known class, or has something that its fields do not show. */
  of(object: object): Shape | undefined {
    const kind = this.#kindOf(object);
    if (kind === undefined) return undefined;
    const hasFields = !withoutFields.has(kind) && !isShared(kind);
    const keys = hasFields ? Object.keys(object) : noKeys;
    let last = this.#last.get(kind);
    if (last === undefined) this.#last.set(kind, (last = []));
    const found = last[keys.length];
    if (found !== undefined && areEqual(found.keys, keys)) return found;
    if (hasFields && !showsAll(object, kind, keys)) return undefined;
    const shape = this.#find(kind, keys);
    if (keys.length <= mostLast) last[keys.length] = shape;
    return shape;
  }

  #find(kind: string, keys: string[]): Shape {
    const signature = JSON.stringify([kind, ...keys]);
    let shape = this.#all.get(signature);
    if (shape === undefined) {
      shape = { number: this.#all.size, kind, keys };
      this.#all.set(signature, shape);
    }
    return shape;
  }

  #kindOf(object: object): string | undefined {
    const name = this.#names.get(object);
    if (name !== undefined || typeof object === "function") return name;
    if (!ArrayBuffer.isView(object)) return kindsByPrototype.get(prototypeOf(object));
    // A Buffer counts as the Uint8Array that it is.
    const { [Symbol.toStringTag]: tag } = object as Uint8Array;
    return namesOfTypedArrays.has(tag) ? tag : undefined;
  }
}
const mostLast = 100;

function prototypeOf(object: object): object | null {
  return Object.getPrototypeOf(object) as object | null;
}

/** Asked once for each shape: no getters and no symbols, and fields at all, which `#fields` are not. */
function showsAll(object: object, kind: string, keys: readonly string[]): boolean {
  if (kind in classes && keys.length === 0) return false;
  const own = Object.getOwnPropertyDescriptors(object);
  return (
    Reflect.ownKeys(own).length === keys.length &&
    Object.values(own).every((each) => each.get === undefined && each.set === undefined)
  );
}

function areEqual(some: readonly string[], others: readonly string[]): boolean {
  for (let index = 0; index < some.length; index++) {
    if (some[index] !== others[index]) return false;
  }
  return true;
}
