// A link carries messages between two roles, each exactly once and in order, over a series of sockets.
// Both sides use this class. They differ only in the source of the next socket after a drop: one side
// dials (`dial.ts`), the other accepts (`accept.ts`).
//
// Messages are counted. Every frame acknowledges the number of messages received, and frames with
// unacknowledged messages are kept and written again on the next socket. A link never waits for an
// answer before it writes, so it is idle only when its socket is full or it has nothing to write.

import { systemClock, type Cancel, type Clock } from "./clock.ts";
import { describeDuration } from "../duration.ts";
import { ConnectionError, ProtocolError } from "../errors/errors.ts";
import { gap, heartbeat, readFrame, writeFrame, type FrameBody } from "../wire/frame.ts";
import { Heartbeat } from "./heartbeat.ts";
import { limits } from "../wire/limits.ts";
import type { LinkOptions } from "./link-options.ts";
import { Outbox } from "./outbox.ts";
import { formatSize } from "../size.ts";
import {
  closeCodes,
  endOf,
  noHandlers,
  type Socket,
  type SocketClose,
  type SocketData,
} from "./socket.ts";

/** Frames are written while the socket buffers less than this; later messages can share a frame. */
const socketBytes = 4 * 1024 * 1024;
/** Two flushes closer than this belong to one burst, for which fewer, larger frames are cheaper. */
const gatherMs = 0.05;
/** Above either of these, an acknowledgement is sent at once, and not with the next frame. */
const acknowledgeAfterFrames = 64;
const acknowledgeAfterBytes = 256 * 1024;
/** Time for queued messages to leave after `close`, and for the other side to close too. */
const closeMs = 2_000;

export class Link<In, Out extends object> {
  #options: LinkOptions<In>;
  readonly #clock: Clock;
  #outbox: Outbox<Out>;
  #end = new AbortController();
  #ended = false;
  #socket: Socket | undefined;
  #closing: { code: number; reason: string; done: Promise<void>; finish: () => void } | undefined;
  #flush: Cancel | undefined;
  #flushedAt = -Infinity;
  #heartbeat: Heartbeat | undefined;
  #silent = false;
  #heardAt = -Infinity;
  #paused = false;
  /** So much waits that the session is to end, and nothing more is queued. */
  #isOverfull = false;
  /** Ends a pause of reading that `throttle` began. */
  #throttled: Cancel | undefined;
  /** `bytesRead` of the socket at the end of the newest frame. */
  #readBefore = 0;
  #received = 0;
  /** Received since the last frame was written. */
  #unacknowledged = { frames: 0, bytes: 0 };

  constructor(options: LinkOptions<In>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#outbox = this.#emptyOutbox();
  }

