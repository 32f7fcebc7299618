// One thread, seen from the main thread: what it has been handed, how far each call is, and its end.

import {
  MessageChannel,
  Worker,
  receiveMessageOnPort,
  type MessagePort,
} from "node:worker_threads";
import { fromErrorRecord } from "../../src/errors/failure.ts";
import type { ToClient } from "../../src/wire/protocol.ts";
import type { SocketData } from "../../src/link/socket.ts";
import type { Call } from "../calls/call.ts";
import {
  ENDING,
  EXECUTING,
  OVER,
  TICKETS,
  WAITING,
  cellOf,
  createCells,
  isExecuting,
  mostWaiting,
  move,
  stateOf,
  type Cells,
} from "../boundary/cells.ts";
import {
  fromCloneable,
  toCloneable,
  toCloneableMessage,
  type CloneablePayload,
} from "../boundary/cloneable.ts";
import {
  isFromThread,
  type FromThread,
  type ThreadOptions,
  type ToThread,
} from "../boundary/messages.ts";
import { ModuleError } from "../boundary/module-source.ts";
import { UnpostedResults } from "../boundary/unposted-results.ts";
import { messagesOf } from "./from-inside.ts";
import { unknownMicros } from "./pace.ts";
import type { ThreadEvents } from "./thread-events.ts";

/** Calls on a thread at most, beside those that execute: one batch and one ahead. */
export const maxHanded = 512;

export class Thread {
  /** Calls handed over that are not over and have not lent their slots; what they are expected to take. */
  live = 0;
  loadMicros = 0;
  #lent = 0;
  readonly #events: ThreadEvents;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #cells: Cells;
  readonly #held = new UnpostedResults();
  /** By cell: as many as may have been in use. */
  readonly #calls: (Call | undefined)[];
  readonly #files: readonly string[];
  #ticket = 0;
  readonly #usualSpan: number;
  /** All calls are in the first so many cells: a power of two. */
  #span: number;
  #clockMs = 0;
  #state: "loading" | "loaded" | "gone" = "loading";
  #terminated = false;
  #error: Error | undefined = undefined;

