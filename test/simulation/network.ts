// The network between simulated processes. Every process that dials has a route of its own; a route can
// be cut, with or without a word to either end, and can be silent in one direction or in both.

import { ConnectionError } from "../../src/errors/errors.ts";
import type { OpenSocket } from "../../src/link/dial.ts";
import { closeReason } from "../../src/link/socket.ts";
import type { Socket, SocketClose, SocketData, SocketHandlers } from "../../src/link/socket.ts";
import type { Scope, VirtualTime } from "./virtual-time.ts";

export type Direction = "out" | "in";

/** The way of one dialling process to everybody else. */
export class Route {
  readonly name: string;
  /** New connections are refused. */
  isCut = false;
  /** What goes this way waits until it is heard again. */
  readonly silent = new Set<Direction>();
  readonly connections = new Set<Connection>();

  constructor(name: string) {
    this.name = name;
  }
}

const knockAgainMs = 1_000;

type Listener = { scope: Scope; accept(socket: SimulatedSocket): void };

export class Network {
  readonly #time: VirtualTime;
  readonly #latencyMs: () => number;
  readonly #listeners = new Map<string, Listener>();
  readonly #routes = new Set<Route>();
  readonly #heard: (route: Route, direction: Direction, length: number) => void;

  constructor(options: {
    time: VirtualTime;
    latencyMs: () => number;
    heard: (route: Route, direction: Direction, length: number) => void;
  }) {
    this.#time = options.time;
    this.#latencyMs = options.latencyMs;
    this.#heard = options.heard;
  }

  listen(url: string, scope: Scope, accept: (socket: SimulatedSocket) => void): void {
    this.#listeners.set(url, { scope, accept });
  }

  unlisten(url: string): void {
    this.#listeners.delete(url);
  }

