// Messages between two roles, each exactly once and in order, over sockets that come and go. The
// same on both sides: the one that dials (`dial.ts`) and the one that accepts (`accept.ts`) differ
// only in who brings the next socket after a drop.
//
// Frames with messages are numbered by counting. Every frame says how many the writer has received,
// and what is not acknowledged is kept and written again on the next socket. Nothing here waits for
// an answer, so a link never stands still while it has a socket that takes bytes.

import { systemClock, type Cancel, type Clock } from "./clock.ts";
import { ConnectionError, ProtocolError } from "../errors/errors.ts";
import { heartbeat, readFrame, writeFrame, type FrameBody } from "../wire/frame.ts";
import { Heartbeat } from "./heartbeat.ts";
import { limits } from "../wire/limits.ts";
import type { LinkOptions } from "./link-options.ts";
import { Outbox } from "./outbox.ts";
import {
  closeCodes,
  endOf,
  noHandlers,
  type Socket,
  type SocketClose,
  type SocketData,
} from "./socket.ts";

/** Frames are written while less than this is in the socket; the rest can still be gathered. */
const socketBytes = 4 * 1024 * 1024;
/** Two flushes that are closer than this are of one burst, where few large frames cost least. */
const gatherMs = 0.05;
/** Acknowledged at once, and not with the next frame or heartbeat, past either of these. */
const acknowledgeAfterFrames = 64;
const acknowledgeAfterBytes = 1024 * 1024;
/** For what is queued at `close` to leave, and for the other side to close too. */
const closeMs = 2_000;

export class Link<In, Out extends object> {
  #options: LinkOptions<In>;
  readonly #clock: Clock;
  #outbox: Outbox<Out>;
  readonly #end = new AbortController();
  #ended = false;
  #socket: Socket | undefined;
  #closing: { code: number; reason: string; done: Promise<void>; finish: () => void } | undefined;
  #flush: Cancel | undefined;
  #flushedAt = -Infinity;
  #heartbeat: Heartbeat | undefined;
  #paused = false;
  #received = 0;
  /** Since the newest frame written. */
  #unacknowledged = { frames: 0, bytes: 0 };

  constructor(options: LinkOptions<In>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#outbox = this.#emptyOutbox();
  }

