// One thread as the main thread sees it: starts it, hands it calls, passes its events on, and ends it.

import { setTimeout as sleep } from "node:timers/promises";
import { fromErrorRecord } from "../../src/errors/failure.ts";
import { formatDuration } from "../../src/duration.ts";
import type { SocketData } from "../../src/link/socket.ts";
import { checkFromClient } from "../../src/wire/check.ts";
import { readFrame } from "../../src/wire/frame.ts";
import type { ToClient } from "../../src/wire/protocol.ts";
import type { RunOptions } from "../../src/wire/task-options.ts";
import { fromCloneable, toCloneableMessage, type CloneablePayload } from "../boundary/cloneable.ts";
import type { Grant } from "../boundary/grant.ts";
import { isFromThread, weightOf, type FromThread, type ToThread } from "../boundary/messages.ts";
import { ModuleError } from "../boundary/module-source.ts";
import type { Call } from "../calls/call.ts";
import type { EndedAttempts } from "../processes/ended-attempts.ts";
import type { CallEvents, ThreadEvents } from "./events.ts";
import { noteThreadThatDoesNotEnd } from "../../src/process-exit.ts";
import { HandedCalls, cellsFor } from "./handed-calls.ts";
import { HeapLimitError, type Host, type HostSetup, type OpenHost } from "./host.ts";
import { Liveness } from "./liveness.ts";
import type { Pace } from "./pace.ts";

export type ThreadSetup = Omit<HostSetup, "cells"> & {
  readonly open: OpenHost;
  /** Learns how long calls take. */
  readonly pace: Pace;
  /** Ends what the tasks of the thread leave running. */
  readonly endedAttempts: EndedAttempts;
};

/** A thread waits so long for the end of its processes, since nobody else can take their ids back. */
const processesEndMs = 200;
/** A thread that has not ended so long after it was terminated is inside a system call, and given up, in milliseconds. */
const terminationMs = 3_000;
/** A thread that ends by itself runs the user's exit listeners first, for no longer than this, in milliseconds. */
const exitMs = 3_000;

export class Thread {
  readonly handed: HandedCalls;
  readonly #pace: Pace;
  readonly #callEvents: CallEvents;
  readonly #events: ThreadEvents;
  readonly #host: Host;
  readonly #files: readonly string[];
  readonly #mark: string;
  readonly #endedAttempts: EndedAttempts;
  readonly #concurrency: number;
  readonly #liveness: Liveness;
  #termination: Promise<void> | undefined = undefined;
  #exiting: NodeJS.Timeout | undefined = undefined;
  /** The thread is given up, and may be there still. */
  #stillThere: { ended(): void } | undefined = undefined;
  #state: "loading" | "loaded" | "gone" = "loading";
  #terminated = false;
  /** The weight of the messages of clients that have come, and that the thread has not been told of. */
  #owed = 0;
  #error: Error | undefined = undefined;
  /** What Node says: without the stack when what was thrown is no Error. */
  #uncaught: Error | undefined = undefined;
  /** Calls whose processes were ended with the thread: what they return or throw then follows from that. */
  #cutShort: ReadonlySet<Call> = new Set();
  /** What the thread itself said last of why it ends. */
  #ending: { readonly error: Error; readonly key: string | undefined } | undefined = undefined;

  constructor(setup: ThreadSetup, callEvents: CallEvents, events: ThreadEvents) {
    const { options, heapBytes, pace, open, endedAttempts } = setup;
    this.#mark = options.mark;
    this.#endedAttempts = endedAttempts;
    this.#concurrency = options.concurrency;
    this.#liveness = new Liveness(() => this.#post({ type: "ping" }));
    this.#pace = pace;
    this.#callEvents = callEvents;
    this.#events = events;
    this.#files = options.modules.map(({ path }) => path);
    const cells = cellsFor(options.concurrency);
    this.#host = open(
      { options, cells, heapBytes },
      {
        message: (message) => this.#hear(message),
        garbled: (error) => this.#distrust(error),
        uncaught: (error) => {
          if (error instanceof HeapLimitError) this.#error = error;
          else this.#uncaught = asError(error);
          this.#endsByItself();
        },
        recalled: (tickets, begun) => this.#recalled(tickets, begun),
        ended: (how) => this.#ended(how),
      },
    );
    this.handed = new HandedCalls(options.concurrency, cells, this.#host.remote);
  }

