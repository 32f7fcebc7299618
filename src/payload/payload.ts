// Encodes and decodes user values. A payload is encoded once by its producer, decoded once by its
// consumer, and passed on unopened in between.
//
// The first character of its text tells the format:
//   plain JSON    most values: JSON.stringify and nothing else
//   "~" + JSON    a tree (see `tree-writer.ts`): plain values that hold futures, binaries, Maps…
//   "^" + JSON    a tree encoded by superjson: undefined, NaN, -0, bigint, Date, RegExp, URL, and
//                 shared or circular references
//   "="           nothing but this: the text, of one of the formats above, is long, and is the last part
// The bytes of binary values are kept beside the text, as parts. So is a long text, in UTF-8: the heap of
// V8 has a limit of its own, and whoever keeps or passes on a payload is to keep it outside.

import { SuperJSON } from "superjson";
import { newRecording, type TextOf } from "../errors/error-record.ts";
import { SerializationError } from "../errors/errors.ts";
import { startStackBelow } from "../errors/stack.ts";
import { formatSize } from "../size.ts";
import { limits } from "../wire/limits.ts";
import { packParts } from "./binary.ts";
import { BinaryPayload } from "./binary-payload.ts";
import { pathToLargest } from "./largest-part.ts";
import { arePlainPrimitives, hasEscapedKey, isPlainJson } from "./plain-json.ts";
import { fromUtf8, toUtf8, utf8Length } from "./utf8.ts";
import { TreeReader } from "./tree-reader.ts";
import { TreeWriter, type Tree } from "./tree-writer.ts";

/** An encoded user value: text, or text with raw binary parts. Opaque to the scheduler. */
export type Payload = string | BinaryPayload;

/** `inputs`: the keys of the futures inside the value, each once, in the order of their first use. */
export type Encoded = { readonly payload: Payload; readonly inputs: readonly string[] };

export type EncodeRoom = {
  /** The largest allowed size. Default: what fits into a frame. */
  mostBytes?: number;
  /** Allocates the memory for the binary parts. Default: a new ArrayBuffer. */
  allocate?: (bytes: number) => ArrayBufferLike;
};

const noInputs: readonly string[] = Object.freeze([]);
const noParts: readonly Uint8Array[] = Object.freeze([]);

/** Saved before the user's code is loaded, which may replace them. */
const { parse, stringify } = JSON;

/** The text of a payload whose own text is its last part. */
const textInPart = "=";
/** From so many characters on, a text is carried as a part. */
const longText = 64 * 1024;

/** The text for `undefined`, the result of many functions, so it takes a shortcut. */
const undefinedText = '^{"json":null,"meta":{"values":["undefined"],"v":1}}';

/** `dedupe` writes a shared object once; without it a value of n shared pairs takes 2ⁿ characters. */
const superjson = new SuperJSON({ dedupe: true });

/**
 * Encodes a snapshot of a value: later changes to it, or to the memory of its binary values, have no
 * effect. These arrive unaltered, in any mixture and nested to `limits.payloadDepth` levels: plain
 * objects (with or without a prototype) and arrays; strings, numbers including NaN and -0, bigint,
 * undefined; Date, RegExp, URL, Map, Set; Buffer, ArrayBuffer, SharedArrayBuffer, DataView and typed
 * arrays, with the bytes that they show; shared and circular references; futures. Getters are read.
 * Errors are carried as described at `toErrorRecord`.
 *
 * @param where names the root in errors: "argument", "result"
 * @param room bounds the size, and allocates the memory of binary parts
 * @throws {SerializationError} naming the place inside the value that cannot be sent
 *
 * @example encode([1, { when: new Date() }], "argument").payload;
 */
