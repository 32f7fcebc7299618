// Binary values inside user values: takes out their bytes and rebuilds values of the same kind. Only
// the bytes that a view shows are carried, bit for bit, in the byte order of the machine (every
// platform that Node runs on today is little-endian).

import { SerializationError } from "../errors/errors.ts";

/** The names of the typed arrays; a platform may lack the newest of them. */
const typedArrayNames = [
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float16Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
] as const;
type TypedArrayName = (typeof typedArrayNames)[number];

export type BinaryKind =
  TypedArrayName | "Buffer" | "ArrayBuffer" | "SharedArrayBuffer" | "DataView";

type TypedArrayClass = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView;
};
const platform = globalThis as unknown as Partial<Record<string, unknown>>;
const typedArrayClasses = new Map<string, TypedArrayClass>();
for (const name of typedArrayNames) {
  const found = platform[name] as TypedArrayClass | undefined;
  if (found !== undefined) typedArrayClasses.set(name, found);
}
/** Undefined in browsers, where a `Buffer` arrives as a `Uint8Array`. */
const BufferClass = platform["Buffer"] as typeof Buffer | undefined;

/** The kind of a binary value, or undefined for anything else, including subclasses of the kinds. */
export function binaryKind(value: object): BinaryKind | undefined {
  const tag = tagOf(value);
  if (!ArrayBuffer.isView(value)) {
    if (tag !== "ArrayBuffer" && tag !== "SharedArrayBuffer") return undefined;
    return isOwnInstance(value, tag) && Reflect.ownKeys(value).length === 0 ? tag : undefined;
  }
  if (tag === "DataView") {
    return isOwnInstance(value, tag) && Reflect.ownKeys(value).length === 0 ? tag : undefined;
  }
  if (BufferClass !== undefined && Object.getPrototypeOf(value) === BufferClass.prototype) {
    return "Buffer";
  }
  return typedArrayClasses.has(tag) && isOwnInstance(value, tag) ? (tag as BinaryKind) : undefined;
}

/** Why a binary value cannot be sent as it is, or undefined when it can. */
export function binaryDefect(value: object): string | undefined {
  const view = ArrayBuffer.isView(value);
  const memory = (view ? value.buffer : value) as ArrayBufferLike & {
    detached?: boolean;
    resizable?: boolean;
    growable?: boolean;
  };
  if (memory.detached === true) return "memory that was transferred away";
  if (!view && memory.resizable === true) return "a resizable ArrayBuffer";
  if (!view && memory.growable === true) return "a growable SharedArrayBuffer";
  return undefined;
}

/** A view on the bytes of a binary value, without a copy. */
export function visibleBytes(value: object): Uint8Array {
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value as ArrayBufferLike);
}

/**
 * Copies views into one new block of memory, each at a multiple of eight bytes so that any typed
 * array can start there. The copy makes a payload a snapshot: the user may change the originals as
 * soon as `encode` returns. Nothing else refers to the memory, so it can be transferred.
 */
export function packParts(
  views: readonly Uint8Array[],
  allocate: (bytes: number) => ArrayBufferLike = (bytes) => new ArrayBuffer(bytes),
): Uint8Array[] {
  let bytes = 0;
  for (const view of views) bytes += aligned(view.byteLength);
  const memory = allocate(bytes);
  let offset = 0;
  return views.map((view) => {
    const part = new Uint8Array(memory, offset, view.byteLength);
    part.set(view);
    offset += aligned(view.byteLength);
    return part;
  });
}

/** Bytes up to which a value never shares memory with others. */
const smallBytes = 64 * 1024;

/** Whether a view would keep, and show to who looks at its `buffer`, much more than its own bytes. */
function sharesMuch({ buffer, byteLength }: Uint8Array): boolean {
  if (buffer.byteLength === byteLength) return false;
  return byteLength <= smallBytes || buffer.byteLength > 2 * byteLength;
}

/**
 * Rebuilds a value of a kind from `part`: a view on the part's memory where the alignment allows and most
 * of that memory is its own, else a copy.
 */
export function binaryValue(kind: string, given: Uint8Array): object {
  const part = sharesMuch(given) ? new Uint8Array(given) : given;
  const { buffer, byteOffset, byteLength } = part;
  switch (kind) {
    case "Buffer":
      return BufferClass === undefined
        ? new Uint8Array(buffer, byteOffset, byteLength)
        : BufferClass.from(buffer, byteOffset, byteLength);
    case "DataView":
      return new DataView(buffer, byteOffset, byteLength);
    case "ArrayBuffer":
      if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) return buffer;
      return new Uint8Array(part).buffer;
    case "SharedArrayBuffer": {
      const shared = new SharedArrayBuffer(byteLength);
      new Uint8Array(shared).set(part);
      return shared;
    }
    default: {
      const found = typedArrayClasses.get(kind);
      if (found === undefined) {
        throw new SerializationError(`This platform has no binary values of kind ${kind}`);
      }
      const size = found.BYTES_PER_ELEMENT;
      if (byteLength % size !== 0) {
        throw new SerializationError(`${byteLength} bytes do not make a whole ${kind}`);
      }
      return byteOffset % size === 0
        ? new found(buffer, byteOffset, byteLength / size)
        : new found(new Uint8Array(part).buffer, 0, byteLength / size);
    }
  }
}

export function isBinaryKind(kind: string): boolean {
  return (
    (typedArrayNames as readonly string[]).includes(kind) ||
    kind === "Buffer" ||
    kind === "ArrayBuffer" ||
    kind === "SharedArrayBuffer" ||
    kind === "DataView"
  );
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** Compares class names, not identities: test runners and `vm` create values in other realms. */
function isOwnInstance(value: object, name: string): boolean {
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null;
  return prototype?.constructor?.name === name;
}
