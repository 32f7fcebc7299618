// The dialling side of a connection: fetches values from a holder, and sends values for it to hold.

import { formatSize } from "../size.ts";
import { ConnectionError, ProtocolError } from "../errors/errors.ts";
import type { Payload } from "../payload/payload.ts";
import { systemClock, type Clock } from "../link/clock.ts";
import type { Socket } from "../link/socket.ts";
import { Flow } from "./flow.ts";
import type { Incoming } from "./incoming.ts";
import { readAnswered, type Want } from "./messages.ts";
import { StallWatch } from "./stall-watch.ts";
import { Assembly, bytesOfShape, type Allocate, type Source } from "./shape.ts";

/** The holder does not have the value. */
export class LackingError extends ConnectionError {}

/** The holder is connected, and does not move. */
export class StalledError extends ConnectionError {}

export type RequesterOptions = {
  clock?: Clock | undefined;
  /** A connection on which nothing moves for this long while an answer is due is ended. Default 15,000. */
  stallMs?: number | undefined;
};

type Asking = { answered(incoming: Incoming): void; failed(error: Error): void };
type Putting = { stored(): void; failed(error: Error): void };

export class Requester {
  readonly #flow: Flow;
  readonly #watch: StallWatch;
  readonly #asking = new Map<number, Asking>();
  readonly #putting = new Map<number, Putting>();
  readonly #ids = new WeakMap<Incoming, number>();
  /** Called once, when the connection is over. */
  readonly #closed: (reason: string) => void;
  #over: Error | undefined;
  #asked = 0;

  constructor(socket: Socket, closed: (reason: string) => void, options: RequesterOptions = {}) {
    const { clock = systemClock, stallMs = 15_000 } = options;
    this.#closed = closed;
    this.#flow = new Flow(socket, {
      text: (text) => this.#receive(text),
      closed: (reason) => this.#end(new ConnectionError(reason)),
    });
    this.#watch = new StallWatch(clock, stallMs, {
      isTheirTurn: () => this.#asking.size > 0 || this.#putting.size > 0 || this.#flow.isWaiting,
      // What leaves may be heard by nobody, unless it leaves because there is room for it again.
      moves: () => this.#flow.arrivals + (this.#flow.isSending ? this.#flow.departures : 0),
      stalled: (forMs) => {
        const reason = `nothing arrived for ${Math.round(forMs / 1000)} s`;
        this.#flow.end(reason, StalledError);
        this.#end(new StalledError(reason));
      },
    });
  }

  /** No request and no value is under way. */
  get idle(): boolean {
    return this.#asking.size === 0 && this.#putting.size === 0 && this.#flow.idle;
  }

  /**
   * Asks for a value; resolves when its first bytes are about to arrive. The caller reads all of it, or gives
   * it to `abandon`.
   *
   * @throws {LackingError} when the holder does not have it
   * @throws {ConnectionError} when the holder or the connection fails
   */
  get({ key, order, attempt }: Want): Promise<Incoming> {
    if (this.#over) return Promise.reject(this.#over);
    const id = ++this.#asked;
    this.#flow.tell({ type: "get", id, key, order, attempt });
    this.#watch.start();
    return new Promise((answered, failed) => this.#asking.set(id, { answered, failed }));
  }

  /**
   * Fetches a whole value.
   *
   * @param bytes the expected size: a value that is much larger is refused
   * @throws the errors of `get`
   */
  async fetch(
    want: Want,
    bytes: number,
    allocate?: Allocate,
    signal?: AbortSignal,
  ): Promise<Payload> {
    const incoming = await this.get(want);
    try {
      const claimed = bytesOfShape(incoming.shape);
      if (claimed > 3 * bytes + 1_024) {
        throw new ProtocolError(
          `a value of ${formatSize(bytes)} is said to have ${formatSize(claimed)}`,
        );
      }
      const assembly = new Assembly(incoming.shape, allocate);
      await incoming.readInto(assembly, () => {
        signal?.throwIfAborted();
        this.#watch.start();
      });
      return assembly.take();
    } catch (error) {
      this.abandon(incoming);
      if (error instanceof ConnectionError || error instanceof ProtocolError) throw error;
      if (signal?.aborted) throw error;
      throw new ConnectionError((error as Error).message, { cause: error });
    }
  }

  /** Ends the transfer of a value that is not read to its end. */
  abandon(incoming: Incoming): void {
    const id = this.#ids.get(incoming);
    if (id === undefined || incoming.whole || this.#over) return;
    incoming.discard();
    this.#flow.tell({ type: "stop", id });
  }

  /**
   * Sends a value; resolves when the other side holds it, or the worker with the address `to`.
   *
   * @throws {ConnectionError} when the value was refused or the connection failed
   */
  put({ key, order, attempt }: Want, source: Source, to?: string): Promise<void> {
    if (this.#over) {
      source.close();
      return Promise.reject(this.#over);
    }
    const id = ++this.#asked;
    const { shape } = source;
    const where = to === undefined ? {} : { to };
    this.#flow.tell({ type: "put", id, key, order, attempt, shape, ...where });
    this.#watch.start();
    return new Promise((stored, failed) => {
      this.#putting.set(id, { stored, failed });
      this.#flow.send(id, source, (error) => {
        if (error) this.#put(id)?.failed(connectionError(error));
      });
    });
  }

  close(): void {
    const reason = "the connection is not needed any more";
    this.#flow.end(reason);
    this.#end(new ConnectionError(reason));
  }

  #receive(text: string): void {
    const message = readAnswered(text);
    switch (message.type) {
      case "chunk":
        this.#flow.chunk(message.id);
        return;
      case "credit":
        this.#flow.credit(message.id, message.bytes);
        return;
      case "value": {
        const asking = this.#ask(message.id);
        if (asking === undefined) throw new ProtocolError("a value arrived that was not asked for");
        const incoming = this.#flow.expect(message.id, message.shape);
        this.#ids.set(incoming, message.id);
        asking.answered(incoming);
        return;
      }
      case "missing":
        this.#ask(message.id)?.failed(new LackingError("it does not have the value"));
        return;
      case "failed": {
        const error = new ConnectionError(message.message);
        this.#ask(message.id)?.failed(error);
        this.#flow.fail(message.id, error);
        const putting = this.#put(message.id);
        if (putting === undefined) return;
        this.#flow.stop(message.id);
        this.#flow.tell({ type: "stop", id: message.id });
        putting.failed(error);
        return;
      }
      case "stored":
        this.#put(message.id)?.stored();
        return;
      default:
        message satisfies never;
    }
  }

  #ask(id: number): Asking | undefined {
    const asking = this.#asking.get(id);
    this.#asking.delete(id);
    return asking;
  }

  #put(id: number): Putting | undefined {
    const putting = this.#putting.get(id);
    this.#putting.delete(id);
    return putting;
  }

  #end(error: ConnectionError): void {
    if (this.#over) return;
    this.#over = error;
    this.#watch.stop();
    for (const asking of this.#asking.values()) asking.failed(this.#over);
    for (const putting of this.#putting.values()) putting.failed(this.#over);
    this.#asking.clear();
    this.#putting.clear();
    this.#closed(error.message);
  }
}

function connectionError(error: Error): ConnectionError {
  return error instanceof ConnectionError
    ? error
    : new ConnectionError(error.message, { cause: error });
}
