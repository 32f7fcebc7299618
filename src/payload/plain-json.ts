// Tells whether a value is plain JSON, so that JSON.stringify and JSON.parse return the same value.
// Every argument list and every result is checked, so the check allocates almost nothing and stops at
// the first doubt. `tree-writer.ts` then handles the value, or explains why it cannot be sent.

import { limits } from "../wire/limits.ts";

export function isPlainJson(value: unknown): boolean {
  return isPlainPrimitive(value) || isPlainContainer(value, 1, undefined);
}

/** Whether all items of an ordinary array are plain primitives: faster than checking the array. */
export function arePlainPrimitives(items: readonly unknown[]): boolean {
  for (let index = 0; index < items.length; index++) {
    if (!isPlainPrimitive(items[index])) return false;
  }
  return true;
}

function isPlainPrimitive(value: unknown): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return value === 0 ? !Object.is(value, -0) : value - value === 0; // false for NaN and Infinity
    default:
      return value === null;
  }
}

/** `seen` holds the containers met so far: one met twice is shared or circular, which JSON loses. */
function isPlainContainer(value: unknown, depth: number, seen: Seen | undefined): boolean {
  if (typeof value !== "object" || value === null || depth > limits.payloadDepth) return false;
  if (Object.getOwnPropertySymbols(value).length > 0) return false;
  if (Array.isArray(value)) {
    if (Object.getPrototypeOf(value) !== Array.prototype) return false;
    const items: unknown[] = value;
    // Fewer values than the length: holes. More: extra properties. (Cheaper than comparing keys.)
    if (Object.values(items).length !== items.length) return false;
    for (let index = 0; index < items.length; index++) {
      const item = items[index];
      if (isPlainPrimitive(item)) continue;
      seen ??= new Seen(value);
      if (!seen.isNew(item) || !isPlainContainer(item, depth + 1, seen)) return false;
    }
    return true;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  let enumerable = 0;
  for (const key in value) {
    if (key === "__proto__") return false;
    enumerable++;
    const item = (value as Record<string, unknown>)[key];
    if (isPlainPrimitive(item)) continue;
    seen ??= new Seen(value);
    if (!seen.isNew(item) || !isPlainContainer(item, depth + 1, seen)) return false;
  }
  return Object.getOwnPropertyNames(value).length === enumerable; // false for hidden properties
}

/**
 * Whether JSON writes a key of this text with an escape, or superjson writes it so in its annotations. V8's
 * JSON.parse (Node 24) may read such a key as another one, that it met before at the same place of an object:
 * `{"a":1,"\\t":2}` as `{"a":1,"\\":2}`. So no encoded value has one.
 */
export function isEscapedKey(key: string): boolean {
  return escaped.test(key);
}
const escaped = /["\\\p{Cc}\p{Surrogate}]/u;

/** Whether an object within a value that is plain JSON has a key that JSON escapes. */
export function hasEscapedKey(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some(hasEscapedKey);
  for (const key in value) {
    if (isEscapedKey(key) || hasEscapedKey((value as Record<string, unknown>)[key])) return true;
  }
  return false;
}

/** A set that starts as a list: most values hold few containers, and a scan of those is faster. */
class Seen {
  readonly #few: unknown[];
  #many: Set<unknown> | undefined;

  constructor(root: object) {
    this.#few = [root];
  }

  /** False when `item` was passed before. */
  isNew(item: unknown): boolean {
    if (this.#many !== undefined) {
      const before = this.#many.size;
      return this.#many.add(item).size > before;
    }
    if (this.#few.includes(item)) return false;
    if (this.#few.push(item) > 16) this.#many = new Set(this.#few);
    return true;
  }
}