export function encode(value: unknown, where = "value", room: EncodeRoom = {}): Encoded {
  const { mostBytes = limits.frameBytes } = room;
  if (value === undefined) return { payload: undefinedText, inputs: noInputs };
  const plain = plainText(value);
  if (plain !== undefined) {
    const payload = payloadWith(plain, noParts, room) ?? refuseSize(value, where, mostBytes);
    return { payload, inputs: noInputs };
  }
  const writer = new TreeWriter(where, textOf);
  const tree = written(writer, value);
  if (bytesOf(writer.views) > mostBytes) refuseSize(value, where, mostBytes);
  const text = textOfTree(tree, writer.needsSuperjson, where);
  const payload = payloadWith(text, writer.views, room) ?? refuseSize(value, where, mostBytes);
  return { payload, inputs: writer.inputs.size === 0 ? noInputs : [...writer.inputs.keys()] };
}

/** Undefined when it would be too large. */
function payloadWith(
  text: string,
  views: readonly Uint8Array[],
  { mostBytes = limits.frameBytes, allocate }: EncodeRoom,
): Payload | undefined {
  const isShort = text.length < longText;
  // Most values are no more than a short text.
  if (isShort && views.length === 0) return text.length > mostBytes ? undefined : text;
  if (text.length + bytesOf(views) > mostBytes) return undefined;
  if (isShort) return new BinaryPayload(text, packParts(views, allocate));
  const bytes = toUtf8(text);
  if (bytes.byteLength + bytesOf(views) > mostBytes) return undefined;
  const isAlone = views.length === 0 && allocate === undefined;
  const parts = isAlone ? [bytes] : packParts([...views, bytes], allocate);
  return new BinaryPayload(textInPart, parts);
}

function bytesOf(views: readonly Uint8Array[]): number {
  return views.reduce((sum, view) => sum + view.byteLength, 0);
}

function written(writer: TreeWriter, value: unknown): Tree {
  try {
    return writer.write(value);
  } catch (error) {
    // The frames for the levels of a deep value would push the caller's frame out of the stack.
    if (error instanceof SerializationError) startStackBelow(error, encode);
    throw error;
  }
}

/**
 * Encodes like `encode`, for an array that our own code made around its items. Faster when all items
 * are primitives, as most arguments are.
 */
export function encodeList(items: readonly unknown[], where: string): Encoded {
  if (!arePlainPrimitives(items)) return encode(items, where);
  const payload = payloadWith(stringify(items), noParts, {});
  return { payload: payload ?? refuseSize(items, where, limits.frameBytes), inputs: noInputs };
}

/**
 * Decodes a payload. `inputs[i]` replaces the i-th future. Typed arrays, DataViews and Buffers are
 * views on the payload's memory where the alignment allows, so decode a payload with binary parts
 * only once, or do not write to the results.
 *
 * @throws {SerializationError} for anything that `encode` does not produce; any input is safe
 */
export function decode(payload: Payload, inputs: readonly unknown[] = []): unknown {
  if (payload === undefinedText) return undefined;
  try {
    const { text, parts } = opened(payload);
    switch (text.charAt(0)) {
      case "~": {
        const tree: Tree = parse(text.slice(1));
        return new TreeReader({ parts, inputs, joined: false }, decode).read(tree);
      }
      case "^": {
        const tree = parseSuperjson(text.slice(1));
        return new TreeReader({ parts, inputs, joined: true }, decode).read(tree);
      }
      default:
        return parseJson(text);
    }
  } catch (error) {
    if (error instanceof SerializationError) throw error;
    const words = error instanceof Error ? error.message : String(error);
    throw new SerializationError(`An encoded value cannot be read: ${words}`, { cause: error });
  }
}

/** From so many characters on, a text costs less outside the heap than on it. */
const textWorthMoving = 256;

/** The same value for somebody who keeps many: with its text outside the heap, unless that is very short. */
export function outsideHeap(payload: Payload): Payload {
  if (typeof payload !== "string" || payload.length < textWorthMoving) return payload;
  return new BinaryPayload(textInPart, [toUtf8(payload)]);
}

function opened(payload: Payload): { text: string; parts: readonly Uint8Array[] } {
  if (typeof payload === "string") return { text: payload, parts: noParts };
  const { head, parts } = payload;
  if (head !== textInPart) return { text: head, parts };
  const last = parts.at(-1);
  if (last === undefined)
    throw new SerializationError("An encoded value from a peer lacks its text");
  return { text: fromUtf8(last), parts: parts.slice(0, -1) };
}