  /** How a process dials on this route. */
  opener(route: Route): OpenSocket {
    this.#routes.add(route);
    return (target, { timeoutMs, signal }) =>
      new Promise((resolve, reject) => {
        const time = this.#time;
        const dialler = time.scope;
        const fail = (why: string) => reject(new ConnectionError(why));
        const giveUp = time.after(timeoutMs, () => fail("no answer in time"));
        signal?.addEventListener("abort", () => fail("the attempt was given up"), { once: true });
        const settle = (then: () => void) => {
          time.cancel(giveUp);
          then();
        };
        const knock = () => {
          const listener = this.#listeners.get(target.url);
          if (route.silent.size > 0) {
            // As TCP does.
            if (giveUp.run !== undefined) time.after(knockAgainMs, knock, dialler);
            return;
          }
          if (route.isCut || listener === undefined || listener.scope.dead) {
            settle(() => fail("connection refused"));
            return;
          }
          const connection = new Connection(time, route, {
            near: dialler,
            far: listener.scope,
            latencyMs: this.#latencyMs,
            heard: (direction, length) => this.#heard(route, direction, length),
          });
          time.after(0, () => listener.accept(connection.far), listener.scope);
          time.after(this.#latencyMs(), () => settle(() => resolve(connection.near)), dialler);
        };
        time.after(this.#latencyMs(), knock, dialler);
      });
  }

  /** Breaks what is connected and refuses what wants to be; what is under way is lost. */
  cut(route: Route, unnoticedBy: readonly ("near" | "far")[] = []): void {
    route.isCut = true;
    for (const connection of [...route.connections]) connection.break(unnoticedBy);
  }

  silence(route: Route, directions: readonly Direction[]): void {
    for (const direction of directions) route.silent.add(direction);
  }

  heal(route: Route): void {
    route.isCut = false;
    route.silent.clear();
    for (const connection of [...route.connections]) connection.flow();
  }

  /** The process is gone; the others hear of it, or its machine is gone with it and they do not. */
  crash(scope: Scope, options: { noticed: boolean }): void {
    for (const route of this.#routes) {
      for (const connection of [...route.connections]) {
        if (connection.near.scope.process === scope) {
          connection.break(options.noticed ? ["near"] : ["near", "far"]);
        } else if (connection.far.scope.process === scope) {
          connection.break(options.noticed ? ["far"] : ["near", "far"]);
        }
      }
    }
  }
}

export class Connection {
  readonly near: SimulatedSocket;
  readonly far: SimulatedSocket;
  readonly #route: Route;

  constructor(
    time: VirtualTime,
    route: Route,
    options: {
      near: Scope;
      far: Scope;
      latencyMs: () => number;
      heard: (direction: Direction, length: number) => void;
    },
  ) {
    const { near, far, latencyMs, heard } = options;
    this.#route = route;
    route.connections.add(this);
    const common = { time, latencyMs, over: () => this.#forget() };
    this.near = new SimulatedSocket({
      ...common,
      scope: near,
      isSilent: () => route.silent.has("in"),
      heard: (length) => heard("in", length),
    });
    this.far = new SimulatedSocket({
      ...common,
      scope: far,
      isSilent: () => route.silent.has("out"),
      heard: (length) => heard("out", length),
    });
    this.near.peer = this.far;
    this.far.peer = this.near;
  }

  /** Whether either end believes that it is connected. */
  break(unnoticedBy: readonly ("near" | "far")[]): void {
    this.#route.connections.delete(this);
    this.near.lose(!unnoticedBy.includes("near"));
    this.far.lose(!unnoticedBy.includes("far"));
  }

  flow(): void {
    this.near.flow();
    this.far.flow();
  }

  #forget(): void {
    if (this.near.isOver && this.far.isOver) this.#route.connections.delete(this);
  }
}

type SocketOptions = {
  time: VirtualTime;
  scope: Scope;
  latencyMs: () => number;
  /** What comes this way waits. */
  isSilent: () => boolean;
  heard: (length: number) => void;
  over: () => void;
};

/** Bytes a millisecond. */
const speed = 50_000;

export class SimulatedSocket implements Socket {
  readonly scope: Scope;
  peer: SimulatedSocket | undefined;
  readonly #options: SocketOptions;
  #handlers: SocketHandlers | undefined;
  #state: "open" | "closing" | "closed" = "open";
  #paused = false;
  /** On its way here. */
  #waiting: (SocketData | SocketClose)[] = [];
  /** Here, and not read. */
  #arrived: (SocketData | SocketClose)[] = [];
  #lastArrival = 0;
  #bufferedBytes = 0;

  constructor(options: SocketOptions) {
    this.#options = options;
    this.scope = options.scope;
  }

  get open(): boolean {
    return this.#state === "open";
  }

  get isOver(): boolean {
    return this.#state === "closed";
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  listen(handlers: SocketHandlers): void {
    this.#handlers = handlers;
    this.#readSoon();
  }

  send(data: SocketData): void {
    if (!this.open) return;
    this.#bufferedBytes += data.length;
    this.peer?.expect(data);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#readSoon();
  }

  close(code: number, reason: string): void {
    if (!this.open) return;
    this.#state = "closing";
    this.resume();
    this.peer?.expect({ code, reason: closeReason(reason) });
  }

  terminate(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.peer?.expect(reset);
    this.#options.over();
  }

  /** The connection is gone, and this end hears of it, or does not. */
  lose(noticed: boolean): void {
    this.peer = undefined;
    this.#waiting = [];
    if (noticed) this.#options.time.after(0.1, () => this.#closedBy(reset), this.scope);
  }

  expect(item: SocketData | SocketClose): void {
    if (this.#options.isSilent() || this.#waiting.length > 0) this.#waiting.push(item);
    else this.#carry(item);
  }

  /** What was held up arrives now. */
  flow(): void {
    if (this.#options.isSilent()) return;
    for (const item of this.#waiting.splice(0)) this.#carry(item);
  }

  #carry(item: SocketData | SocketClose): void {
    const { time, latencyMs, heard } = this.#options;
    const length = isClose(item) ? 0 : item.length;
    const sender = this.peer;
    const wanted = time.now + latencyMs() + length / speed;
    this.#lastArrival = Math.max(this.#lastArrival, wanted);
    time.after(
      this.#lastArrival - time.now,
      () => {
        // Cut while this was under way.
        if (this.peer !== sender || sender === undefined) return;
        if (isClose(item)) this.#closedBy(item);
        else {
          heard(length);
          this.#arrived.push(item);
          this.#read();
        }
      },
      this.scope,
    );
  }

  #closedBy(close: SocketClose): void {
    if (this.#state === "closed") return;
    if (this.#state === "open" && close !== reset) {
      this.#state = "closing";
      this.peer?.expect(close);
    }
    this.#arrived.push(close);
    this.#read();
  }

  #readSoon(): void {
    if (this.#arrived.length > 0) this.#options.time.after(0, () => this.#read(), this.scope);
  }

  /** As with a real socket, a close overrides a pause. */
  #read(): void {
    const closes = () => this.#arrived.some(isClose);
    while (this.#arrived.length > 0 && this.#handlers && (!this.#paused || closes())) {
      if (this.#state === "closed") return;
      const item = this.#arrived.shift()!;
      if (!isClose(item)) {
        const sender = this.peer;
        this.#handlers.message(item);
        if (sender !== undefined) this.#tellWritten(sender, item.length);
        continue;
      }
      this.#state = "closed";
      this.#handlers.closed(item);
      this.#options.over();
    }
  }

  #tellWritten(sender: SimulatedSocket, bytes: number): void {
    this.#options.time.after(0, () => sender.#wrote(bytes), sender.scope);
  }

  #wrote(bytes: number): void {
    this.#bufferedBytes -= bytes;
    if (this.#state !== "closed") this.#handlers?.wrote();
  }
}

const reset: SocketClose = { code: 1006, reason: "" };

function isClose(item: SocketData | SocketClose): item is SocketClose {
  return typeof item === "object" && "code" in item;
}
