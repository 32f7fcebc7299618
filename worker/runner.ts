// Runs calls on a thread: decodes, calls, awaits, encodes, measures, and posts what came of it.
// Results leave in batches; those that wait to do so lie where main can get at them, so that none
// waits for the next call to end when that takes long.

import PQueue from "p-queue";
import { receiveMessageOnPort, type MessagePort } from "node:worker_threads";
import { SerializationError, TaskCancelledError, TaskTimeoutError } from "../src/errors/errors.ts";
import { failureOf, taskFailure } from "../src/errors/failure.ts";
import { limits } from "../src/wire/limits.ts";
import { decode, encode } from "../src/payload/payload.ts";
import type { Failure } from "../src/wire/protocol.ts";
import {
  ENDING,
  EXECUTING,
  OVER,
  WAITING,
  fromCrossing,
  move,
  stateOf,
  toCrossing,
  type Cells,
  type Crossing,
  type FromThread,
  type ToThread,
} from "./crossing.ts";
import { RunningTask, runningTask, type TaskHost } from "./current-task.ts";
import { HeldResults, type HeldMemory } from "./held-results.ts";
import { apply, now, setImmediate } from "./intrinsics.ts";
import type { TaskFunction } from "./modules.ts";

/** A result waits this long for others to leave with it, in milliseconds. */
const gatherMs = 0.5;

type Calls = Extract<ToThread, { type: "calls" }>;

export class Runner implements TaskHost {
  readonly worker: string;
  readonly #port: MessagePort;
  readonly #cells: Cells;
  readonly #functions: readonly (readonly [name: string, call: TaskFunction])[];
  /** Only when calls may share the thread; one at a time needs no more than a loop. */
  readonly #slots: PQueue | undefined;

  readonly #batches: Calls[] = [];
  #draining = false;
  /** Calls that returned a promise, by ticket. */
  readonly #awaited = new Map<number, RunningTask>();
  /** Why executing calls were asked to end, by ticket. */
  readonly #endings = new Map<number, Error>();

  #numbers: number[] = [];
  #values: Crossing[] = [];
  #transfer: ArrayBuffer[] = [];
  readonly #held: HeldResults;
  /** When the oldest result that has not been posted was there. */
  #unpostedSince = 0;
  #flushing = false;

  constructor(options: {
    port: MessagePort;
    cells: Cells;
    held: HeldMemory;
    worker: string;
    concurrency: number;
    functions: ReadonlyMap<string, TaskFunction>;
  }) {
    this.worker = options.worker;
    this.#port = options.port;
    this.#cells = options.cells;
    this.#held = new HeldResults(options.held);
    this.#functions = [...options.functions];
    const { concurrency } = options;
    this.#slots = concurrency > 1 ? new PQueue({ concurrency }) : undefined;
  }

  receive(message: ToThread): void {
    if (message.type === "end") this.#end(message);
    else if (this.#slots) this.#share(message, this.#slots);
    else {
      this.#batches.push(message);
      if (!this.#draining) void this.#drain();
    }
  }

  /** One call at a time. Calls that return no promise follow each other without a turn between. */
  async #drain(): Promise<void> {
    this.#draining = true;
    for (let batch = this.#batches.shift(); batch; batch = this.#batches.shift()) {
      for (let index = 0; index < batch.keys.length; index += 1) {
        const promise = this.#begin(batch, index);
        if (promise === undefined) continue;
        this.#flushSoon();
        await promise;
      }
    }
    this.#draining = false;
    runningTask.enterWith(undefined);
    this.#flush();
  }

  #share(batch: Calls, slots: PQueue): void {
    for (let index = 0; index < batch.keys.length; index += 1) {
      void slots.add(async () => {
        await this.#begin(batch, index);
        if (slots.size === 0 && slots.pending === 1) this.#flush();
        else this.#flushSoon();
      });
    }
  }

