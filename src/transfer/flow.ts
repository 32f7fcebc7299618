// The bytes of many values on one socket: what goes out takes turns, chunk by chunk, as far as the
// readers have given credit and the socket takes more; what comes in waits to be read, and credit is
// given as it is.

import { ProtocolError } from "../errors/errors.ts";
import type { Socket, SocketData } from "../link/socket.ts";
import type { Shape } from "./messages.ts";
import { bytesOfShape, chunkBytes, type Assembly, type Source } from "./shape.ts";

/** Bytes of one value under way at most. */
export const windowBytes = 8 * 1024 * 1024;
/** No more is given to the socket while so much waits in it. */
const socketBytes = 4 * 1024 * 1024;

type Sending = {
  readonly id: number;
  readonly source: Source;
  left: number;
  credit: number;
  /** Its next bytes are being read. */
  reading: boolean;
  readonly ended: (error?: Error) => void;
};

/** One end of a socket. */
export class Flow {
  readonly #socket: Socket;
  readonly #sending = new Map<number, Sending>();
  /** Which value the binary messages out, and in, belong to. */
  #chunkOut = 0;
  #chunkIn = 0;
  /** The connection has ended. A value may have been looked for meanwhile, and be found now. */
  #over: Error | undefined;
  #pumping = false;
  readonly #incoming = new Map<number, Incoming>();

  constructor(
    socket: Socket,
    on: { text(text: string): void; heard(): void; closed(reason: string): void },
  ) {
    this.#socket = socket;
    socket.listen({
      message: (data) => {
        on.heard();
        try {
          if (typeof data === "string") on.text(data);
          else this.#read(data);
        } catch (error) {
          this.end((error as Error).message);
          on.closed((error as Error).message);
        }
      },
      wrote: () => this.#pump(),
      closed: ({ reason, code, violation }) => {
        const why = violation ?? (reason || `the connection closed with code ${code}`);
        this.#stopAll(why);
        on.closed(why);
      },
    });
    socket.resume();
  }

  /** Nothing is on its way. */
  get idle(): boolean {
    return this.#sending.size === 0 && this.#incoming.size === 0;
  }

  /** Grows as bytes come, before a message is whole, where the socket can tell. */
  get bytesRead(): number | undefined {
    return this.#socket.bytesRead;
  }

  tell(message: object): void {
    this.#socket.send(JSON.stringify(message));
  }

  /** Sends the bytes of a value as credit comes; then, or when it is stopped, `ended`. */
  send(id: number, source: Source, ended: (error?: Error) => void = () => undefined): void {
    const left = bytesOfShape(source.shape);
    if (left === 0 || this.#over) {
      source.close();
      ended(this.#over);
      return;
    }
    // What anyone may send unasked, so that no round trip is waited for.
    const sending = { id, source, left, credit: windowBytes, reading: false, ended };
    this.#sending.set(id, sending);
    this.#pump();
  }

  /** The reader takes so many bytes more. */
  credit(id: number, bytes: number): void {
    const sending = this.#sending.get(id);
    if (sending === undefined) return;
    sending.credit += bytes;
    this.#pump();
  }

  /** No more of this is sent. */
  stop(id: number, error?: Error): void {
    const sending = this.#sending.get(id);
    if (sending === undefined) return;
    this.#sending.delete(id);
    sending.source.close();
    sending.ended(error);
  }

  /** Bytes of this value are coming. */
  expect(id: number, shape: Shape): Incoming {
    if (this.#incoming.has(id)) throw new ProtocolError(`value ${id} comes twice`);
    const incoming = new Incoming(shape, {
      grant: (bytes) => this.tell({ type: "credit", id, bytes }),
      release: (chunk) => this.#socket.release?.(chunk),
    });
    if (!incoming.whole) this.#incoming.set(id, incoming);
    return incoming;
  }

  /** Who reads this has to know that no more will come. */
  fail(id: number, error: Error): void {
    const incoming = this.#incoming.get(id);
    this.#incoming.delete(id);
    incoming?.fail(error);
  }

  /** What still comes of this is passed over, until it is whole or `fail` says that it will not be. */
  ignore(id: number): void {
    this.#incoming.get(id)?.discard();
  }

  /** Somebody waits for bytes that the other side may send. */
  get isWaiting(): boolean {
    for (const incoming of this.#incoming.values()) if (incoming.isAwaited) return true;
    return false;
  }

  /** Cuts the connection. */
  end(reason: string): void {
    this.#stopAll(reason);
    this.#socket.listen({ message() {}, wrote() {}, closed() {} });
    this.#socket.terminate();
  }

  #stopAll(reason: string): void {
    const error = new Error(reason);
    this.#over ??= error;
    for (const id of [...this.#sending.keys()]) this.stop(id, error);
    for (const id of [...this.#incoming.keys()]) this.fail(id, error);
  }

  /** A `chunk` came. */
  chunk(id: number): void {
    this.#chunkIn = id;
  }

  #read(data: Exclude<SocketData, string>): void {
    const incoming = this.#incoming.get(this.#chunkIn);
    // A put that was refused may have sent something already.
    if (incoming === undefined) return;
    incoming.add(data);
    if (incoming.whole) this.#incoming.delete(this.#chunkIn);
  }

  /** One chunk of each in turn. */
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

  /** False when its bytes have to be waited for, or are not to be had. */
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

type Reader = {
  /** So many more may come. */
  grant(bytes: number): void;
  /** This is not looked at any more. */
  release(chunk: Uint8Array): void;
};

/** The bytes of one value as they come. */
export class Incoming {
  readonly shape: Shape;
  readonly #socket: Reader;
  /** Bytes that have not come yet, and that have not been read. */
  #left: number;
  readonly #chunks: Uint8Array[] = [];
  #owed = 0;
  #error: Error | undefined;
  #waiting: PromiseWithResolvers<Uint8Array> | undefined;
  #discarded = false;

  constructor(shape: Shape, socket: Reader) {
    this.shape = shape;
    this.#socket = socket;
    this.#left = bytesOfShape(shape);
  }

  /** All has come, read or not. */
  get whole(): boolean {
    return this.#left === 0;
  }

  /** The next bytes. Not to be asked for when all have been read. */
  read(): Promise<Uint8Array> | Uint8Array {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) return this.#taken(chunk);
    if (this.#error) throw this.#error;
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** Reads it to its end, to where it will stay; `came` hears of every chunk, and may throw. */
  async readInto(assembly: Assembly, came: () => void = () => undefined): Promise<void> {
    while (!assembly.whole) {
      const read = this.read();
      const chunk = read instanceof Promise ? await read : read;
      came();
      assembly.add(chunk);
      this.#socket.release(chunk);
    }
  }

  add(chunk: Uint8Array): void {
    if (chunk.byteLength > this.#left || chunk.byteLength === 0) {
      throw new ProtocolError("other bytes came than the value has");
    }
    this.#left -= chunk.byteLength;
    if (this.#discarded) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting.resolve(this.#taken(chunk));
    else this.#chunks.push(chunk);
  }

  get isAwaited(): boolean {
    return this.#waiting !== undefined;
  }

  /** Nobody reads it any more. */
  discard(): void {
    this.#discarded = true;
    this.#chunks.length = 0;
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.#waiting?.promise.catch(() => undefined);
    this.#waiting?.reject(this.#error);
    this.#waiting = undefined;
  }

  #taken(chunk: Uint8Array): Uint8Array {
    this.#owed += chunk.byteLength;
    if (this.#owed >= windowBytes / 4 && this.#left > 0) {
      this.#socket.grant(this.#owed);
      this.#owed = 0;
    }
    return chunk;
  }
}
