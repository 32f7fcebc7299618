// Arbitrary user values for the payload's property tests, and a strict equality: it distinguishes -0
// from 0, the bits of different NaNs, the classes of views, and a shared reference from two equal
// objects.

import fc from "fast-check";

const typedArrays = [
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
  ...("Float16Array" in globalThis
    ? [(globalThis as unknown as { Float16Array: typeof Float32Array }).Float16Array]
    : []),
];

/** Binary values of every kind, as views on a part of their memory with odd offsets. */
export const binaries: fc.Arbitrary<object> = fc
  .tuple(fc.uint8Array({ maxLength: 64 }), fc.nat(4), fc.nat({ max: typedArrays.length + 4 }))
  .map(([bytes, skip, which]) => {
    const typedArray = typedArrays[which];
    if (typedArray !== undefined) {
      const size = typedArray.BYTES_PER_ELEMENT;
      const memory = new ArrayBuffer(Math.ceil(bytes.length / size) * size + skip * size);
      new Uint8Array(memory).set(bytes);
      return new typedArray(memory, skip * size);
    }
    switch (which - typedArrays.length) {
      case 0:
        return Buffer.concat([Buffer.alloc(skip), bytes]).subarray(skip);
      case 1:
        return new Uint8Array(bytes).buffer;
      case 2:
        return new DataView(new Uint8Array(bytes).buffer, Math.min(skip, bytes.length));
      default: {
        const shared = new SharedArrayBuffer(bytes.length);
        new Uint8Array(shared).set(bytes);
        return which % 2 === 0 ? shared : new Uint8Array(shared);
      }
    }
  });

const numbers = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(NaN, Infinity, -Infinity, 0, -0, Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53),
);

const regularExpressions = fc.constantFrom(
  () => /a\/b[/]"\n/giu,
  () => new RegExp(""),
  () => Object.assign(/x/g, { lastIndex: 3 }),
);

const scalars: fc.Arbitrary<unknown> = fc.oneof(
  numbers,
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom("\ud800", "$", "\\", '"', ".", "é", "\u2028") }),
  fc.boolean(),
  fc.constantFrom(null, undefined),
  fc.bigInt(),
  fc.date({ noInvalidDate: false }),
  fc
    .webUrl()
    .filter((text) => URL.canParse(text))
    .map((text) => new URL(text)),
  regularExpressions.map((make) => make()),
);

/** Property names with a meaning in JavaScript, in superjson's paths or in our marks. */
const keys = fc
  .oneof(
    fc.string(),
    fc.constantFrom(
      "constructor",
      "prototype",
      "toString",
      "toJSON",
      "then",
      "hasOwnProperty",
      "$",
      "$Map",
      "a.b",
      "a\\.b",
      "\\",
      '"',
      "\t",
      "\ud800",
      "",
      "0",
      "1",
      "length",
      "json",
      "meta",
    ),
  )
  .filter((key) => key !== "__proto__");

const marks = fc.constantFrom("$", "$Map", "$Array", "$Float64Array", "$nothing", "~", "^");

/** Values that are plain JSON without escapes in keys, whose payload must equal the output of JSON.stringify. */
export const plainValues: fc.Arbitrary<unknown> = fc
  .jsonValue({ maxDepth: 5 })
  .map((value) => structuredClone(value))
  .filter((value) => {
    const text = JSON.stringify(value);
    return !text.includes("__proto__") && !/\\.[^"]*":/.test(text) && !hasMinusZero(value);
  });

/** All values that can be sent, mixed and nested, with shared and circular references. */
export const values: fc.Arbitrary<unknown> = fc
  .tuple(
    fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 5, withCrossShrink: true },
        scalars,
        binaries,
        fc.array(tie("value"), { maxLength: 5 }),
        fc.tuple(marks, tie("value")),
        fc
          .uniqueArray(fc.tuple(keys, tie("value")), { maxLength: 5, selector: ([key]) => key })
          .map((entries) => Object.fromEntries(entries)),
        fc
          .array(fc.tuple(keys, tie("value")), { maxLength: 4 })
          .map((entries) =>
            Object.assign(Object.create(null) as object, Object.fromEntries(entries)),
          ),
        fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 4 }).map((all) => new Map(all)),
        fc.array(tie("value"), { maxLength: 5 }).map((all) => new Set(all)),
      ),
    })).value,
    fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 5 }),
  )
  .map(([value, ties]) => tieTogether(copyOf(value), ties));