  constructor(
    options: Omit<ThreadOptions, "cells" | "held" | "port"> & { heapBytes: number | undefined },
    events: ThreadEvents,
  ) {
    const { heapBytes, ...rest } = options;
    this.#events = events;
    this.#files = options.modules.map(({ path }) => path);
    // Twice what it can hold: a free cell is then found at once. Those that wait may come on top.
    this.#usualSpan = this.#span = 2 ** Math.ceil(Math.log2(2 * (maxHanded + options.concurrency)));
    this.#cells = createCells(this.#span + 2 * mostWaiting);
    this.#calls = new Array<undefined>(this.#span).fill(undefined);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const data = { ...rest, cells: this.#cells, held: this.#held.memory, port: port2 };
    this.#worker = new Worker(entry, {
      name: `${options.worker} thread`,
      workerData: data satisfies ThreadOptions,
      transferList: [port2],
      ...(heapBytes !== undefined && {
        resourceLimits: { maxOldGenerationSizeMb: Math.ceil(heapBytes / 2 ** 20) },
      }),
    });
    this.#port.on("message", (message: unknown) => this.#hear(message));
    this.#port.on("messageerror", (error) => this.#distrust(error));
    this.#worker.on("error", (error: unknown) => {
      this.#error ??= error instanceof Error ? error : new Error(String(error));
    });
    this.#worker.on("exit", (code) => this.#exit(code));
  }

  /** Has the modules, and is not being ended. */
  get ready(): boolean {
    return this.#state === "loaded" && !this.#terminated && this.#error === undefined;
  }

  /** Hands calls over, to be begun in this order. */
  hand(calls: readonly Call[]): void {
    for (const call of calls) this.reserve(call);
    this.post(calls);
  }

  /** The first half of `hand`: the call is on this thread now, but the thread has not heard of it. */
  reserve(call: Call): void {
    const { states } = this.#cells;
    const live = this.live + this.#lent;
    if (live === 0) this.#span = this.#usualSpan;
    else if (2 * live > this.#span && this.#span < states.length) this.#span *= 2;
    while (this.#calls.length < this.#span) this.#calls.push(undefined);
    do this.#ticket = this.#nextTicket();
    while (this.#calls[cellOf(this.#cells, this.#ticket)]);
    call.thread = this;
    call.ticket = this.#ticket;
    this.#calls[cellOf(this.#cells, call.ticket)] = call;
    Atomics.store(states, cellOf(this.#cells, call.ticket), (call.ticket << 2) | WAITING);
    this.live += 1;
    this.loadMicros += call.expectedMicros;
  }

  /** The second half of `hand`. */
  post(calls: readonly Call[]): void {
    const numbers: number[] = [];
    const keys: string[] = [];
    const args: CloneablePayload[] = [];
    let inputs: (CloneablePayload[] | undefined)[] | undefined;
    let regains: number[] | undefined;
    const transfer: ArrayBuffer[] = [];
    for (const call of calls) {
      if (call.terms.regains) (regains ??= []).push(call.ticket);
      numbers.push(call.ticket, call.terms.function, call.attempt);
      keys.push(call.key);
      args.push(toCloneable(call.args, transfer));
      if (call.inputs !== undefined) {
        inputs ??= Array.from({ length: calls.length });
        inputs[keys.length - 1] = call.inputs.map((input) => toCloneable(input, transfer));
      }
    }
    this.#post({ type: "calls", numbers, keys, args, inputs, regains }, transfer);
  }

  /** Says something to the client inside a call. */
  tellInside({ ticket }: Call, message: ToClient): void {
    const transfer: ArrayBuffer[] = [];
    this.#post({ type: "sub", ticket, message: toCloneableMessage(message, transfer) }, transfer);
  }

  /** A call that asked to resume has its resources back. */
  resume(call: Call): void {
    this.#takeBackSlot(call);
    this.#post({ type: "resume", ticket: call.ticket });
  }

  /** Takes a call back, unless it has begun. */
  takeBack(call: Call): boolean {
    if (!move(this.#cells, call.ticket, WAITING, OVER)) return false;
    this.#release(call);
    return true;
  }

  /** Takes back every call that has not begun. */
  takeAllBack(): Call[] {
    return this.#liveCalls().filter((call) => this.takeBack(call));
  }

  /** Forgets a call that has ended but whose result is not here yet; false when it has not ended. */
  forget(call: Call): boolean {
    if (stateOf(this.#cells, call.ticket) !== OVER) return false;
    this.#release(call);
    return true;
  }

  /** Asks an executing call to end: its signal fires. False when it is not executing. */
  askToEnd(call: Call, code: "task-cancelled" | "task-timeout", message: string): boolean {
    if (!move(this.#cells, call.ticket, EXECUTING, ENDING)) return false;
    this.#post({ type: "end", ticket: call.ticket, code, message });
    return true;
  }

  /** When the call began, by this thread's `performance.now()`; undefined when it is not executing. */
  beganAt(call: Call): number | undefined {
    if (!isExecuting(stateOf(this.#cells, call.ticket))) return undefined;
    return this.#cells.begins[cellOf(this.#cells, call.ticket)]! + this.#clockMs;
  }

  /** The calls executing now. */
  executing(): Call[] {
    return this.#liveCalls().filter((call) => isExecuting(stateOf(this.#cells, call.ticket)));
  }

  /** The call takes longer than was expected: nothing more is sent ahead behind it. */
  markLong(call: Call): void {
    this.loadMicros += unknownMicros - call.expectedMicros;
    call.expectedMicros = unknownMicros;
  }

  /** Takes the results that the thread holds back. */
  collect(): void {
    const { numbers, values } = this.#held.read();
    if (values.length > 0) this.#returned(numbers, values);
  }

  /** Ends the thread whatever it does; `gone` follows. */
  async terminate(): Promise<void> {
    this.#terminated = true;
    await this.#worker.terminate();
  }

  /** Ends the thread for a reason of its own making: it counts as one that did not load. */
  fail(error: Error): void {
    this.#state = "loading";
    this.#error = error;
    void this.terminate();
  }

  #hear(message: unknown): void {
    if (isFromThread(message)) this.#receive(message);
    else this.#distrust(new Error("it sent what no thread sends"));
  }

  /** Ends the thread; whatever has begun there goes with it, for its result may be what was garbled. */
  #distrust(error: Error): void {
    this.#error ??= error;
    for (const call of this.#liveCalls()) move(this.#cells, call.ticket, OVER, EXECUTING);
    void this.#worker.terminate();
  }

  #receive(message: FromThread): void {
    switch (message.type) {
      case "returned":
        this.#returned(message.numbers, message.values);
        break;
      case "threw": {
        const call = this.#release(this.#callOf(message.ticket));
        if (call !== undefined) {
          this.#events.threw(call, message.failure, countable(message.micros));
        }
        this.#events.room(this);
        break;
      }
      case "progress": {
        const call = this.#callOf(message.ticket);
        if (call !== undefined) this.#events.progress(call, message.fraction, message.text);
        break;
      }
      case "sub":
        this.#receiveInside(message.ticket, message.frame);
        break;
      case "lent": {
        const call = this.#callOf(message.ticket);
        if (call === undefined || call.lent) break;
        call.lent = true;
        this.#lent += 1;
        this.#discount(call);
        this.#events.lent(call);
        this.#events.room(this);
        break;
      }
      case "resuming": {
        const call = this.#callOf(message.ticket);
        if (!call?.lent) break;
        if (!call.terms.regains) this.#takeBackSlot(call);
        this.#events.resuming(call);
        break;
      }
      case "log":
      case "rejection":
        this.#events.said(message.type, message.text, message.key);
        break;
      case "loaded": {
        const [seconds, nanoseconds] = process.hrtime();
        const ownClockMs = seconds * 1000 + nanoseconds / 1e6 - performance.now();
        this.#clockMs = message.clockMs - ownClockMs;
        this.#state = "loaded";
        this.#events.loaded(this, message.functions, message.digests);
        break;
      }
      case "unusable": {
        const cause = message.error && fromErrorRecord(message.error);
        this.fail(new ModuleError(message.message, cause && { cause }));
        break;
      }
    }
  }

  #receiveInside(ticket: number, frame: SocketData): void {
    const call = this.#callOf(ticket);
    if (call === undefined) return;
    call.hasInside = true;
    try {
      for (const message of messagesOf(frame)) this.#events.inside(call, message);
    } catch (error) {
      this.#distrust(error as Error);
    }
  }

  #returned(numbers: readonly number[], values: readonly CloneablePayload[]): void {
    for (let index = 0; index < values.length; index += 1) {
      const call = this.#release(this.#callOf(numbers[index * 2]!));
      if (call === undefined) continue;
      const micros = countable(numbers[index * 2 + 1]!);
      this.#events.returned(call, fromCloneable(values[index]!), micros);
    }
    this.#events.room(this);
  }

  /** Goes round in as few cells as will do: those that fewer calls need stay in the cache. */
  #nextTicket(): number {
    const cell = cellOf(this.#cells, this.#ticket);
    if (cell + 1 < this.#span) return this.#ticket + 1;
    return (this.#ticket - cell + this.#cells.states.length) % TICKETS;
  }

  /** Newest first, for they are mostly together there: what is free is hardly looked at. */
  #liveCalls(): Call[] {
    const calls: Call[] = [];
    const newest = cellOf(this.#cells, this.#ticket);
    const live = this.live + this.#lent;
    for (let back = 0; back < this.#span && calls.length < live; back += 1) {
      const call = this.#calls[(newest - back) & (this.#span - 1)];
      if (call !== undefined) calls.push(call);
    }
    return calls;
  }

  /** Undefined when the call has been forgotten. */
  #callOf(ticket: number): Call | undefined {
    const call = this.#calls[cellOf(this.#cells, ticket)];
    return call?.ticket === ticket ? call : undefined;
  }

  #release(call: Call | undefined): Call | undefined {
    if (call === undefined) return undefined;
    this.#calls[cellOf(this.#cells, call.ticket)] = undefined;
    call.thread = undefined;
    if (call.lent) this.#lent -= 1;
    else this.#discount(call);
    return call;
  }

  #discount(call: Call): void {
    this.live -= 1;
    this.loadMicros = this.live === 0 ? 0 : this.loadMicros - call.expectedMicros;
  }

  #takeBackSlot(call: Call): void {
    if (!call.lent) return;
    call.lent = false;
    this.#lent -= 1;
    this.live += 1;
    this.loadMicros += call.expectedMicros;
  }

  #post(message: ToThread, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  #exit(code: number): void {
    let left = receiveMessageOnPort(this.#port) as { message: unknown } | undefined;
    for (; left; left = receiveMessageOnPort(this.#port)) this.#hear(left.message);
    this.#port.close();
    this.collect();
    const loaded = this.#state === "loaded";
    const error = this.#error ?? new Error(`it ended with exit code ${code}`);
    this.#state = "gone";
    const executing = this.executing();
    for (const call of executing) this.#release(call);
    const others = this.#liveCalls();
    for (const call of others) this.#release(call);
    this.#events.gone(this, {
      loaded,
      terminated: this.#terminated,
      error: loaded ? error : asModuleError(error, this.#files),
      executing,
      others,
    });
  }
}

/** Beside this file, as source or as built. */
const entry = new URL(
  `../thread/entry${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
  import.meta.url,
);

/** A thread that ended in whatever other way while it was loading. */
function asModuleError(cause: Error, files: readonly string[]): ModuleError {
  if (cause instanceof ModuleError) return cause;
  const message = `${files.join(", ")}: the thread that was to load this did not get there: ${cause.message}`;
  return new ModuleError(message, { cause });
}

/** What a clock measured that the user's code may have had its hands on. */
function countable(micros: number): number {
  return micros > 0 && micros < Infinity ? Math.round(micros) : 0;
}