  /** Queued; what is queued in one turn of the event loop leaves in as few frames as is sensible. */
  send(message: Out): void {
    if (this.#ended || this.#closing) return;
    // Who says much at once need not have said all of it before the other side can begin.
    if (this.#outbox.hasWholeFrame) this.#writeFrames(1);
    this.#outbox.push(message);
    this.#schedule();
  }

  /** The newest message that is not in a frame yet: its sender may still append to its columns. */
  get lastUnsent(): Out | undefined {
    return this.#outbox.lastUnsent;
  }

  get unsentMessages(): number {
    return this.#outbox.unsentMessages;
  }

  /** Bytes in the socket, in frames not acknowledged and, estimated, in messages that wait. */
  get bufferedBytes(): number {
    const inSocket = this.#socket?.bufferedBytes ?? 0;
    return Math.max(inSocket, this.#outbox.unacknowledgedBytes) + this.#outbox.unsentBytes;
  }

  get state(): "up" | "down" | "ended" {
    if (this.#ended) return "ended";
    return this.#socket ? "up" : "down";
  }

  /** Aborted once the link is over for ever, by either side. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Numbered frames received in this session: what a hello and a welcome say. */
  get received(): number {
    return this.#received;
  }

  /** For the accepting side: whether a peer that has received this many can go on where it was. */
  canResume(received: number): boolean {
    return !this.#ended && this.#outbox.canResume(received);
  }

  /**
   * Goes on, on this socket, after the frames that the peer says it has; an older socket is cut.
   * Nothing is heard from the new one before this turn of the event loop is over, so that whoever
   * waited for the link has it in hand by then.
   */
  attach(socket: Socket, received: number): void {
    if (this.#ended || this.#closing) {
      socket.terminate();
      return;
    }
    this.#detach()?.close(closeCodes.replaced, "replaced by a newer connection");
    this.#socket = socket;
    socket.pause();
    socket.listen({
      message: (data) => this.#hear(data),
      wrote: () => this.#wrote(),
      closed: (close) => this.#closed(close),
    });
    try {
      this.#outbox.resume(received);
    } catch (error) {
      this.violate(error as Error);
      return;
    }
    this.#clock.setImmediate(() => {
      if (socket === this.#socket && !this.#paused) socket.resume();
    });
    this.#heartbeat = this.#startHeartbeat(socket);
    this.#schedule();
  }

  /** Forgets everything sent and received, also what waits: the session starts anew. */
  reset(settings: { heartbeatMs?: number; frameBytes?: number } = {}): void {
    this.#options = { ...this.#options, ...settings };
    this.#outbox = this.#emptyOutbox();
    this.#received = 0;
  }

  /** The peer is told why and cut off, and `ended` follows with this error. */
  violate(error: Error): void {
    const isTheirs = error instanceof ProtocolError;
    this.#finish(isTheirs ? closeCodes.violation : closeCodes.fault, error);
  }

  /**
   * Ends the session for both sides, after what is queued has left, but within about two seconds.
   * No event follows. Resolves once nothing of the link is alive.
   */
  async close(code: number = closeCodes.goodbye, reason = ""): Promise<void> {
    if (this.#closing) return this.#closing.done;
    if (this.#ended) return;
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const giveUp = this.#clock.setTimeout(() => this.#closing?.finish(), closeMs);
    const finish = () => {
      giveUp();
      this.#detach()?.terminate();
      this.#abandon();
      resolve();
    };
    this.#closing = { code, reason, done, finish };
    if (this.#socket) this.#writeWhatWaits();
    else finish();
    return done;
  }

  /**
   * The first that is said in a turn of the event loop leaves as soon as the code that said it is
   * done: a lone task waits for nobody. What follows soon after leaves at the end of its turn, so
   * that the news of many other links share a frame.
   */
  #schedule(): void {
    if (this.#flush) return;
    const flush = () => {
      this.#flush = undefined;
      this.#writeWhatWaits();
    };
    const now = this.#clock.now();
    const isSoonAfter = now - this.#flushedAt < gatherMs;
    this.#flush = isSoonAfter ? this.#clock.setImmediate(flush) : this.#clock.nextTick(flush);
    this.#flushedAt = now;
  }

  #writeFrames(most: number): void {
    const socket = this.#socket;
    for (let count = 0; count < most; count += 1) {
      if (socket === undefined || socket !== this.#socket) return;
      if (socket.bufferedBytes >= socketBytes) return;
      const frame = this.#outbox.next();
      if (frame === undefined) return;
      this.#write(frame);
    }
  }

  #writeWhatWaits(): void {
    this.#writeFrames(Infinity);
    const { frames, bytes } = this.#unacknowledged;
    if (frames >= acknowledgeAfterFrames || bytes >= acknowledgeAfterBytes) this.#write(heartbeat);
    if (this.#closing && this.#outbox.unsentMessages === 0 && !this.#outbox.ready) {
      this.#socket?.close(this.#closing.code, this.#closing.reason);
    } else if (this.#outbox.unsentMessages > 0 || this.#paused) {
      this.#hold();
    }
  }

  #write(frame: FrameBody): void {
    this.#unacknowledged.frames = this.#unacknowledged.bytes = 0;
    this.#socket?.send(writeFrame(this.#received, frame));
  }

  /** More waits than can be written now. */
  #hold(): void {
    const { pauseAboveBytes = Infinity, endAboveBytes = Infinity } = this.#options;
    if (pauseAboveBytes === Infinity && endAboveBytes === Infinity) return;
    const waiting = this.#outbox.unsentBytes;
    if (waiting > endAboveBytes) {
      const problem = `more than ${endAboveBytes} bytes were waiting for a peer that does not read`;
      this.#finish(closeCodes.overflow, new ConnectionError(problem));
      return;
    }
    // While the socket takes bytes, or acknowledgements are all that is missing, reading goes on.
    const stuck = this.#socket !== undefined && this.#socket.bufferedBytes >= socketBytes;
    const pause = stuck && waiting > pauseAboveBytes;
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#socket?.pause();
    else this.#socket?.resume();
  }

  #wrote(): void {
    // From a peer that is not read there is no other sign of life.
    if (this.#paused) this.#heartbeat?.heard();
    if (!this.#paused && !this.#closing && !this.#outbox.ready) return;
    if (this.#socket && this.#socket.bufferedBytes < socketBytes / 2) this.#writeWhatWaits();
  }

  #hear(data: SocketData): void {
    this.#heartbeat?.heard();
    const batch: In[] = [];
    try {
      const frame = readFrame(data);
      const wasReady = this.#outbox.ready;
      this.#outbox.acknowledge(frame.ack);
      if (!wasReady && this.#outbox.ready) this.#schedule();
      for (const message of frame.messages) batch.push(this.#options.check(message, frame.parts));
    } catch (error) {
      this.violate(error as Error);
      return;
    }
    if (batch.length === 0) return;
    this.#received += 1;
    const owed = this.#unacknowledged;
    owed.frames += 1;
    owed.bytes += data.length;
    if (owed.frames >= acknowledgeAfterFrames || owed.bytes >= acknowledgeAfterBytes) {
      this.#schedule();
    }
    if (this.#closing) return;
    try {
      this.#options.on.messages(batch);
    } catch (error) {
      this.violate(error as Error);
    }
  }

  #startHeartbeat(socket: Socket): Heartbeat {
    return new Heartbeat({
      clock: this.#clock,
      intervalMs: this.#options.heartbeatMs,
      beat: () => {
        // What waits in the socket is sign of life enough, once it arrives.
        if (socket.bufferedBytes === 0) this.#write(heartbeat);
      },
      silent: (forMs) => {
        this.#detach()?.terminate();
        this.#drop(`nothing was heard for ${forMs / 1000} s`);
      },
    });
  }

  #closed(close: SocketClose): void {
    this.#detach();
    const end = endOf(close);
    if (end === undefined) this.#drop(close.reason || `closed with code ${close.code}`);
    else this.#finish(undefined, end.error);
  }

  #drop(reason: string): void {
    if (this.#closing) this.#closing.finish();
    else this.#options.on.down(reason);
  }

  /** The end for a reason that is not this side's wish; the peer is told the error when it is up. */
  #finish(code: number | undefined, error: Error | undefined): void {
    if (this.#ended) return;
    if (code !== undefined) this.#detach()?.close(code, error?.message ?? "");
    if (this.#closing) {
      this.#closing.finish();
      return;
    }
    this.#abandon();
    this.#options.on.ended(error);
  }

  #abandon(): void {
    this.#flush?.();
    this.#outbox.clear();
    this.#ended = true;
    this.#end.abort();
  }

  #emptyOutbox(): Outbox<Out> {
    return new Outbox({
      frameBytes: this.#options.frameBytes ?? limits.frameBytes,
      unsendable: (message, error) => {
        if (this.#options.on.unsendable) this.#options.on.unsendable(message, error);
        else this.#finish(closeCodes.fault, error);
      },
    });
  }

  /** What the socket says from now on is not heard. */
  #detach(): Socket | undefined {
    const socket = this.#socket;
    socket?.listen(noHandlers);
    this.#socket = undefined;
    this.#heartbeat?.stop();
    this.#paused = false;
    this.#unacknowledged.frames = this.#unacknowledged.bytes = 0;
    return socket;
  }
}
