// An encoded user value, made once by its producer, read once by its consumer, unopened in between.
//
// Its text is one of three, told apart by the first character:
//   JSON itself   plain JSON values, by far the most: nothing is done but JSON.stringify
//   "~" + JSON    a tree (see `tree-writer.ts`): plain values that hold futures, binaries, Maps…
//   "^" + JSON    a tree put through superjson: undefined, NaN, -0, bigint, Date, RegExp, URL, and
//                 objects that are shared or go in circles
// The bytes of binary values stand beside the text as parts.

import { SuperJSON } from "superjson";
import { newRecording, type TextOf } from "../errors/error-record.ts";
import { SerializationError } from "../errors/errors.ts";
import { startStackBelow } from "../errors/stack.ts";
import { limits } from "../wire/limits.ts";
import { packParts } from "./binary.ts";
import { arePlainPrimitives, isPlainJson } from "./plain-json.ts";
import { TreeReader } from "./tree-reader.ts";
import { TreeWriter, type Tree } from "./tree-writer.ts";

/** An encoded user value. Text, or text plus raw binary parts. Opaque to the scheduler. */
export type Payload = string | BinaryPayload;

export class BinaryPayload {
  readonly head: string;
  readonly parts: readonly Uint8Array[];
  readonly byteLength: number;

  constructor(head: string, parts: readonly Uint8Array[]) {
    this.head = head;
    this.parts = parts;
    this.byteLength = parts.reduce((bytes, part) => bytes + part.byteLength, head.length);
  }
}

/** `inputs`: the keys of the futures found, each once, in the order first seen. */
export type Encoded = { readonly payload: Payload; readonly inputs: readonly string[] };

export type EncodeRoom = {
  /** What is larger is refused. Default: what fits into a frame. */
  mostBytes?: number;
  /** Makes the memory for the binary parts. Default: a new ArrayBuffer. */
  allocate?: (bytes: number) => ArrayBufferLike;
};

const noInputs: readonly string[] = Object.freeze([]);
const noParts: readonly Uint8Array[] = Object.freeze([]);

/** As they were before the user's code, which may put others in their place, was loaded. */
const { parse, stringify } = JSON;

/** What a function without a result returns, known by heart because so many have none. */
const undefinedText = '^{"json":null,"meta":{"values":["undefined"],"v":1}}';

/** `dedupe` writes a shared object once; without it a value of n shared pairs takes 2ⁿ characters. */
const superjson = new SuperJSON({ dedupe: true });

/**
 * Encodes a value as it is now: later changes to it, or to the memory of its binary values, do not
 * matter. Carried unaltered are, mixed and nested to `limits.payloadDepth` levels: plain objects (with
 * or without a prototype) and arrays; strings, numbers including NaN and -0, bigint, undefined;
 * Date, RegExp, URL, Map, Set; Buffer, ArrayBuffer, SharedArrayBuffer, DataView and typed arrays,
 * as far as they show their memory; shared and circular references; futures. Getters are read.
 * Errors are carried as `toErrorRecord` says.
 *
 * @param where names the root in errors: "argument", "result"
 * @param room how large it may be, and in what memory its binary parts are put
 * @throws SerializationError that names the place inside the value of what cannot be carried
 *
 * @example encode([1, { when: new Date() }], "argument").payload;
 */
export function encode(value: unknown, where = "value", room: EncodeRoom = {}): Encoded {
  const { mostBytes = limits.frameBytes, allocate } = room;
  if (value === undefined) return { payload: undefinedText, inputs: noInputs };
  const plain = plainText(value);
  if (plain !== undefined) {
    if (plain.length > mostBytes) refuseSize(where, mostBytes);
    return { payload: plain, inputs: noInputs };
  }
  const writer = new TreeWriter(where, textOf);
  const tree = written(writer, value);
  const bytes = writer.views.reduce((sum, view) => sum + view.byteLength, 0);
  if (bytes > mostBytes) refuseSize(where, mostBytes);
  const head = textOfTree(tree, writer.needsSuperjson, where);
  if (head.length + bytes > mostBytes) refuseSize(where, mostBytes);
  const payload =
    writer.views.length === 0 ? head : new BinaryPayload(head, packParts(writer.views, allocate));
  return { payload, inputs: writer.inputs.size === 0 ? noInputs : [...writer.inputs.keys()] };
}

function written(writer: TreeWriter, value: unknown): Tree {
  try {
    return writer.write(value);
  } catch (error) {
    // The levels of a deep value would hide in whose code it was given.
    if (error instanceof SerializationError) startStackBelow(error, encode);
    throw error;
  }
}

/**
 * Encodes a list that is an ordinary array, made by us for its items, as `encode` does; quicker when
 * the items are as simple as most arguments are.
 */
export function encodeList(items: readonly unknown[], where: string): Encoded {
  if (!arePlainPrimitives(items)) return encode(items, where);
  const payload = stringify(items);
  if (payload.length > limits.frameBytes) refuseSize(where, limits.frameBytes);
  return { payload, inputs: noInputs };
}

/**
 * The value that was encoded. `inputs[i]` stands where the i-th future stood. Typed arrays, DataViews
 * and Buffers stand on the payload's own memory where alignment allows, so a payload with binary
 * parts is to be decoded once, or by those who do not write to what they get.
 *
 * @throws SerializationError for anything that `encode` does not make; harmless whatever it is given
 */
export function decode(payload: Payload, inputs: readonly unknown[] = []): unknown {
  const text = typeof payload === "string" ? payload : payload.head;
  if (text === undefinedText) return undefined;
  const parts = typeof payload === "string" ? noParts : payload.parts;
  try {
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

/** Characters of the text plus bytes of the parts: quick, and right for text in ASCII. */
export function payloadBytes(payload: Payload): number {
  return typeof payload === "string" ? payload.length : payload.byteLength;
}

/** The text of a value that is text alone, for what is recorded inside errors. */
export const textOf: TextOf = (value, recording = newRecording()) => {
  const plain = plainText(value);
  if (plain !== undefined) return plain;
  const writer = new TreeWriter("value", textOf, recording);
  const tree = writer.write(value);
  if (writer.inputs.size > 0 || writer.views.length > 0) return undefined;
  return textOfTree(tree, writer.needsSuperjson, "value");
};

/** Undefined for anything that JSON would alter, and for what cannot be read: others say why. */
function plainText(value: unknown): string | undefined {
  try {
    return isPlainJson(value) ? stringify(value) : undefined;
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

/** JSON.parse makes "__proto__" an own property, a trap for whoever copies the object later. */
function parseJson(text: string): unknown {
  if ((text.includes("__proto__") || text.includes("\\u00")) && protoKey.test(text)) {
    throw new SerializationError(`An encoded value from a peer has an own property "__proto__"`);
  }
  return parse(text);
}

/** The key as it may be written in JSON. Inside a string its closing quote would be escaped. */
const protoKey =
  /"(?:_|\\u005f){2}(?:p|\\u0070)(?:r|\\u0072)(?:o|\\u006f)(?:t|\\u0074)(?:o|\\u006f)(?:_|\\u005f){2}"\s*:/i;

/** What superjson notes on the leaves of our trees, and all that it may be asked to make. */
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
      throw new SerializationError("An encoded value from a peer has an annotation not ours");
    }
  }
  return superjson.deserialize(parsed, { inPlace: true });
}

function refuseSize(where: string, mostBytes: number): never {
  const mebibytes = Math.floor(mostBytes / 2 ** 20);
  throw new SerializationError(
    `Split it up, or let the task read it from a file: ${where} is larger than ${mebibytes} MiB`,
    { path: where },
  );
}