/** Characters of the text plus bytes of the parts: fast, and exact for ASCII text. */
export function payloadBytes(payload: Payload): number {
  return typeof payload === "string" ? payload.length : payload.byteLength;
}

/** Encodes a value for the record of an error; undefined when it needs more than text. */
export const textOf: TextOf = (value, recording = newRecording()) => {
  const plain = plainText(value);
  if (plain !== undefined) return plain;
  const writer = new TreeWriter("value", textOf, recording);
  const tree = writer.write(value);
  if (writer.inputs.size > 0 || writer.views.length > 0) return undefined;
  return textOfTree(tree, writer.needsSuperjson, "value");
};

/** The JSON of a value, or undefined when JSON would alter it or a getter throws. */
function plainText(value: unknown): string | undefined {
  try {
    if (!isPlainJson(value)) return undefined;
    const text = stringify(value);
    const mayHaveEscapes = typeof value === "object" && text.includes("\\");
    return mayHaveEscapes && hasEscapedKey(value) ? undefined : text;
  } catch {
    return undefined;
  }
}

function textOfTree(tree: Tree, needsSuperjson: boolean, where: string): string {
  try {
    return needsSuperjson ? `^${stringify(superjson.serialize(tree))}` : `~${stringify(tree)}`;
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new SerializationError(`${where} cannot be encoded: ${words}`, { cause: error });
  }
}

/** JSON.parse makes "__proto__" an own property, which changes the prototype of a later copy. */
function parseJson(text: string): unknown {
  if ((text.includes("__proto__") || text.includes("\\u00")) && protoKey.test(text)) {
    throw new SerializationError(`An encoded value from a peer has an own property "__proto__"`);
  }
  return parse(text);
}

/** The key `__proto__` with any escapes of JSON. In a string value, its closing quote would be escaped. */
const protoKey =
  /"(?:_|\\u005f){2}(?:p|\\u0070)(?:r|\\u0072)(?:o|\\u006f)(?:t|\\u0074)(?:o|\\u006f)(?:_|\\u005f){2}"\s*:/i;

/** The annotations that superjson makes for trees; no others are accepted from a peer. */
const annotations: ReadonlySet<unknown> = new Set([
  "undefined",
  "number",
  "bigint",
  "Date",
  "regexp",
  "URL",
]);

function parseSuperjson(text: string): Tree {
  const parsed = parse(text) as Parameters<typeof superjson.deserialize>[0];
  const noted: object = parsed.meta?.values ?? {};
  for (const note of Array.isArray(noted)
    ? [noted]
    : Object.values<unknown>(noted as Record<string, unknown>)) {
    if (!Array.isArray(note) || note.length !== 1 || !annotations.has(note[0])) {
      throw new SerializationError("An encoded value from a peer has an unknown annotation");
    }
  }
  return superjson.deserialize(parsed, { inPlace: true });
}

function refuseSize(value: unknown, where: string, mostBytes: number): never {
  const path = pathToLargest(value, where, (part) => isLarger(part, mostBytes));
  const advice =
    where === "argument" ? "`client.scatter` it and pass its future, split it up" : "Split it up";
  throw new SerializationError(
    `${advice}, or let the task read it from a file: ${path} is larger than ${formatSize(mostBytes)}`,
    { path },
  );
}

/** Whether a part of an encodable value is too large by itself; nothing of it is copied. */
function isLarger(part: unknown, mostBytes: number): boolean {
  const plain = plainText(part);
  if (plain !== undefined) return utf8Length(plain) > mostBytes;
  const writer = new TreeWriter("value", textOf);
  const tree = writer.write(part);
  const bytes = bytesOf(writer.views);
  if (bytes > mostBytes) return true;
  return bytes + utf8Length(textOfTree(tree, writer.needsSuperjson, "value")) > mostBytes;
}
