// What one side of a link has to say: messages that wait, and the frames made of them, kept until
// the other side has them. Frames are numbered by counting, from 1 in each session. No I/O here.

import { FrameBuilder, type FrameBody } from "../wire/frame.ts";
import { BinaryPayload } from "../payload/payload.ts";
import { ProtocolError, SerializationError } from "../errors/errors.ts";

export type OutboxOptions = {
  /** Largest frame, in bytes on the wire. */
  frameBytes: number;
  /** A message that no frame can hold. */
  unsendable(message: object, error: SerializationError): void;
};

/** Messages are gathered up to this size: enough to be quick, little enough to be handled in a breath. */
const usualFrameBytes = 256 * 1024;
/** No more is made into frames while the other side has not acknowledged this much. */
const windowBytes = 64 * 1024 * 1024;

export class Outbox<Out extends object> {
  readonly #options: OutboxOptions;
  readonly #builder = new FrameBuilder();
  /** Messages before `#head` are in frames. */
  #queue: Out[] = [];
  #head = 0;
  /** Of the messages from `#head` up to `#weighed`. */
  #weights: number[] = [];
  #weighed = 0;
  #unsentBytes = 0;
  /** Not acknowledged; the first has the number `#acknowledged + 1`. */
  #frames: FrameBody[] = [];
  #acknowledged = 0;
  /** The number of the newest frame written to the present socket, or had by the peer before. */
  #written = 0;
  #unacknowledgedBytes = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  push(message: Out): void {
    this.#queue.push(message);
  }

  get lastUnsent(): Out | undefined {
    return this.#head < this.#queue.length ? this.#queue.at(-1) : undefined;
  }

  get unsentMessages(): number {
    return this.#queue.length - this.#head;
  }

  get unacknowledgedBytes(): number {
    return this.#unacknowledgedBytes;
  }

  /** Estimated, and without the newest message, which may still grow. Costs only when asked for. */
  get unsentBytes(): number {
    for (; this.#weighed < this.#queue.length - 1; this.#weighed += 1) {
      const weight = weigh(this.#queue[this.#weighed]);
      this.#weights[this.#weighed] = weight;
      this.#unsentBytes += weight;
    }
    return this.#unsentBytes;
  }

  /** Whether what waits is enough for a frame of the usual size. */
  get hasWholeFrame(): boolean {
    return this.unsentBytes >= usualFrameBytes;
  }

  /** Whether `next` has something to write. */
  get ready(): boolean {
    if (this.#written < this.#acknowledged + this.#frames.length) return true;
    return this.unsentMessages > 0 && this.#unacknowledgedBytes < windowBytes;
  }

  /** The next frame to write: one that the peer has missed, or a new one. */
  next(): FrameBody | undefined {
    const missed = this.#frames[this.#written - this.#acknowledged];
    const frame = missed ?? this.#build();
    if (frame !== undefined) this.#written += 1;
    return frame;
  }

  /** The peer has received this many frames. */
  acknowledge(count: number): void {
    if (!this.canResume(count)) {
      throw new ProtocolError(
        `acknowledges ${count} frames where ${this.#acknowledged} to ${this.#written} are possible`,
      );
    }
    if (count === this.#acknowledged) return;
    const done = this.#frames.splice(0, count - this.#acknowledged);
    for (const frame of done) this.#unacknowledgedBytes -= frame.bytes;
    this.#acknowledged = count;
  }

  canResume(received: number): boolean {
    return received >= this.#acknowledged && received <= this.#written;
  }

  /** On a new socket: everything after the frames that the peer has is written again. */
  resume(received: number): void {
    this.acknowledge(received);
    this.#written = received;
  }

  /** Forgets everything, also what waits. */
  clear(): void {
    this.#emptyQueue();
    this.#frames = [];
    this.#acknowledged = this.#written = this.#unacknowledgedBytes = 0;
  }

  #build(): FrameBody | undefined {
    if (this.#unacknowledgedBytes >= windowBytes) return undefined;
    const builder = this.#builder;
    while (this.#head < this.#queue.length && builder.bytes < usualFrameBytes) {
      const message = this.#queue[this.#head]!;
      const problem = this.#tryAdd(message);
      if (problem !== undefined) {
        // Perhaps it fits into a frame of its own.
        if (!builder.empty) break;
        this.#shift();
        this.#options.unsendable(message, problem);
      } else {
        this.#shift();
      }
    }
    if (this.#head === this.#queue.length) this.#emptyQueue();
    else if (this.#head > 1024 && this.#head * 2 > this.#queue.length) this.#compact();
    if (builder.empty) return undefined;
    const frame = builder.take();
    this.#frames.push(frame);
    this.#unacknowledgedBytes += frame.bytes;
    return frame;
  }

  #tryAdd(message: Out): SerializationError | undefined {
    const limit = this.#options.frameBytes;
    let cause: unknown;
    try {
      this.#builder.add(message);
      if (this.#builder.fits(limit)) return undefined;
    } catch (error) {
      cause = error;
    }
    this.#builder.undo();
    return new SerializationError(
      `Send less at once: a message is larger than a frame may be (${limit} bytes)`,
      { cause },
    );
  }

  #shift(): void {
    if (this.#head < this.#weighed) this.#unsentBytes -= this.#weights[this.#head]!;
    else this.#weighed = this.#head + 1;
    this.#head += 1;
  }

  #emptyQueue(): void {
    this.#queue = [];
    this.#weights = [];
    this.#head = this.#weighed = this.#unsentBytes = 0;
  }

  #compact(): void {
    this.#queue.splice(0, this.#head);
    this.#weights.splice(0, this.#head);
    this.#weighed -= this.#head;
    this.#head = 0;
  }
}

/** The characters and bytes inside a message, near enough. */
function weigh(value: unknown): number {
  if (typeof value === "string") return value.length + 3;
  if (typeof value !== "object" || value === null) return 8;
  if (value instanceof BinaryPayload) return value.byteLength;
  let bytes = 2;
  if (Array.isArray(value)) for (const item of value) bytes += weigh(item);
  else for (const item of Object.values(value)) bytes += 16 + weigh(item);
  return bytes;
}
