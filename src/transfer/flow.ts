// The bytes of many values on one socket. Values on their way out take turns, chunk by chunk, as far as
// their readers have given credit and the socket takes more. Bytes that arrive wait to be read, and reading
// them gives credit.

import { ProtocolError } from "../errors/errors.ts";
import type { Socket, SocketData } from "../link/socket.ts";
import { Incoming, windowBytes } from "./incoming.ts";
import type { Shape } from "./messages.ts";
import { bytesOfShape, chunkBytes, type Source } from "./shape.ts";

/** No bytes of values are written to the socket while this many wait in it. */
const socketBytes = 4 * 1024 * 1024;
/** Whoever does not read what it asked for is not read from while this many bytes wait for it. */
const answerBytes = 4 * socketBytes;
/** Values on one connection at once, in either direction. */
export const mostValues = 10_000;

type Sending = {
  readonly id: number;
  readonly source: Source;
  left: number;
  credit: number;
  /** Its next bytes are being read from the source. */
  reading: boolean;
  readonly ended: (error?: Error) => void;
};

/** One end of a socket. */
export class Flow {
  readonly #socket: Socket;
  readonly #mostUnreadBytes: number;
  readonly #sending = new Map<number, Sending>();
  /** The ids of the values that binary messages belong to, on the way out and in. */
  #chunkOut = 0;
  #chunkIn = 0;
  /** Why the connection has ended. A source that is found only after that is closed at once. */
  #over: Error | undefined;
  #pumping = false;
  #paused = false;
  #arrived = 0;
  #moves = 0;
  #unread = 0;
  readonly #incoming = new Map<number, Incoming>();

  /** @param mostUnreadBytes the other side is not read from while more than this wait to be read here */
  constructor(
    socket: Socket,
    on: { text(text: string): void; closed(reason: string): void },
    mostUnreadBytes = Infinity,
  ) {
    this.#socket = socket;
    this.#mostUnreadBytes = mostUnreadBytes;
    socket.listen({
      message: (data) => {
        this.#arrived += 1;
        try {
          if (typeof data === "string") on.text(data);
          else this.#read(data);
        } catch (error) {
          this.end((error as Error).message);
          on.closed((error as Error).message);
        }
        this.#hold();
      },
      wrote: () => {
        this.#moves += 1;
        this.#pump();
        this.#hold();
      },
      closed: ({ reason, code, violation }) => {
        const why = violation ?? (reason || `the connection closed with code ${code}`);
        this.#stopAll(new Error(why));
        on.closed(why);
      },
    });
    socket.resume();
  }

  /** No value is on its way, out or in. */
  get idle(): boolean {
    return this.#sending.size === 0 && this.#incoming.size === 0;
  }

  /** Values on their way out and in. */
  get values(): number {
    return this.#sending.size + this.#incoming.size;
  }

  get isSending(): boolean {
    return this.#sending.size > 0;
  }

  /** A number that changes when bytes arrive. */
  get arrivals(): number {
    return this.#arrived + (this.#socket.bytesRead ?? 0);
  }

  /** A number that changes when bytes leave, and when bytes that have arrived are read on this side. */
  get departures(): number {
    return this.#moves + (this.#socket.bytesSent ?? 0);
  }