  /** Makes a call, unless it was taken back. A promise when its end is still to come. */
  #begin(batch: Calls, index: number): Promise<void> | undefined {
    const { numbers } = batch;
    const ticket = numbers[index * 3]!;
    const begin = now();
    this.#cells.begins[ticket & (this.#cells.begins.length - 1)] = begin;
    if (!move(this.#cells, ticket, WAITING, EXECUTING)) return undefined;

    const [name, call] = this.#functions[numbers[index * 3 + 1]!]!;
    const task = new RunningTask(this, batch.keys[index]!, numbers[index * 3 + 2]!, ticket);
    let args: unknown[];
    try {
      const inputs = batch.inputs?.[index]?.map((input) => decode(fromCrossing(input)));
      args = decode(fromCrossing(batch.args[index]!), inputs) as unknown[];
    } catch (error) {
      this.#failed(task, begin, failureOf(error, { key: task.key, task: name }));
      return undefined;
    }
    try {
      // Not `run`, which would go back to where we came from after each: twice the work.
      runningTask.enterWith(task);
      const value: unknown = apply(call, undefined, args);
      if (isThenable(value)) return this.#awaitEnd(task, begin, name, value);
      this.#returned(task, begin, name, value);
    } catch (thrown) {
      this.#failed(task, begin, taskFailure(thrown, { key: task.key, task: name }));
    }
    return undefined;
  }

  async #awaitEnd(
    task: RunningTask,
    begin: number,
    name: string,
    promise: PromiseLike<unknown>,
  ): Promise<void> {
    this.#awaited.set(task.ticket, task);
    try {
      this.#returned(task, begin, name, await promise);
    } catch (thrown) {
      this.#failed(task, begin, taskFailure(thrown, { key: task.key, task: name }));
    } finally {
      this.#awaited.delete(task.ticket);
    }
  }

  #returned(task: RunningTask, begin: number, name: string, value: unknown): void {
    let crossing: Crossing;
    try {
      const { payload, inputs } = encode(value, "result");
      if (inputs.length > 0) throw new SerializationError("A result cannot hold a future");
      crossing = toCrossing(payload, this.#transfer);
    } catch (error) {
      this.#failed(task, begin, failureOf(error, { key: task.key, task: name }));
      return;
    }
    const end = now();
    this.#over(task);
    if (this.#numbers.length === 0) this.#unpostedSince = end;
    const micros = Math.round((end - begin) * 1000);
    this.#numbers.push(task.ticket, micros);
    this.#values.push(crossing);
    const held =
      typeof crossing === "string" &&
      end - this.#unpostedSince < gatherMs &&
      this.#held.add(task.ticket, micros, crossing);
    if (!held) this.#flush();
  }

  #failed(task: RunningTask, begin: number, failure: Failure): void {
    this.#over(task);
    this.#flush();
    const micros = Math.round((now() - begin) * 1000);
    this.#post({ type: "threw", ticket: task.ticket, micros, failure });
  }

  #over(task: RunningTask): void {
    const { ticket } = task;
    const { states } = this.#cells;
    Atomics.store(states, ticket & (states.length - 1), (ticket << 2) | OVER);
    task.close();
    if (this.#endings.size > 0) this.#endings.delete(ticket);
  }

  // ── Posting ────────────────────────────────────────────────────────────────────────────────────

  #flush(): void {
    if (this.#numbers.length === 0) return;
    this.#port.postMessage(
      { type: "returned", numbers: this.#numbers, values: this.#values } satisfies FromThread,
      this.#transfer,
    );
    this.#numbers = [];
    this.#values = [];
    if (this.#transfer.length > 0) this.#transfer = [];
    this.#held.clear();
  }

  /** Once nothing more can be done without waiting for something. */
  #flushSoon(): void {
    if (this.#flushing || this.#numbers.length === 0) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #post(message: FromThread): void {
    this.#port.postMessage(message);
  }

  // ── For the running task ───────────────────────────────────────────────────────────────────────

  #end({ ticket, code, message }: Extract<ToThread, { type: "end" }>): void {
    if (stateOf(this.#cells, ticket) !== ENDING) return;
    const reason =
      code === "task-timeout" ? new TaskTimeoutError(message) : new TaskCancelledError(message);
    this.#endings.set(ticket, reason);
    this.#awaited.get(ticket)?.end();
  }

  endingOf(ticket: number): Error | undefined {
    if (stateOf(this.#cells, ticket) !== ENDING) return undefined;
    // The call may never have let the event loop deliver the reason.
    while (!this.#endings.has(ticket)) {
      const received = receiveMessageOnPort(this.#port) as { message: ToThread } | undefined;
      if (received === undefined) break;
      this.receive(received.message);
    }
    return this.#endings.get(ticket);
  }

  progress(ticket: number, fraction: number, text: string | undefined): void {
    this.#post({
      type: "progress",
      ticket,
      fraction,
      ...(text !== undefined && { text: String(text).slice(0, limits.textLength) }),
    });
  }

  log(text: string, key: string): void {
    this.#post({ type: "log", text, key });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as { then?: unknown }).then === "function"
  );
}