  /** Queues a message. Messages of one turn of the event loop leave in few frames. */
  send(message: Out): void {
    if (this.#ended || this.#closing || this.#isOverfull) return;
    // A whole frame leaves at once, so that the other side can begin while this one still sends.
    if (this.#outbox.makeWholeFrame()) {
      this.#writeFrames(1);
      // The session ends soon: one question may have thousands of answers, and its sender is not ready for an end.
      this.#isOverfull = this.#outbox.unsentBytes > (this.#options.endAboveBytes ?? Infinity);
    }
    this.#outbox.push(message);
    this.#schedule();
  }

  /** The newest message that is not in a frame yet; its sender may still append to its columns. */
  get lastUnsent(): Out | undefined {
    return this.#outbox.lastUnsent;
  }

  /** Makes frames of what waits already, if it is much, and writes them. */
  pack(): void {
    while (this.#outbox.makeWholeFrameOfAll()) this.#writeFrames(1);
    if (this.#outbox.hasUnsent) this.#hold();
  }

  /** Bytes in the socket and in unacknowledged frames, and an estimate for unsent messages. */
  get bufferedBytes(): number {
    const inSocket = this.#socket?.bufferedBytes ?? 0;
    return Math.max(inSocket, this.#outbox.unacknowledgedBytes) + this.#outbox.unsentBytes;
  }

  /** Bytes of a frame that has arrived in part, more or less. */
  get arrivingBytes(): number {
    const { bytesRead = 0 } = this.#socket ?? {};
    return Math.max(0, bytesRead - this.#readBefore);
  }

  /**
   * Reads nothing for a while, because the peer brings more than there is room for. Not for long: its heartbeats and
   * what it lets go come the same way. Returns what ends it sooner; undefined when it began before.
   */
  throttle(ms: number): (() => void) | undefined {
    if (this.#socket === undefined || this.#throttled !== undefined) return undefined;
    this.#socket.pause();
    const goOn = () => {
      if (this.#throttled !== stop) return;
      stop();
      this.#throttled = undefined;
      if (!this.#paused) this.#socket?.resume();
    };
    const stop = this.#clock.setTimeout(goOn, ms, { keepAlive: false });
    this.#throttled = stop;
    return goOn;
  }

  /** Acknowledges the messages of one more frame. Called from outside with `takesLater` only. */
  took(messages: number, bytes: number): void {
    this.#received += messages;
    const owed = this.#unacknowledged;
    owed.frames += 1;
    owed.bytes += bytes;
    if (owed.frames >= acknowledgeAfterFrames || owed.bytes >= acknowledgeAfterBytes) {
      this.#schedule();
    }
  }

  get state(): "up" | "down" | "ended" {
    if (this.#ended) return "ended";
    return this.#socket ? "up" : "down";
  }

  /** Aborted when the session has ended, by either side. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Messages received in this session, as told in a hello or a welcome. */
  get received(): number {
    return this.#received;
  }

  /** When anything was received last, by the clock of the link. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** For the accepting side: whether a peer that has received this many messages can resume. */
  canResume(received: number): boolean {
    return !this.#ended && this.#outbox.canResume(received);
  }

  /**
   * Continues on a new socket after the messages that the peer has received, and closes an older
   * socket. The new socket is read only after this turn of the event loop, so that the caller of
   * `dial` has the link before its first message.
   */
  attach(socket: Socket, received: number): void {
    if (this.#ended || this.#closing) {
      socket.terminate();
      return;
    }
    this.leaveSocket();
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
      if (socket === this.#socket && !this.#paused && !this.#throttled) socket.resume();
    });
    this.#heartbeat = this.#startHeartbeat();
    this.#schedule();
  }

  /** Continues the session of an earlier process of this side, before the first `attach`. */
  inherit(session: { received: number; acknowledged: number; messages: readonly Out[] }): void {
    this.#received = session.received;
    this.#outbox.inherit(session.acknowledged, session.messages);
  }

  /** Gives up the socket, if there is one: the peer has opened another, which is to be attached soon. */
  leaveSocket(): void {
    this.#detach()?.close(closeCodes.replaced, "replaced by a newer connection");
  }

  /** Starts a new session: discards everything sent, received and queued, and closes the socket. */
  reset(): void {
    this.#detach()?.terminate();
    this.#flush?.();
    this.#flush = undefined;
    this.#outbox = this.#emptyOutbox();
    this.#received = 0;
    this.#ended = this.#isOverfull = false;
    if (this.#end.signal.aborted) this.#end = new AbortController();
  }

  /** Adopts what the scheduler of a new session asks for. */
  configure(settings: { heartbeatMs: number; frameBytes: number }): void {
    this.#options = { ...this.#options, ...settings };
    this.#outbox.frameBytes = settings.frameBytes;
  }

  /** Closes the session with an error: the peer receives its message, and `ended` follows. */
  violate(error: Error): void {
    const isTheirs = error instanceof ProtocolError;
    this.#finish(isTheirs ? closeCodes.violation : closeCodes.fault, error);
  }

  /**
   * Ends the session for both sides after the queued messages have left, within about two seconds.
   * No event follows. Resolves when the link has released all its resources.
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
   * Schedules a write. The first message leaves as soon as the current code is done, so that a lone
   * task has no delay. A message soon after it leaves at the end of the turn of the event loop, so
   * that messages caused by many other links share a frame.
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
    if (this.#isOverfull) return this.#hold();
    this.#writeFrames(Infinity);
    const { frames, bytes } = this.#unacknowledged;
    if (frames >= acknowledgeAfterFrames || bytes >= acknowledgeAfterBytes) this.#write(heartbeat);
    if (this.#closing && !this.#outbox.hasUnsent) {
      this.#socket?.close(this.#closing.code, this.#closing.reason);
    } else if (this.#outbox.hasUnsent || this.#paused) {
      while (this.#outbox.makeWholeFrameOfAll());
      this.#hold();
    }
  }

  /** Writes a sign of life, without a turn of the event loop. Data that is still in the socket will serve as one. */
  beat(): void {
    if (this.#socket?.bufferedBytes === 0) this.#write(heartbeat);
  }

  #write(frame: FrameBody): void {
    this.#unacknowledged.frames = this.#unacknowledged.bytes = 0;
    this.#socket?.send(writeFrame(this.#received, frame));
  }

  /** Applies the limits on unsent bytes: stops or resumes reading, or ends the session. */
  #hold(): void {
    const { pauseAboveBytes = Infinity, endAboveBytes = Infinity } = this.#options;
    if (pauseAboveBytes === Infinity && endAboveBytes === Infinity) return;
    const waiting = this.#outbox.unsentBytes;
    if (waiting > endAboveBytes || this.#isOverfull) {
      const problem = `more than ${formatSize(endAboveBytes)} were queued for a peer that does not read`;
      this.#finish(closeCodes.overflow, new ConnectionError(problem));
      return;
    }
    // Reading stops only while the socket is full: a link that waits for acknowledgements must read.
    const stuck = this.#socket !== undefined && this.#socket.bufferedBytes >= socketBytes;
    const pause = stuck && waiting > pauseAboveBytes;
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#socket?.pause();
    else if (!this.#throttled) this.#socket?.resume();
  }

  #wrote(): void {
    // While reading is paused, a completed write is the only sign that the peer is alive.
    if (this.#paused) this.#heartbeat?.heard();
    if (!this.#paused && !this.#closing && !this.#outbox.ready) return;
    if (this.#socket && this.#socket.bufferedBytes < socketBytes / 2) this.#writeWhatWaits();
  }

  #hear(data: SocketData): void {
    this.#heartbeat?.heard();
    this.#readBefore = this.#socket?.bytesRead ?? 0;
    this.#heardAt = this.#clock.now();
    if (this.#silent) {
      this.#silent = false;
      this.#options.on.heard?.();
    }
    const batch: In[] = [];
    let received: number;
    try {
      const frame = readFrame(data, this.#options.readBytes);
      const wasReady = this.#outbox.ready;
      this.#outbox.acknowledge(frame.ack);
      if (!wasReady && this.#outbox.ready) this.#schedule();
      received = frame.messages.length;
      for (const message of frame.messages) {
        if (message !== gap) batch.push(this.#options.check(message, frame.parts));
      }
    } catch (error) {
      this.violate(error as Error);
      return;
    }
    if (received === 0) return;
    if (!this.#options.takesLater) this.took(received, data.length);
    if (this.#closing) return;
    try {
      this.#options.on.messages(batch, data, received);
    } catch (error) {
      this.violate(error as Error);
      return;
    }
    // Before more is read, since the answers to many small frames may be large.
    if (this.#outbox.hasUnsent) this.#hold();
  }

  #startHeartbeat(): Heartbeat {
    return new Heartbeat({
      clock: this.#clock,
      intervalMs: this.#options.heartbeatMs,
      beat: () => this.beat(),
      silent: (forMs) => {
        const reason = `nothing was heard for ${describeDuration(forMs)}`;
        if (this.#options.on.silent && !this.#closing) {
          this.#silent = true;
          this.#options.on.silent(reason);
          return;
        }
        this.#detach()?.terminate();
        this.#drop(reason);
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

  /** Ends the session for a reason other than `close`; with a code, the peer is told the error. */
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
    this.#flush = undefined;
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

  /** Takes the socket from the link; its further events are ignored. */
  #detach(): Socket | undefined {
    const socket = this.#socket;
    socket?.listen(noHandlers);
    this.#socket = undefined;
    this.#heartbeat?.stop();
    this.#paused = false;
    this.#throttled?.();
    this.#throttled = undefined;
    this.#readBefore = 0;
    this.#silent = false;
    this.#unacknowledged.frames = this.#unacknowledged.bytes = 0;
    return socket;
  }
}
