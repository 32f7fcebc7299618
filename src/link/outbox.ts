// The outgoing queue of one side of a link: unsent messages, and the frames made of them, which are
// kept until the other side acknowledges their messages. Messages count from 1 in each session: unlike
// frames, a successor of this process can count them again. No I/O here.
//
// What waits long is made into frames, whether they may be written or not: their bytes lie outside the heap. Of a peer
// that reads little waits, and frames for it are text.

import { FrameBuilder, type FrameBody } from "../wire/frame.ts";
import { BinaryPayload } from "../payload/binary-payload.ts";
import { ProtocolError, SerializationError } from "../errors/errors.ts";
import { formatSize } from "../size.ts";

export type OutboxOptions = {
  /** Largest frame, in bytes on the wire. */
  frameBytes: number;
  /** A message is larger than a frame and was left out. */
  unsendable(message: object, error: SerializationError): void;
};

/** The usual size of a frame: large enough to be efficient, small enough to be handled quickly. */
const usualFrameBytes = 256 * 1024;
/** No frames are written while so much of them is unacknowledged, or so many: small ones are on the heap. */
const windowBytes = 64 * 1024 * 1024;
const windowFrames = 1024;
/** Frames are text, which costs less, while no more of them is here: a peer that reads acknowledges sooner. */
const textBytes = 2 * usualFrameBytes;

