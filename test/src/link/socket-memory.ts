// A pair of connected sockets in one process, for tests: they can be cut, with or without a side's
// notice, have a latency, and stop reading.

import { systemClock, type Clock } from "../../../src/link/clock.ts";
import { closeReason, type Socket, type SocketClose } from "../../../src/link/socket.ts";
import type { SocketData, SocketHandlers } from "../../../src/link/socket.ts";

export type MemorySocketOptions = {
  clock?: Clock;
  /** The latency of one message in milliseconds, called for each. Default: none. */
  latencyMs?: () => number;
};

export function memorySocketPair(options: MemorySocketOptions = {}): [MemorySocket, MemorySocket] {
  const a = new MemorySocket(options);
  const b = new MemorySocket(options);
  connect(a, b);
  return [a, b];
}

/**
 * Breaks the connection: messages in flight are lost in both directions. A side in `unnoticedBy`
 * still seems to be connected, as after a cable was pulled.
 */
export function cut(
  pair: readonly [MemorySocket, MemorySocket],
  options: { unnoticedBy?: readonly MemorySocket[] } = {},
): void {
  for (const socket of pair) socket.lose(!options.unnoticedBy?.includes(socket));
}

let connect: (a: MemorySocket, b: MemorySocket) => void;

export class MemorySocket implements Socket {
  readonly #clock: Clock;
  readonly #latencyMs: () => number;
  #peer: MemorySocket | undefined;
  #handlers: SocketHandlers | undefined;
  #state: "open" | "closing" | "closed" = "open";
  #paused = false;
  /** Messages in flight, in order; the first `#arrived` have arrived and wait to be read. */
  #incoming: (SocketData | SocketClose)[] = [];
  #arrived = 0;
  #bufferedBytes = 0;

  static {
    connect = (a, b) => {
      a.#peer = b;
      b.#peer = a;
    };
  }

  constructor(options: MemorySocketOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#latencyMs = options.latencyMs ?? (() => 0);
  }

  get open(): boolean {
    return this.#state === "open";
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  listen(handlers: SocketHandlers): void {
    this.#handlers = handlers;
    this.#read();
  }

  send(data: SocketData): void {
    if (!this.open) return;
    this.#bufferedBytes += data.length;
    this.#tell(data);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#read();
  }

  close(code: number, reason: string): void {
    if (!this.open) return;
    this.#state = "closing";
    this.resume();
    this.#tell({ code, reason: closeReason(reason) });
  }

  terminate(): void {
    this.#state = "closed";
    this.#tell({ code: 1006, reason: "" });
    this.#peer = undefined;
  }

  /** Breaks the connection; `noticed` says whether this side is told. */
  lose(noticed: boolean): void {
    this.#peer = undefined;
    this.#incoming = [];
    this.#arrived = 0;
    if (noticed) this.#expect({ code: 1006, reason: "" });
  }

  #tell(item: SocketData | SocketClose): void {
    const peer = this.#peer;
    if (peer !== undefined) peer.#expect(item);
  }

  #expect(item: SocketData | SocketClose): void {
    this.#incoming.push(item);
    this.#clock.setTimeout(() => {
      const arrived = this.#incoming[this.#arrived];
      if (arrived === undefined) return;
      this.#arrived += 1;
      if (isClose(arrived) && this.#state === "open") {
        this.#state = "closing";
        this.#tell(arrived);
      }
      this.#deliver();
    }, this.#latencyMs());
  }

  #read(): void {
    if (this.#arrived > 0) this.#clock.setTimeout(() => this.#deliver(), 0);
  }

  /** Delivers messages. As with a real socket, a close overrides a pause. */
  #deliver(): void {
    const closes = () => this.#incoming.slice(0, this.#arrived).some(isClose);
    while (this.#arrived > 0 && this.#handlers && (!this.#paused || closes())) {
      if (this.#state === "closed") return;
      const item = this.#incoming.shift()!;
      this.#arrived -= 1;
      if (!isClose(item)) {
        const sender = this.#peer;
        this.#handlers.message(item);
        if (sender !== undefined) sender.#wrote(item.length);
        continue;
      }
      this.#state = "closed";
      this.#handlers.closed(item);
    }
  }

  #wrote(bytes: number): void {
    this.#bufferedBytes -= bytes;
    if (this.#state !== "closed") this.#handlers?.wrote();
  }
}

function isClose(item: SocketData | SocketClose): item is SocketClose {
  return typeof item === "object" && "code" in item;
}