  /** The thread has the modules, is not being ended, and answers. */
  get ready(): boolean {
    return this.#isUsable && !this.#liveness.isHeldUp;
  }

  get hasLoaded(): boolean {
    return this.#state === "loaded";
  }

  /** The thread has the modules, and does not begin what it was handed. */
  get isHeldUp(): boolean {
    return this.#isUsable && this.#liveness.isHeldUp;
  }

  get #isUsable(): boolean {
    const hasFailed = this.#error !== undefined || this.#uncaught !== undefined;
    return this.#state === "loaded" && !this.#terminated && !hasFailed;
  }

  // ── To the thread ──────────────────────────────────────────────────────────────────────────────

  /** Hands calls over, to be begun in this order. */
  hand(calls: readonly Call[]): void {
    for (const call of calls) this.reserve(call);
    this.post(calls);
  }

  /** The first half of `hand`: counts the call as on this thread, without a message to the thread. */
  reserve(call: Call): void {
    this.handed.add(call);
    call.thread = this;
  }

  /** The second half of `hand`. */
  post(calls: readonly Call[]): void {
    const numbers: number[] = [];
    const keys: string[] = [];
    const args: CloneablePayload[] = [];
    let inputs: (CloneablePayload[] | undefined)[] | undefined;
    let options: (RunOptions | undefined)[] | undefined;
    let grants: (Grant | undefined)[] | undefined;
    const transfer: ArrayBuffer[] = [];
    for (const call of calls) {
      numbers.push(call.ticket, call.terms.function, call.startsBefore + 1);
      keys.push(call.key);
      args.push(this.#host.cross(call.args, transfer));
      if (call.inputs !== undefined) {
        inputs ??= Array.from({ length: calls.length });
        inputs[keys.length - 1] = call.inputs.map((input) => this.#host.cross(input, transfer));
      }
      if (call.terms.options !== undefined) {
        options ??= Array.from({ length: calls.length });
        options[keys.length - 1] = call.terms.options;
      }
      if (call.grant !== undefined) {
        grants ??= Array.from({ length: calls.length });
        grants[keys.length - 1] = call.grant;
      }
    }
    this.#post({ type: "calls", numbers, keys, args, inputs, options, grants }, transfer);
  }

  /** Sends a message to the client inside a call. */
  tellClient({ ticket }: Call, message: ToClient): void {
    const transfer: ArrayBuffer[] = [];
    const crossing = toCloneableMessage(message, (payload) => this.#host.cross(payload, transfer));
    this.#post({ type: "sub", ticket, message: crossing }, transfer);
  }

  /** So many bytes of the output of a call have been taken. */
  tellTaken({ ticket }: Call, bytes: number): void {
    this.#post({ type: "output-taken", ticket, bytes });
  }

  /** Gives a call that asked to resume its slot and its resources back. */
  resume(call: Call): void {
    this.handed.takeBackSlot(call);
    this.#post({ type: "resume", ticket: call.ticket, grant: call.grant });
  }

  /** Asks an executing call to end: its signal fires. False when it is not executing. */
  askToEnd(call: Call, code: "task-cancelled" | "task-timeout", message: string): boolean {
    if (!this.handed.markEnding(call)) return false;
    this.#post({ type: "end", ticket: call.ticket, code, message });
    return true;
  }

  /** Takes the results that the thread has not posted yet. */
  collect(): void {
    this.#host.collect();
  }

  /** Lets tasks send more messages, which waited while this worker's heap was full. */
  goOn(): void {
    if (this.#owed > 0) this.#host.taken(this.#owed);
    this.#owed = 0;
  }

  /** Whether the thread executes nothing, has not answered for long, and so has to be terminated. */
  isWedged(executing: readonly Call[], now: number): boolean {
    if (!this.#isUsable) return false;
    const inSlots = executing.filter(({ lent }) => !lent).length;
    return this.#liveness.isWedged({
      now,
      waiting: this.handed.waiting,
      executing: executing.length,
      hasFreeSlot: inSlots < this.#concurrency,
      unsentBytes: this.#host.unsentBytes,
    });
  }

  /** Ends the thread whatever it does; `gone` follows. */
  async terminate(): Promise<void> {
    this.#terminated = true;
    await this.#end();
  }

  #end(): Promise<void> {
    return (this.#termination ??= this.#endHost());
  }

  async #endHost(): Promise<void> {
    // The thread may be inside a call that waits for one of them.
    if (this.#host.processes.isUsed) {
      this.#cutShort = new Set(this.handed.executing());
      await Promise.race([this.#endProcesses(), sleep(processesEndMs)]);
    }
    const ended = new AbortController();
    const tooLong = sleep(terminationMs, undefined, { signal: ended.signal }).catch(
      () => undefined,
    );
    await Promise.race([this.#host.terminate(), tooLong]);
    ended.abort();
    if (this.#state !== "gone") this.#giveUp();
  }

  /** What cannot be ended in a thread ends with the process. */
  #giveUp(): void {
    this.#stillThere = this.#host.isInThisProcess ? noteThreadThatDoesNotEnd() : undefined;
    this.#error = new Error(
      `it did not end within ${formatDuration(terminationMs)}, since it is inside a system call or native code`,
    );
    this.#host.collect();
    this.#ended(this.#error.message);
  }

  /** The thread ends, once the user's exit listeners have run. */
  #endsByItself(): void {
    this.#exiting ??= setTimeout(() => void this.#end(), exitMs);
  }

  async #endProcesses(): Promise<void> {
    await this.#endedAttempts.endThread(this.#mark, this.#host.processes.running);
  }

  /** Ends a thread whose modules cannot be used: it counts as one that did not load. */
  fail(error: Error): void {
    this.#state = "loading";
    this.#error = error;
    void this.terminate();
  }

  #post(message: ToThread, transfer: ArrayBuffer[] = []): void {
    this.#host.post(message, transfer);
  }

  // ── From the thread ────────────────────────────────────────────────────────────────────────────

  #hear(message: unknown): void {
    if (this.#state === "gone") return;
    if (isFromThread(message)) this.#receive(message);
    else this.#distrust(new Error("it sent a malformed message"));
  }

  /** Ends the thread. Calls that have begun fail with it, since the malformed message may be a result. */
  #distrust(error: Error): void {
    this.#error ??= error;
    this.handed.distrust();
    void this.#end();
  }

  #receive(message: FromThread): void {
    switch (message.type) {
      case "returned":
        this.#returned(message.numbers, message.values);
        break;
      case "threw": {
        const call = this.#over(message.ticket, countable(message.micros));
        if (call !== undefined) this.#callEvents.threw(call, message.failure);
        this.#events.room();
        break;
      }
      case "progress": {
        const call = this.handed.get(message.ticket);
        if (call !== undefined) this.#callEvents.progress(call, message.fraction, message.text);
        break;
      }
      case "output": {
        const call = this.handed.get(message.ticket);
        if (call !== undefined) this.#callEvents.output(call, fromCloneable(message.value));
        break;
      }
      case "sub":
        this.#receiveSub(message.ticket, message.frame);
        this.#owed += weightOf(message.frame.length);
        if (!this.#callEvents.isFull()) this.goOn();
        break;
      case "lent": {
        const call = this.handed.get(message.ticket);
        if (call === undefined || call.lent) break;
        this.handed.lend(call);
        this.#callEvents.lent(call);
        this.#events.room();
        break;
      }
      case "resuming": {
        const call = this.handed.get(message.ticket);
        if (!call?.lent) break;
        if (call.terms.resources === undefined) this.handed.takeBackSlot(call);
        this.#callEvents.resuming(call);
        break;
      }
      case "left":
        this.#endedAttempts.add(message.mark, message.ids);
        break;
      case "ending":
        this.#ending = { error: fromErrorRecord(message.error), key: message.key };
        if (message.mayGoOn !== true) this.#endsByItself();
        break;
      case "pong":
        this.#liveness.answered();
        this.#events.room();
        break;
      case "log":
        this.#host.taken(weightOf(message.text.length));
        this.#callEvents.said(message.type, message.text, message.key);
        break;
      case "rejection":
      case "warning":
        this.#callEvents.said(message.type, message.text, message.key);
        break;
      case "loaded": {
        const [seconds, nanoseconds] = process.hrtime();
        const ownClockMs = seconds * 1000 + nanoseconds / 1e6 - performance.now();
        this.handed.clockMs = message.clockMs - ownClockMs;
        this.#state = "loaded";
        this.#events.loaded(message.functions, message.digests);
        break;
      }
      case "unusable": {
        const cause = message.error && fromErrorRecord(message.error);
        this.fail(new ModuleError(message.message, cause && { cause }));
        break;
      }
    }
  }

  #returned(numbers: readonly number[], values: readonly CloneablePayload[]): void {
    for (let index = 0; index < values.length; index += 1) {
      const micros = countable(numbers[index * 2 + 1]!);
      const call = this.#over(numbers[index * 2]!, micros);
      if (call === undefined) continue;
      this.#callEvents.returned(call, fromCloneable(values[index]!), micros);
    }
    this.#events.room();
  }

  /** Takes a call that has ended off the thread; undefined when it is not there any more. */
  #over(ticket: number, micros: number): Call | undefined {
    const call = this.handed.get(ticket);
    if (call === undefined || this.#cutShort.has(call)) return undefined;
    this.handed.remove(call);
    this.#pace.learn(call.terms.function, micros);
    return call;
  }

  /** Takes the calls off the thread that will not begin there. */
  #recalled(tickets: readonly number[], begun: readonly number[]): void {
    const calls = tickets.flatMap((ticket) => this.handed.get(ticket) ?? []);
    for (const call of calls) this.handed.remove(call);
    if (calls.length > 0) this.#callEvents.recalled(calls);
    for (const ticket of begun) {
      const call = this.handed.get(ticket);
      if (call !== undefined) this.#callEvents.begun(call);
    }
    this.#events.room();
  }

  /** Messages of the client inside a call are checked as those of any client: they are passed on. */
  #receiveSub(ticket: number, frame: SocketData): void {
    const call = this.handed.get(ticket);
    if (call === undefined) return;
    call.usedClient = true;
    try {
      const { messages, parts } = readFrame(frame);
      for (const message of messages.map((each) => checkFromClient(each, parts))) {
        this.#callEvents.sub(call, message);
      }
    } catch (error) {
      this.#distrust(error as Error);
    }
  }

  #ended(how: string): void {
    if (this.#state === "gone") {
      this.#stillThere?.ended();
      return;
    }
    clearTimeout(this.#exiting);
    // What it started since it was asked to end.
    if (this.#host.processes.isUsed) void this.#endProcesses();
    const loaded = this.#state === "loaded";
    const error = this.#error ?? this.#ending?.error ?? this.#uncaught ?? withoutStack(how);
    this.#state = "gone";
    this.#events.gone({
      loaded,
      terminated: this.#terminated,
      isStuck: this.#stillThere !== undefined,
      culprit: error === this.#ending?.error ? this.#ending.key : undefined,
      error: loaded ? error : asModuleError(error, this.#files),
      ...this.handed.removeAll(),
    });
  }
}

/** The error for a thread that ended while it was loading. */
function asModuleError(cause: Error, files: readonly string[]): ModuleError {
  if (cause instanceof ModuleError) return cause;
  const message = `${files.join(", ")}: the thread ended while it was loading this: ${cause.message}`;
  return new ModuleError(message, { cause });
}

/** Nothing is known of where the thread was; the stack here would be of this file. */
function withoutStack(how: string): Error {
  const error = new Error(how);
  error.stack = `${error.name}: ${how}`;
  return error;
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** A duration that the user's code may have tampered with. */
function countable(micros: number): number {
  return micros > 0 && micros < Infinity ? Math.round(micros) : 0;
}
