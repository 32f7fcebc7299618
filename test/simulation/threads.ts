// Threads of simulated workers: the real `Runner` of a thread, in this process, with a channel that
// takes its time. It can be ended at any moment, and what it was doing is never heard of again.

import { EventEmitter } from "node:events";
import { currentTime } from "./platform.ts";
import { Scope, type VirtualTime } from "./virtual-time.ts";

/** What a thread has loaded: set by the simulation, since this must not import the code under test. */
export const threadProgram: { run: (data: unknown, port: SimulatedPort) => void } = {
  run: () => undefined,
};

const channelMs = 0.05;

/** The processes whose modules cannot be loaded for now. */
export const withoutModules = new Set<Scope>();

/** The threads that are there, of every process. */
export const threadScopes = new Set<Scope>();

export class SimulatedPort extends EventEmitter {
  readonly #time: VirtualTime = currentTime();
  #peer: SimulatedPort | undefined;
  /** Sent here and not read. */
  #queue: unknown[] = [];
  #listener: Scope | undefined;
  #closed = false;

  connect(peer: SimulatedPort): void {
    this.#peer = peer;
  }

  override on(name: string, listener: (message: unknown) => void): this {
    super.on(name, listener);
    if (name === "message" && this.#listener === undefined) {
      this.#listener = this.#time.scope;
      for (let left = this.#queue.length; left > 0; left -= 1) this.#deliverSoon();
    }
    return this;
  }

  postMessage(message: unknown, transfer: readonly ArrayBuffer[] = []): void {
    const peer = this.#peer;
    if (peer === undefined || this.#closed || peer.#closed) return;
    const moved = transfer.length > 0;
    peer.#queue.push(moved ? structuredClone(message, { transfer: [...transfer] }) : message);
    peer.#deliverSoon();
  }

  /** What was sent and not read is lost. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
  }

  ref(): void {}
  unref(): void {}

  take(): { message: unknown } | undefined {
    return this.#queue.length === 0 ? undefined : { message: this.#queue.shift() };
  }

  #deliverSoon(): void {
    if (this.#listener === undefined) return;
    const ms = channelMs * (1 + this.#time.random.next());
    this.#time.after(
      ms,
      () => {
        const next = this.#closed ? undefined : this.take();
        if (next !== undefined) this.emit("message", next.message);
      },
      this.#listener,
    );
  }
}

export class SimulatedChannel {
  readonly port1 = new SimulatedPort();
  readonly port2 = new SimulatedPort();

  constructor() {
    this.port1.connect(this.port2);
    this.port2.connect(this.port1);
  }
}

export function receiveFrom(port: SimulatedPort): { message: unknown } | undefined {
  return port.take();
}

export class SimulatedThread extends EventEmitter {
  readonly #time: VirtualTime = currentTime();
  readonly #home: Scope;
  readonly #scope: Scope;
  #ending: Promise<number> | undefined;

  constructor(_entry: unknown, options: { workerData: { port: SimulatedPort } }) {
    super();
    this.#home = this.#time.scope;
    this.#scope = new Scope(`a thread of ${this.#home.process.name}`, this.#home);
    this.#scope.thread = this;
    threadScopes.add(this.#scope);
    const { workerData } = options;
    const loadMs = 1 + this.#time.random.next() * 30;
    const load = () => {
      if (withoutModules.has(this.#home.process))
        this.#fall(new Error("no such file: its modules"));
      else threadProgram.run(workerData, workerData.port);
    };
    this.#time.after(loadMs, load, this.#scope);
  }

  terminate(): Promise<number> {
    return (this.#ending ??= this.#end(1));
  }

  /** As when it runs out of memory: of its own doing. */
  die(): void {
    const message = "Worker terminated due to reaching memory limit: JS heap out of memory";
    this.#fall(new Error(message));
  }

  #fall(error: Error): void {
    this.#ending ??= this.#end(1, error);
  }

  #end(code: number, error?: Error): Promise<number> {
    this.#scope.kill();
    threadScopes.delete(this.#scope);
    return new Promise((resolve) => {
      const ms = 0.1 + this.#time.random.next() * 3;
      this.#time.after(
        ms,
        () => {
          if (error !== undefined) this.emit("error", error);
          this.emit("exit", code);
          resolve(code);
        },
        this.#home,
      );
    });
  }
}