  /** This side reads the bytes of a value that it sends. */
  get isReadingSource(): boolean {
    for (const { reading } of this.#sending.values()) if (reading) return true;
    return false;
  }

  tell(message: object): void {
    this.#socket.send(JSON.stringify(message));
  }

  /** Sends the bytes of a value as credit allows; calls `ended` after the last, or when it is stopped. */
  send(id: number, source: Source, ended: (error?: Error) => void = () => undefined): void {
    const left = bytesOfShape(source.shape);
    if (left === 0 || this.#over) {
      source.close();
      ended(this.#over);
      return;
    }
    // Every value may send a window without credit, so that it does not wait for a round trip.
    const sending = { id, source, left, credit: windowBytes, reading: false, ended };
    this.#sending.set(id, sending);
    this.#pump();
  }

  /** Adds credit: the reader takes this many more bytes. */
  credit(id: number, bytes: number): void {
    const sending = this.#sending.get(id);
    if (sending === undefined) return;
    sending.credit += bytes;
    this.#pump();
  }

  /** Ends the sending of a value. */
  stop(id: number, error?: Error): void {
    const sending = this.#sending.get(id);
    if (sending === undefined) return;
    this.#sending.delete(id);
    sending.source.close();
    sending.ended(error);
  }

  /** The value whose bytes are about to arrive. */
  expect(id: number, shape: Shape): Incoming {
    if (this.#incoming.has(id)) throw new ProtocolError(`value ${id} was sent twice`);
    const incoming = new Incoming(shape, {
      grant: (bytes) => this.tell({ type: "credit", id, bytes }),
      unread: (change) => {
        this.#unread += change;
        this.#moves += 1;
        this.#hold();
      },
      release: (chunk) => this.#socket.release?.(chunk),
    });
    if (!incoming.whole) this.#incoming.set(id, incoming);
    return incoming;
  }

  /** Ends the reading of a value with an error: no more of its bytes will arrive. */
  fail(id: number, error: Error): void {
    const incoming = this.#incoming.get(id);
    this.#incoming.delete(id);
    incoming?.fail(error);
  }

  /** A reader waits for bytes that the other side may send. */
  get isWaiting(): boolean {
    for (const incoming of this.#incoming.values()) if (incoming.isAwaited) return true;
    return false;
  }

  /** Cuts the connection; what is under way fails with an error of this class. */
  end(reason: string, Problem: new (message: string) => Error = Error): void {
    this.#stopAll(new Problem(reason));
    this.#socket.listen({ message() {}, wrote() {}, closed() {} });
    this.#socket.terminate();
  }

  #stopAll(error: Error): void {
    this.#over ??= error;
    for (const id of [...this.#sending.keys()]) this.stop(id, error);
    for (const id of [...this.#incoming.keys()]) this.fail(id, error);
  }

  /** A `chunk` message arrived: the next binary messages belong to this value. */
  chunk(id: number): void {
    this.#chunkIn = id;
  }

  #read(data: Exclude<SocketData, string>): void {
    const incoming = this.#incoming.get(this.#chunkIn);
    // Bytes of a refused value may have been sent before the refusal arrived.
    if (incoming === undefined) return;
    incoming.add(data);
    if (incoming.whole) this.#incoming.delete(this.#chunkIn);
  }

  /** Reads from the other side only while it reads what it gets, and while there is room for what comes. */
  #hold(): void {
    const pause = this.#socket.bufferedBytes > answerBytes || this.#unread > this.#mostUnreadBytes;
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Writes one chunk of each value in turn, until the socket is full or no value can go on. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    for (let busy = true; busy;) {
      busy = false;
      for (const sending of this.#sending.values()) {
        if (!this.#socket.open || this.#socket.bufferedBytes >= socketBytes) break;
        if (sending.reading || sending.credit <= 0) continue;
        busy = this.#sendOne(sending) || busy;
      }
      if (this.#socket.bufferedBytes >= socketBytes || !this.#socket.open) busy = false;
    }
    this.#pumping = false;
  }

  /** Writes one chunk of a value; false when its source takes time or fails. */
  #sendOne(sending: Sending): boolean {
    const most = Math.min(chunkBytes, sending.credit, sending.left);
    try {
      const bytes = sending.source.read(most);
      if (bytes instanceof Promise) {
        sending.reading = true;
        bytes.then(
          (read) => {
            sending.reading = false;
            if (this.#sending.get(sending.id) !== sending) return;
            this.#write(sending, read);
            this.#pump();
          },
          (error: unknown) => this.#break(sending, error as Error),
        );
        return false;
      }
      this.#write(sending, bytes);
      return true;
    } catch (error) {
      this.#break(sending, error as Error);
      return false;
    }
  }

  #write(sending: Sending, bytes: Uint8Array): void {
    const { id } = sending;
    if (this.#chunkOut !== id) this.tell({ type: "chunk", id });
    this.#chunkOut = id;
    sending.left -= bytes.byteLength;
    sending.credit -= bytes.byteLength;
    this.#socket.send(bytes);
    if (sending.left === 0) this.stop(id);
  }

  #break(sending: Sending, error: Error): void {
    if (this.#sending.get(sending.id) === sending) this.stop(sending.id, error);
  }
}