/** Copies containers, because fast-check shrinks its own values, which must not change. */
function copyOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  if (value instanceof Map)
    return new Map([...value].map((entry) => entry.map(copyOf) as [unknown, unknown]));
  if (value instanceof Set) return new Set([...value].map(copyOf));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, copyOf(item)] as const);
  return Object.assign(Object.create(prototype) as object, Object.fromEntries(entries));
}

/** Adds references from some containers of the value to others, or to themselves. */
function tieTogether(value: unknown, ties: readonly (readonly [number, number])[]): unknown {
  const objects: object[] = [];
  collect(value, objects);
  const holders = objects.filter(
    (each) => Array.isArray(each) || each instanceof Map || each instanceof Set,
  );
  for (const [from, to] of ties) {
    const holder = holders[to % holders.length];
    const held = objects[from % objects.length];
    if (Array.isArray(holder)) holder.push(held);
    else if (holder instanceof Set) holder.add(held);
    else if (holder instanceof Map) {
      if (from % 2 === 0) holder.set(held, to);
      else holder.set(`tie${to}`, held);
    }
  }
  return value;
}

function collect(value: unknown, into: object[]): void {
  if (typeof value !== "object" || value === null) return;
  into.push(value);
  if (ArrayBuffer.isView(value)) return;
  if (value instanceof Map || value instanceof Set) {
    for (const [key, item] of value.entries()) {
      if (value instanceof Map) collect(key, into);
      collect(item, into);
    }
  } else for (const item of Object.values(value)) collect(item, into);
}

function hasMinusZero(value: unknown): boolean {
  if (Object.is(value, -0)) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(hasMinusZero);
}

/** Where two values differ, or undefined when they are indistinguishable. */
export function difference(
  a: unknown,
  b: unknown,
  path = "value",
  met = new Map<unknown, unknown>(),
  metInB = new Set<unknown>(),
): string | undefined {
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) {
    return Object.is(a, b) ? undefined : `${path}: ${String(a)} is not ${String(b)}`;
  }
  if (met.has(a)) return met.get(a) === b ? undefined : `${path}: another object than before`;
  if (metInB.has(b)) return `${path}: one object for two`;
  met.set(a, b);
  metInB.add(b);
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return `${path}: another prototype`;
  const bytes = bytesOf(a);
  if (bytes !== undefined) {
    return bytes.equals(bytesOf(b) as Buffer) ? undefined : `${path}: other bytes`;
  }
  if (a instanceof Date && b instanceof Date) {
    return difference(a.getTime(), b.getTime(), path);
  }
  if (a instanceof URL && b instanceof URL) return difference(a.href, b.href, path);
  if (a instanceof RegExp && b instanceof RegExp) {
    return String(a) === String(b) && a.lastIndex === b.lastIndex ? undefined : `${path}: RegExp`;
  }
  const [x, y] = [partsOf(a), partsOf(b)];
  if (x.length !== y.length) return `${path}: ${x.length} parts are not ${y.length}`;
  for (const [index, part] of x.entries()) {
    const found = difference(part, y[index], `${path}[${index}]`, met, metInB);
    if (found !== undefined) return found;
  }
  return undefined;
}

function bytesOf(value: object): Buffer | undefined {
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  return value instanceof ArrayBuffer || value instanceof SharedArrayBuffer
    ? Buffer.from(value)
    : undefined;
}

/** Compares in order, because the order is part of a Map, a Set and an object. */
function partsOf(value: object): unknown[] {
  if (value instanceof Map) return [...value].flat();
  if (value instanceof Set) return [...value];
  if (Array.isArray(value)) return [...(value as unknown[])];
  return Object.entries(value).flat();
}
