// One end of a connection in memory, which is that of the code under test; the fuzzed peer is the other.

import type { Socket, SocketData, SocketHandlers } from "../../src/link/socket.ts";

export class FuzzSocket implements Socket {
  readonly bufferedBytes = 0;
  open = true;
  #handlers: SocketHandlers | undefined;
  #paused = false;
  #held: SocketData[] = [];
  readonly #hear: (data: SocketData) => void;
  readonly #over: (code: number | undefined) => void;

  constructor(hear: (data: SocketData) => void, over: (code: number | undefined) => void) {
    this.#hear = hear;
    this.#over = over;
  }

  listen(handlers: SocketHandlers): void {
    this.#handlers = handlers;
  }

  send(data: SocketData): void {
    if (this.open) this.#hear(data);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    for (const data of this.#held.splice(0)) this.deliver(data);
  }

  close(code: number, reason: string): void {
    if (!this.open) return;
    this.open = false;
    this.#over(code);
    queueMicrotask(() => this.#handlers?.closed({ code, reason }));
  }

  terminate(): void {
    this.open = false;
    this.#over(undefined);
  }

  /** From the peer. */
  deliver(data: SocketData): void {
    if (!this.open) return;
    if (this.#paused) this.#held.push(data);
    else this.#handlers?.message(data);
  }

  /** The peer is gone; `code` is what it said, if it said anything. */
  drop(code = 1006): void {
    if (!this.open) return;
    this.open = false;
    this.#handlers?.closed({ code, reason: "" });
  }
}
