// Runs calls on a thread: decodes, calls, awaits, encodes, measures, and posts what came of it.
// Results leave in batches; those that wait to do so lie where main can get at them, so that none
// waits for the next call to end when that takes long.

import { receiveMessageOnPort, type MessagePort } from "node:worker_threads";
import {
  SerializationError,
  TaskCancelledError,
  TaskTimeoutError,
  ThenceError,
} from "../../src/errors/errors.ts";
import { failureOf, taskFailure } from "../../src/errors/failure.ts";
import { limits } from "../../src/wire/limits.ts";
import { decode, encode } from "../../src/payload/payload.ts";
import type { Failure } from "../../src/wire/protocol.ts";
import {
  ENDING,
  EXECUTING,
  OVER,
  WAITING,
  mostWaiting,
  move,
  stateOf,
  type Cells,
} from "../boundary/cells.ts";
import {
  fromCloneable,
  fromCloneableMessage,
  sharedBytes,
  toCloneable,
  type CloneablePayload,
} from "../boundary/cloneable.ts";
import type { FromThread, ToThread } from "../boundary/messages.ts";
import { RunningTask, runningTask, type TaskHost } from "./current-task.ts";
import { UnpostedResults, type UnpostedMemory } from "../boundary/unposted-results.ts";
import { Inside } from "./inside.ts";
import { apply, now, setImmediate } from "../boundary/intrinsics.ts";
import type { TaskFunction } from "./modules.ts";
import { allocate, countShared } from "../boundary/shared-memory.ts";

/** A result waits this long for others to leave with it, in milliseconds. */
const gatherMs = 0.5;
/** Large results go into shared memory: other threads get them without a copy. */
const resultRoom = { mostBytes: limits.valueBytes, allocate };

type Calls = Extract<ToThread, { type: "calls" }>;

export class Runner implements TaskHost {
  readonly worker: string;
  readonly #port: MessagePort;
  readonly #cells: Cells;
  readonly #functions: readonly (readonly [name: string, call: TaskFunction])[];
  readonly #concurrency: number;
  readonly #taskClient: string | undefined;

  readonly #batches: Calls[] = [];
  /** Where the first batch goes on. */
  #place = 0;
  #beginning = false;
  /** Calls that returned a promise, by ticket, and how many of them have not lent their slots. */
  readonly #awaited = new Map<number, RunningTask>();
  #active = 0;
  #lent = 0;
  /** Calls that lend resources too, by ticket; with what lets them go on while they wait for that. */
  readonly #regaining = new Map<number, (() => void) | undefined>();
  /** Why executing calls were asked to end, by ticket. */
  readonly #endings = new Map<number, Error>();

  #numbers: number[] = [];
  #values: CloneablePayload[] = [];
  #transfer: ArrayBuffer[] = [];
  readonly #held: UnpostedResults;
  /** When the oldest result that has not been posted was there. */
  #unpostedSince = 0;
  #flushing = false;

  constructor(options: {
    port: MessagePort;
    cells: Cells;
    held: UnpostedMemory;
    worker: string;
    concurrency: number;
    taskClient?: string | undefined;
    functions: ReadonlyMap<string, TaskFunction>;
  }) {
    this.worker = options.worker;
    this.#port = options.port;
    this.#cells = options.cells;
    this.#held = new UnpostedResults(options.held);
    this.#functions = [...options.functions];
    this.#concurrency = options.concurrency;
    this.#taskClient = options.taskClient;
  }

  receive(message: ToThread): void {
    switch (message.type) {
      case "calls":
        for (const ticket of message.regains ?? []) this.#regaining.set(ticket, undefined);
        this.#batches.push(message);
        this.#beginNext();
        return;
      case "end":
        this.#end(message);
        return;
      case "sub":
        this.#awaited.get(message.ticket)?.inside?.receive(fromCloneableMessage(message.message));
        return;
      case "resume":
        this.#regaining.get(message.ticket)?.();
        return;
      default:
        message satisfies never;
    }
  }

