// Values that hold futures: arrays, plain objects, Maps and Sets, nested and even cyclic. Anything
// else (Dates, binary data, instances of classes) is a leaf, and is passed on as it is.

import { isFuture, type Future } from "./future.ts";
import { isThenable, promiseGiven } from "./handles.ts";

/**
 * Every future in a shape, in reading order; one that stands twice is given twice.
 *
 * @throws {TypeError} when there is a promise in it, which would be left as it is
 */
export function futuresIn(shape: unknown): Future[] {
  const found: Future[] = [];
  const seen = new Set<object>();
  const visit = (value: unknown): void => {
    if (isFuture(value)) {
      found.push(value);
    } else if (isContainer(value) && !seen.has(value)) {
      seen.add(value);
      if (Array.isArray(value) || value instanceof Set) {
        for (const item of value as Iterable<unknown>) visit(item);
      } else if (value instanceof Map) {
        for (const [key, item] of value) {
          visit(key);
          visit(item);
        }
      } else {
        for (const item of Object.values(value)) visit(item);
      }
    } else if (isThenable(value)) {
      throw promiseGiven();
    }
  };
  visit(shape);
  return found;
}

/** A copy of the shape with each future replaced; what was shared or cyclic in it is so again. */
export function withValues(shape: unknown, valueOf: (future: Future) => unknown): unknown {
  const copies = new Map<object, unknown>();
  const copyOf = <Copy extends object>(original: object, copy: Copy): Copy => {
    copies.set(original, copy);
    return copy;
  };
  const fill = (value: unknown): unknown => {
    if (isFuture(value)) return valueOf(value);
    if (!isContainer(value)) return value;
    const known = copies.get(value);
    if (known !== undefined) return known;
    if (Array.isArray(value)) {
      const copy = copyOf(value, new Array<unknown>(value.length));
      for (let index = 0; index < value.length; index++) copy[index] = fill(value[index]);
      return copy;
    }
    if (value instanceof Set) {
      const copy = copyOf(value, new Set());
      for (const item of value) copy.add(fill(item));
      return copy;
    }
    if (value instanceof Map) {
      const copy = copyOf(value, new Map());
      for (const [key, item] of value) copy.set(fill(key), fill(item));
      return copy;
    }
    const prototype = Object.getPrototypeOf(value) as object | null;
    const copy = copyOf(value, Object.create(prototype) as object);
    for (const [name, item] of Object.entries(value)) {
      // Not an assignment: that would call the setter of `__proto__`.
      Object.defineProperty(copy, name, { value: fill(item), ...plain });
    }
    return copy;
  };
  return fill(shape);
}

const plain = { writable: true, enumerable: true, configurable: true };

function isContainer(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value) || value instanceof Map || value instanceof Set) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
