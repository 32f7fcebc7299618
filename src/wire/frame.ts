// The frame codec. A frame is one message of the socket and carries many messages of the roles.
// A small one without binary parts is text, a JSON array: `[ack, message, …]`. Others are binary: the
// byte length of the text (u32, little endian), the text, then the parts, each at a multiple of 8
// bytes so that it can be viewed in place as numbers of any size. The array then holds the lengths of
// the parts, `[ack, [bytes, …], message, …]`, and a message refers to its parts as
// `{ head, first, count }`. A 0 stands where a message was left out: the others keep their numbers.

import { ProtocolError } from "../errors/errors.ts";
import { formatSize } from "../size.ts";
import { BinaryPayload } from "../payload/binary-payload.ts";
import type { SocketData } from "../link/socket.ts";
import { limits } from "./limits.ts";
import { stringifyMessage } from "./text-columns.ts";

/** A frame without its acknowledgement, which is added when the frame is written. */
export type FrameBody = {
  /**
   * Of a frame for which there is room on the heap, the text after the ack, with the closing bracket. Otherwise the
   * frame, with room for the ack: it may wait long for a peer that does not read, and outside the heap there is more
   * room.
   */
  readonly content: string | Buffer;
  /** How many messages it carries. */
  readonly messages: number;
  /** The size: exact, or characters of text. */
  readonly bytes: number;
};

/** Frames with more text than this are bytes, whether they have parts or not. */
const mostTextBytes = 4 * 1024;
/** The digits of the largest count, and where they are. */
const ackDigits = String(Number.MAX_SAFE_INTEGER).length;
const ackAt = 5;
const space = 0x20;

export type Frame = {
  /** The number of messages that the sender had received when it wrote this frame. */
  ack: number;
  /** Empty in a heartbeat; with gaps. */
  messages: unknown[];
  /** Small ones have memory of their own, and others lie in the frame. */
  parts: readonly Uint8Array[];
};

export const noParts: readonly Uint8Array[] = Object.freeze([]);

/** A frame that only acknowledges. */
export const heartbeat: FrameBody = { content: "]", messages: 0, bytes: 1 };

/** In place of a message that was too large for a frame. */
export const gap = 0;

/** The most parts of a frame: a frame with millions of empty ones would be expensive to read. */
const partsPerFrame = 1_000_000;
/** What a part takes that is read, beside its bytes: a view of the frame, and a copy with memory of its own. */
const partBytes = 600;
/** A peer that takes frames of so many bytes lets what it reads of one take at least so many times as much. */
const readPerByte = 4;

/** Gathers messages into frames. */
export class FrameBuilder {
  #text = "";
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  #messages = 0;
  /** The start of the newest message. */
  #mark = { text: 0, parts: 0, partBytes: 0 };

  get empty(): boolean {
    return this.#text === "";
  }

  get bytes(): number {
    return this.#text.length + this.#partBytes;
  }

  add(message: object): void {
    this.#mark = { text: this.#text.length, parts: this.#parts.length, partBytes: this.#partBytes };
    collected = this.#parts;
    try {
      this.#text += `,${stringifyMessage(message)}`;
    } finally {
      collected = undefined;
      this.#messages += 1;
    }
    for (let index = this.#mark.parts; index < this.#parts.length; index += 1) {
      this.#partBytes += padded(this.#parts[index]!.byteLength);
    }
  }

  addGap(): void {
    this.#text += `,${gap}`;
    this.#messages += 1;
  }

  /** Removes the newest message, even if `add` threw in the middle of it. */
  undo(): void {
    this.#text = this.#text.slice(0, this.#mark.text);
    this.#parts.length = this.#mark.parts;
    this.#partBytes = this.#mark.partBytes;
    this.#messages -= 1;
  }