export class Outbox<Out extends object> {
  readonly #options: OutboxOptions;
  readonly #builder = new FrameBuilder();
  /** Messages before `#head` are in frames already. */
  #queue: (Out | undefined)[] = [];
  #head = 0;
  /** The estimated bytes of the messages from `#head` up to `#weighed`. */
  #weights: number[] = [];
  #weighed = 0;
  #messageBytes = 0;
  /** The unacknowledged frames, and those that wait to be written. */
  #frames: FrameBody[] = [];
  /** How many of them are written to the current socket, or were received by the peer before. */
  #writtenFrames = 0;
  #writtenBytes = 0;
  #frameBytes = 0;
  #acknowledged = 0;
  /** The number of the last message in these. */
  #written = 0;
  /** How many messages at the front of the queue an earlier process may have written. */
  #inherited = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  set frameBytes(bytes: number) {
    this.#options.frameBytes = bytes;
  }

  push(message: Out): void {
    this.#queue.push(message);
  }

  get lastUnsent(): Out | undefined {
    return this.#head < this.#queue.length ? this.#queue.at(-1) : undefined;
  }

  /** Whether anything waits to be written. */
  get hasUnsent(): boolean {
    return this.#writtenFrames < this.#frames.length || this.#head < this.#queue.length;
  }

  get unacknowledgedBytes(): number {
    return this.#writtenBytes;
  }

  /** Of frames that wait to be written, and of messages. */
  get unsentBytes(): number {
    return this.#frameBytes - this.#writtenBytes + this.messageBytes;
  }

  /**
   * Of messages that are in no frame yet: an estimate, without the newest one, which may still grow. It is computed on
   * demand.
   */
  get messageBytes(): number {
    for (; this.#weighed < this.#queue.length - 1; this.#weighed += 1) {
      const weight = weigh(this.#queue[this.#weighed]);
      this.#weights[this.#weighed] = weight;
      this.#messageBytes += weight;
    }
    return this.#messageBytes;
  }

  /** Makes a frame of messages, if they fill one of the usual size. */
  makeWholeFrame(): boolean {
    return this.#mayFrame && this.messageBytes >= usualFrameBytes && this.#build();
  }

  /** The same with the newest one, which then does not grow any more. */
  makeWholeFrameOfAll(): boolean {
    if (!this.#mayFrame) return false;
    const bytes = this.messageBytes + weigh(this.lastUnsent);
    return bytes >= usualFrameBytes && this.#build();
  }

  /** Whether `next` returns a frame. */
  get ready(): boolean {
    return this.#isWindowOpen && this.hasUnsent;
  }

  /** The next frame to write: one that the peer has not received, or a new one. */
  next(): FrameBody | undefined {
    if (!this.#isWindowOpen) return undefined;
    if (this.#writtenFrames === this.#frames.length && !this.#build()) return undefined;
    const frame = this.#frames[this.#writtenFrames]!;
    this.#writtenFrames += 1;
    this.#writtenBytes += frame.bytes;
    this.#written += frame.messages;
    return frame;
  }

  /** The peer has received this many messages. */
  acknowledge(count: number): void {
    if (count === this.#acknowledged) return;
    const frames = this.canResume(count) ? this.#framesUpTo(count) : undefined;
    if (frames === undefined) {
      throw new ProtocolError(
        `acknowledges ${count} messages where ${this.#acknowledged} to ${this.#written} are possible`,
      );
    }
    for (const { bytes } of this.#frames.splice(0, frames)) {
      this.#frameBytes -= bytes;
      this.#writtenBytes -= bytes;
    }
    this.#writtenFrames -= frames;
    this.#acknowledged = count;
  }

  canResume(received: number): boolean {
    return received >= this.#acknowledged && received <= this.#written + this.#inherited;
  }

  /** Starts a new socket: what the peer has not received is written again. */
  resume(received: number): void {
    for (; this.#inherited > 0 && this.#acknowledged < received; this.#inherited -= 1) {
      this.#shift();
      this.#acknowledged += 1;
    }
    this.#inherited = 0;
    this.#written = Math.max(this.#written, this.#acknowledged);
    this.acknowledge(received);
    this.#writtenFrames = this.#writtenBytes = 0;
    this.#written = received;
  }

  /** Continues for an earlier process: these messages after `acknowledged` may have been written by it. */
  inherit(acknowledged: number, messages: readonly Out[]): void {
    this.clear();
    this.#acknowledged = this.#written = acknowledged;
    this.#queue = [...messages];
    this.#inherited = messages.length;
  }

  /** Discards all messages and frames. */
  clear(): void {
    this.#emptyQueue();
    this.#frames = [];
    this.#acknowledged = this.#written = this.#inherited = 0;
    this.#writtenFrames = this.#writtenBytes = this.#frameBytes = 0;
  }

  /** How many frames have these messages and no others. */
  #framesUpTo(count: number): number | undefined {
    let messages = this.#acknowledged;
    for (let frames = 0; frames < this.#writtenFrames; frames += 1) {
      messages += this.#frames[frames]!.messages;
      if (messages === count) return frames + 1;
      if (messages > count) return undefined;
    }
    return undefined;
  }

  /** Of inherited messages the peer says first which it has, and it may end within a frame. */
  get #mayFrame(): boolean {
    return this.#inherited === 0;
  }

  get #isWindowOpen(): boolean {
    return this.#writtenBytes < windowBytes && this.#writtenFrames < windowFrames;
  }

  /** Makes one frame, if there is anything for it. */
  #build(): boolean {
    const builder = this.#builder;
    while (this.#head < this.#queue.length && builder.bytes < usualFrameBytes) {
      const message = this.#queue[this.#head]!;
      const problem = this.#tryAdd(message);
      if (problem !== undefined) {
        // The message may still fit into a frame of its own.
        if (!builder.empty) break;
        this.#shift();
        builder.addGap();
        this.#options.unsendable(message, problem);
      } else {
        this.#shift();
      }
    }
    if (this.#head === this.#queue.length) this.#emptyQueue();
    else if (this.#head > 1024 && this.#head * 2 > this.#queue.length) this.#compact();
    if (builder.empty) return false;
    const frame = builder.take(textBytes - this.#frameBytes);
    this.#frames.push(frame);
    this.#frameBytes += frame.bytes;
    return true;
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
      `Send less at once, or \`scatter\` large values first: a message is larger than a frame may be (${formatSize(limit)})`,
      { cause },
    );
  }

  #shift(): void {
    if (this.#head < this.#weighed) this.#messageBytes -= this.#weights[this.#head]!;
    else this.#weighed = this.#head + 1;
    // The frame has its text now, so that the message is not kept twice.
    this.#queue[this.#head] = undefined;
    this.#head += 1;
  }

  #emptyQueue(): void {
    this.#queue = [];
    this.#weights = [];
    this.#head = this.#weighed = this.#messageBytes = 0;
  }

  #compact(): void {
    this.#queue.splice(0, this.#head);
    this.#weights.splice(0, this.#head);
    this.#weighed -= this.#head;
    this.#head = 0;
  }
}

/** Estimates the characters and bytes of a message. */
function weigh(value: unknown): number {
  if (typeof value === "string") return value.length + 3;
  if (typeof value !== "object" || value === null) return 8;
  if (value instanceof BinaryPayload) return value.byteLength;
  let bytes = 2;
  if (Array.isArray(value)) for (const item of value) bytes += weigh(item);
  else for (const item of Object.values(value)) bytes += 16 + weigh(item);
  return bytes;
}