  /** Calls that return no promise follow each other without a turn between. */
  #beginNext(): void {
    // A call that looks for its ending reads the port, and so comes by here.
    if (this.#beginning) return;
    this.#beginning = true;
    while (this.#active < this.#concurrency) {
      const [batch] = this.#batches;
      if (batch === undefined) break;
      const index = this.#place;
      this.#place += 1;
      if (this.#place === batch.keys.length) {
        this.#batches.shift();
        this.#place = 0;
      }
      this.#begin(batch, index);
    }
    runningTask.enterWith(undefined);
    this.#beginning = false;
    if (this.#active === 0 && this.#batches.length === 0) this.#flush();
    else this.#flushSoon();
  }

  /** Makes a call, unless it was taken back. */
  #begin(batch: Calls, index: number): void {
    const { numbers } = batch;
    const ticket = numbers[index * 3]!;
    const begin = now();
    this.#cells.begins[ticket & (this.#cells.begins.length - 1)] = begin;
    if (!move(this.#cells, ticket, WAITING, EXECUTING)) return;

    const [name, call] = this.#functions[numbers[index * 3 + 1]!]!;
    const task = new RunningTask(this, batch.keys[index]!, numbers[index * 3 + 2]!, ticket);
    let args: unknown[];
    try {
      const inputs = batch.inputs?.[index]?.map((input) => {
        if (typeof input === "object") countShared(sharedBytes(input));
        return decode(fromCloneable(input));
      });
      args = decode(fromCloneable(batch.args[index]!), inputs) as unknown[];
    } catch (error) {
      this.#failed(task, begin, failureOf(error, { key: task.key, task: name }));
      return;
    }
    try {
      // Not `run`, which would go back to where we came from after each: twice the work.
      runningTask.enterWith(task);
      const value: unknown = apply(call, undefined, args);
      if (isThenable(value)) void this.#awaitEnd(task, begin, name, value);
      else this.#returned(task, begin, name, value);
    } catch (thrown) {
      this.#failed(task, begin, taskFailure(thrown, { key: task.key, task: name }));
    }
  }

  async #awaitEnd(
    task: RunningTask,
    begin: number,
    name: string,
    promise: PromiseLike<unknown>,
  ): Promise<void> {
    this.#awaited.set(task.ticket, task);
    if (!task.lent) this.#active += 1;
    try {
      this.#returned(task, begin, name, await promise);
    } catch (thrown) {
      this.#failed(task, begin, taskFailure(thrown, { key: task.key, task: name }));
    } finally {
      this.#awaited.delete(task.ticket);
      if (!task.lent) this.#active -= 1;
      this.#beginNext();
    }
  }

  #returned(task: RunningTask, begin: number, name: string, value: unknown): void {
    let crossing: CloneablePayload;
    try {
      const { payload, inputs } = encode(value, "result", resultRoom);
      if (inputs.length > 0) {
        throw new SerializationError(
          `Return its value, not the future: "${inputs[0]}" ends with the task that submitted it`,
        );
      }
      crossing = toCloneable(payload, this.#transfer);
      if (typeof crossing === "object") countShared(sharedBytes(crossing));
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
      // What main finds among the held would overtake what the task said as a client.
      task.inside === undefined &&
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
    if (task.lent) this.#lent -= 1;
    if (this.#endings.size > 0) this.#endings.delete(ticket);
    if (this.#regaining.size > 0) this.#regaining.delete(ticket);
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
    // What is to end need not wait for what it had lent.
    this.#regaining.get(ticket)?.();
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

  inside(task: RunningTask): Inside {
    const { ticket } = task;
    return new Inside(this.#taskClient, {
      say: (frame) => {
        const own = typeof frame === "string" ? [] : [frame.buffer as ArrayBuffer];
        this.#port.postMessage({ type: "sub", ticket, frame } satisfies FromThread, own);
      },
      lend: () => this.#lend(task),
      resume: () => this.#resume(task),
    });
  }

  /** Others may run while it waits. Its own sub-task may be among them. */
  #lend(task: RunningTask): void {
    if (this.#lent >= mostWaiting) {
      throw new ThenceError(
        "too-many-waiting",
        `Have fewer tasks wait for tasks at a time: ${mostWaiting} wait on this thread already`,
      );
    }
    this.#lent += 1;
    task.lent = true;
    if (this.#awaited.has(task.ticket)) this.#active -= 1;
    this.#post({ type: "lent", ticket: task.ticket });
    // Not now, in the middle of what the task does.
    setImmediate(() => this.#beginNext());
  }

  #resume(task: RunningTask): Promise<void> | undefined {
    if (task.over || !task.lent) return undefined;
    const { ticket } = task;
    this.#post({ type: "resuming", ticket });
    const take = () => {
      if (task.over) return;
      this.#lent -= 1;
      task.lent = false;
      if (this.#awaited.has(ticket)) this.#active += 1;
    };
    if (!this.#regaining.has(ticket)) {
      take();
      return undefined;
    }
    return new Promise((resolve) => {
      this.#regaining.set(ticket, () => {
        this.#regaining.set(ticket, undefined);
        take();
        resolve();
      });
    });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as { then?: unknown }).then === "function"
  );
}