  /**
   * Whether the frame is within a limit of bytes on the wire, which are counted exactly only when close to it; and
   * with several messages, within the limit of these.
   */
  fits(limit: number): boolean {
    const mostParts = Math.min(partsPerFrame, (readPerByte * limit) / partBytes);
    if (this.#parts.length > Math.max(1, mostParts)) return false;
    const lengths = this.#parts.length * 10 + 64;
    if (this.#messages > 1 && this.#text.length + lengths > limits.sharedFrameLength) return false;
    const rest = this.#partBytes + lengths;
    if (this.#text.length * 3 + rest <= limit) return true;
    return Buffer.byteLength(this.#text) + rest <= limit;
  }

  /**
   * Returns the frame of everything added, and starts the next one.
   *
   * @param roomForText characters of text that its owner has room for on the heap: a frame that leaves at once costs
   * less as text
   */
  take(roomForText = 0): FrameBody {
    const messages = this.#messages;
    const text = `${this.#text}]`;
    const isText = this.#parts.length === 0 && text.length < Math.max(roomForText, mostTextBytes);
    const content = isText ? text : binaryFrame(text, this.#parts);
    this.#text = "";
    this.#partBytes = this.#messages = 0;
    if (this.#parts.length > 0) this.#parts = [];
    return { content, messages, bytes: content.length };
  }
}

export function writeFrame(ack: number, { content }: FrameBody): SocketData {
  if (typeof content === "string") return `[${ack}${content}`;
  const lastDigitAt = ackAt + ackDigits - 1;
  // What was written before may not have left, and does not change.
  const frame = content[lastDigitAt] === space ? content : Buffer.from(content);
  frame.write(String(ack).padStart(ackDigits), ackAt, "latin1");
  return frame;
}

function binaryFrame(messages: string, parts: readonly Uint8Array[]): Buffer {
  const lengths = parts.map((part) => part.byteLength).join();
  const text = `[${" ".repeat(ackDigits)},[${lengths}]${messages}`;
  const textBytes = Buffer.byteLength(text);
  let end = padded(4 + textBytes);
  for (const part of parts) end += padded(part.byteLength);
  const frame = Buffer.allocUnsafeSlow(end);
  frame.writeUInt32LE(textBytes, 0);
  frame.write(text, 4, "utf8");
  let offset = 4 + textBytes;
  for (const part of parts) {
    // The padding is zeroed, so that no other memory of this process is sent.
    frame.fill(0, offset, padded(offset));
    offset = padded(offset);
    frame.set(part, offset);
    offset += part.byteLength;
  }
  frame.fill(0, offset);
  return frame;
}

/**
 * Reads a frame from any data.
 *
 * @param mostBytes memory that what is read may take, beside the bytes of the parts; finite where a frame must not hold up others
 * @throws {ProtocolError} when the data is not a frame, or would take more
 */
export function readFrame(data: SocketData, mostBytes = Infinity): Frame {
  if (typeof data === "string") return frameOf(parsed(data, mostBytes), noParts, data.length);
  if (data.byteLength < 8) throw new ProtocolError("a binary frame is shorter than its header");
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const textEnd = 4 + buffer.readUInt32LE(0);
  if (textEnd > buffer.length) throw new ProtocolError("a binary frame is shorter than its text");
  const text = buffer.toString("utf8", 4, textEnd);
  const array = parsed(text, mostBytes);
  const lengths: unknown = array[1];
  if (!Array.isArray(lengths)) throw new ProtocolError("a binary frame names no parts");
  if (lengths.length > partsPerFrame || lengths.length * partBytes > mostBytes) {
    throw new ProtocolError("a binary frame has too many parts");
  }
  const parts: Uint8Array[] = [];
  let offset = padded(textEnd);
  for (const length of lengths as unknown[]) {
    if (!isCount(length) || offset + length > data.byteLength) {
      throw new ProtocolError("a binary frame is shorter than the parts it names");
    }
    parts.push(partAt(data, offset, length));
    offset = padded(offset + length);
  }
  if (offset !== data.byteLength) {
    throw new ProtocolError("a binary frame is longer than the parts it names");
  }
  array.splice(1, 1);
  return frameOf(array, parts, text.length);
}

/**
 * A part that is most of the memory it lies in stays there, if numbers of any size can be viewed in it: at a multiple
 * of 8. Others are copied, since one that is kept would keep all of that memory.
 */
function partAt(data: Uint8Array, offset: number, length: number): Uint8Array {
  const { buffer } = data;
  const start = data.byteOffset + offset;
  const part = new Uint8Array(buffer, start, length);
  return start % 8 === 0 && 2 * length > buffer.byteLength ? part : part.slice();
}

/** How many parts of a frame have been referred to. */
const partsUsed = new WeakMap<readonly Uint8Array[], number>();

/** The payload that `{ head, first, count }` refers to in a frame with these parts. */
export function payloadOf(
  reference: { head: string; first: number; count: number },
  parts: readonly Uint8Array[],
): BinaryPayload {
  const end = reference.first + reference.count;
  if (end > parts.length) {
    throw new ProtocolError(`refers to part ${end} of a frame that has ${parts.length}`);
  }
  // A list for each of thousands of payloads, with all parts of the frame, would take far more than these.
  const used = (partsUsed.get(parts) ?? 0) + reference.count;
  if (used > parts.length) throw new ProtocolError("refers to parts of a frame more than once");
  partsUsed.set(parts, used);
  return new BinaryPayload(reference.head, parts.slice(reference.first, end));
}

function frameOf(array: unknown[], parts: readonly Uint8Array[], length: number): Frame {
  const ack = array[0];
  if (!isCount(ack)) throw new ProtocolError("a frame does not begin with an acknowledgement");
  if (array.length > 2 && length > limits.sharedFrameLength) {
    throw new ProtocolError(
      `a frame of several messages has more than ${limits.sharedFrameLength} characters`,
    );
  }
  array.shift();
  return { ack, messages: array, parts };
}

/** The most memory that a character of JSON takes once it is read, in bytes: `{},` takes 64. */
const mostPerCharacter = 22;

/**
 * Refuses a text that would take more memory than this once it is read, or has too many values. What is in strings,
 * as most of a large frame is, takes little more than it does here; what is outside of them may take twenty times
 * as much.
 */
function checkCost(text: string, most: number): void {
  // Every value but the first of a list or an object stands behind a comma.
  if (text.length * mostPerCharacter <= most && text.length <= 2 * limits.frameValues) return;
  let bytes = text.length;
  let values = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = endOfString(text, at);
        bytes += 24;
        break;
      case comma:
        bytes += 8;
        values += 1;
        break;
      case brace:
        bytes += 56;
        values += 1;
        break;
      case bracket:
        bytes += 48;
        values += 1;
        break;
      default:
    }
    if (values > limits.frameValues) {
      throw new ProtocolError(`a frame has more than ${limits.frameValues} values`);
    }
  }
  if (bytes > most) {
    throw new ProtocolError(`reading a frame would take more than ${formatSize(most)} of memory`);
  }
}
const [quote, comma, brace, bracket, backslash] = ['"', ",", "{", "[", "\\"].map((each) =>
  each.charCodeAt(0),
) as [number, number, number, number, number];

/** The place of the quote that ends the string that begins at `start`; the end of the text if none does. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = end;
    while (text.charCodeAt(escapes - 1) === backslash) escapes -= 1;
    if ((end - escapes) % 2 === 0) return end;
  }
  return text.length;
}

function parsed(text: string, most: number): unknown[] {
  if (most < Infinity) checkCost(text, most);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ProtocolError("a frame is not JSON", { cause: error });
  }
  if (!Array.isArray(value)) throw new ProtocolError("a frame is not an array");
  return value as unknown[];
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}

/** Collects the parts of the message being stringified. One variable is enough: it is synchronous. */
let collected: Uint8Array[] | undefined;

// Defined here, so that `payload.ts` need not know how frames carry its bytes.
Object.defineProperty(BinaryPayload.prototype, "toJSON", {
  value: function toJSON(this: BinaryPayload) {
    if (collected === undefined) return { head: this.head, parts: `${this.parts.length} binary` };
    const first = collected.length;
    for (const part of this.parts) collected.push(part);
    return { head: this.head, first, count: this.parts.length };
  },
  configurable: true,
  writable: true,
});
