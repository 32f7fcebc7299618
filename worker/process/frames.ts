// Messages as bytes, for the socket between a worker and the process of an executor. A frame is the length
// of a body, the body, and then the bytes of each binary value: these are not copied into the body.

import { Deserializer, Serializer } from "node:v8";

// Documented, but not in Node's types.
declare module "node:v8" {
  // eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- adds to a class
  interface Serializer {
    _setTreatArrayBufferViewsAsHostObjects(flag: boolean): void;
  }
}

class BodyWriter extends Serializer {
  readonly parts: Uint8Array[] = [];

  constructor() {
    super();
    this._setTreatArrayBufferViewsAsHostObjects(true);
    this.writeHeader();
  }

  /** Called by V8 for each binary value. */
  _writeHostObject({ buffer, byteOffset, byteLength }: ArrayBufferView): void {
    this.writeDouble(byteLength);
    this.parts.push(new Uint8Array(buffer, byteOffset, byteLength));
  }
}

class BodyReader extends Deserializer {
  readonly parts: Uint8Array<ArrayBuffer>[] = [];

  /** Called by V8 for each binary value; its bytes follow after the body. */
  _readHostObject(): Uint8Array {
    const part = new Uint8Array(this.readDouble());
    this.parts.push(part);
    return part;
  }
}

/** The bytes of a message, to be written in this order. */
export function toFrame(message: unknown): Uint8Array[] {
  const writer = new BodyWriter();
  writer.writeValue(message);
  const body = writer.releaseBuffer();
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32LE(body.length);
  return [length, body, ...writer.parts.flatMap(inPieces)];
}

/** Node counts the bytes of one write in 32 bits. */
const mostPerWrite = 2 ** 30;

function inPieces(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length <= mostPerWrite) return [bytes];
  return Array.from({ length: Math.ceil(bytes.length / mostPerWrite) }, (_, index) =>
    bytes.subarray(index * mostPerWrite, (index + 1) * mostPerWrite),
  );
}

/** Reads frames from the chunks of a stream. */
export class FrameReader {
  readonly #deliver: (message: unknown, memory: ArrayBuffer[]) => void;
  #stage: "length" | "body" | "parts" = "length";
  /** The bytes that are being read now, and how many are here. */
  #target: Uint8Array = Buffer.alloc(4);
  #filled = 0;
  #message: unknown = undefined;
  #memory: ArrayBuffer[] = [];
  #pending: Uint8Array[] = [];

  /** @param deliver takes each message, and the memory of the binary values in it */
  constructor(deliver: (message: unknown, memory: ArrayBuffer[]) => void) {
    this.#deliver = deliver;
  }

  /** @throws {Error} when the bytes are no frames */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const count = Math.min(chunk.length - at, this.#target.length - this.#filled);
      this.#target.set(chunk.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled === this.#target.length) this.#proceed();
    }
  }

  #proceed(): void {
    if (this.#stage === "length") {
      const length = (this.#target as Buffer).readUInt32LE();
      this.#read("body", new Uint8Array(length));
      return;
    }
    if (this.#stage === "body") {
      const reader = new BodyReader(this.#target);
      reader.readHeader();
      this.#message = reader.readValue();
      this.#memory = reader.parts.map(({ buffer }) => buffer);
      this.#pending = reader.parts.filter(({ length }) => length > 0).reverse();
    }
    const part = this.#pending.pop();
    if (part !== undefined) {
      this.#read("parts", part);
      return;
    }
    const message = this.#message;
    const memory = this.#memory;
    this.#message = undefined;
    this.#memory = [];
    this.#read("length", Buffer.alloc(4));
    this.#deliver(message, memory);
  }

  #read(stage: "length" | "body" | "parts", target: Uint8Array): void {
    this.#stage = stage;
    this.#target = target;
    this.#filled = 0;
  }
}
