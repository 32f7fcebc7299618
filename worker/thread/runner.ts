// Runs calls on a thread: decodes the arguments, calls the function, awaits and encodes what it returns,
// and measures the time. Serves the running tasks: their signals, their progress, their clients.

import { receiveMessageOnPort, type MessagePort } from "node:worker_threads";
import {
  SerializationError,
  TaskCancelledError,
  TaskTimeoutError,
  ThenceError,
} from "../../src/errors/errors.ts";
import { failureOf, taskFailure } from "../../src/errors/failure.ts";
import { decode, encode, type Payload } from "../../src/payload/payload.ts";
import { limits } from "../../src/wire/limits.ts";
import type { Failure } from "../../src/wire/protocol.ts";
import {
  ENDING,
  EXECUTING,
  OVER,
  WAITING,
  cellOf,
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
import { apply, now, setImmediate } from "../boundary/intrinsics.ts";
import { lentGrant, type Grant } from "../boundary/grant.ts";
import {
  mostWeight,
  weightOf,
  type FromThread,
  type ThreadOptions,
  type ToThread,
} from "../boundary/messages.ts";
import { allocate, countShared } from "../boundary/shared-memory.ts";
import { RunningTask, runningTask, type TaskHost } from "./current-task.ts";
import { DeviceVariables } from "./device-variables.ts";
import type { TaskFunction } from "./modules.ts";
import { ReturnedResults } from "./returned-results.ts";
import { TaskLink } from "./task-link.ts";
import { withTaskStacks } from "./task-stack.ts";

/** Large results go into shared memory: other threads get them without a copy. */
const resultRoom = { mostBytes: limits.valueBytes, allocate };

/** How long a thread waits, in milliseconds, until the main thread has taken lines of the log, or messages of a client. */
const logPatienceMs = 100;
const clientPatienceMs = 1_000;

/** Several calls in one message. */
type Batch = Extract<ToThread, { type: "calls" }>;

export type RunnerOptions = Omit<ThreadOptions, "modules" | "mark" | "processes"> & {
  readonly functions: ReadonlyMap<string, TaskFunction>;
  /** Receives each attempt that is over. */
  readonly over?: (task: RunningTask) => void;
};

export class Runner implements TaskHost {
  readonly worker: string;
  readonly #port: MessagePort;
  readonly #cells: Cells;
  readonly #note: ThreadOptions["note"];
  readonly #functions: readonly (readonly [name: string, call: TaskFunction])[];
  readonly #underWay: Int32Array<SharedArrayBuffer>;
  readonly #concurrency: number;
  readonly #taskClient: string | undefined;
  readonly #results: ReturnedResults;
  readonly #ended: ((task: RunningTask) => void) | undefined;

  readonly #batches: Batch[] = [];
  /** The place of the next call in the first batch. */
  #place = 0;
  #beginning = false;
  /** Calls that returned a promise, by ticket; and how many of them have a slot. */
  readonly #awaited = new Map<number, RunningTask>();
  #active = 0;
  /** How many calls have lent their slots. */
  #lent = 0;
  /** By ticket, of calls that wait to have their resources back, the function that lets them go on. */
  readonly #regaining = new Map<number, (grant?: Grant) => void>();
  /** Undefined when several tasks run here at a time. */
  readonly #deviceVariables: DeviceVariables | undefined;
  /** Why executing calls were asked to end, by ticket. */
  readonly #endings = new Map<number, Error>();

  constructor(options: RunnerOptions) {
    this.worker = options.worker;
    this.#port = options.port;
    this.#cells = options.cells;
    this.#note = options.note;
    this.#functions = [...options.functions];
    this.#underWay = options.underWay;
    this.#concurrency = options.concurrency;
    this.#taskClient = options.taskClient;
    this.#deviceVariables = options.concurrency === 1 ? new DeviceVariables() : undefined;
    this.#ended = options.over;
    this.#results = new ReturnedResults(options.port, options.unposted);
  }

  receive(message: ToThread): void {
    switch (message.type) {
      case "calls":
        this.#batches.push(message);
        this.#beginNext();
        return;
      case "end":
        this.#end(message);
        return;
      case "sub":
        this.#awaited.get(message.ticket)?.link?.receive(fromCloneableMessage(message.message));
        return;
      case "resume":
        this.#regaining.get(message.ticket)?.(message.grant);
        return;
      case "output-taken":
        this.#awaited.get(message.ticket)?.outputTaken(message.bytes);
        return;
      case "ping":
        this.#post({ type: "pong" });
        return;
      default:
        message satisfies never;
    }
  }

  // ── Calls ──────────────────────────────────────────────────────────────────────────────────────

  /** Begins calls while there is a free slot. Calls that return no promise follow each other at once. */
  #beginNext(): void {
    // A call that asks for its ending has messages received here, in the middle of the loop below.
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
    if (this.#active === 0 && this.#batches.length === 0) this.#results.post();
    else this.#results.postSoon();
  }

  /** Makes a call, unless it was taken back. */
  #begin(batch: Batch, index: number): void {
    const { numbers } = batch;
    const ticket = numbers[index * 3]!;
    const begin = now();
    this.#cells.begins[ticket & (this.#cells.begins.length - 1)] = begin;
    if (!move(this.#cells, ticket, WAITING, EXECUTING)) return;
    this.#note?.(cellOf(this.#cells, ticket), (ticket << 2) | EXECUTING, begin);

    const [name, call] = this.#functions[numbers[index * 3 + 1]!]!;
    const task = new RunningTask(this, {
      key: batch.keys[index]!,
      attempt: numbers[index * 3 + 2]!,
      ticket,
      options: batch.options?.[index],
      grant: batch.grants?.[index],
    });
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
      if (task.grant !== undefined) this.#deviceVariables?.enter(task);
      // Not `run`, which restores the previous store after each call: twice the work.
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
    let result: CloneablePayload;
    try {
      const { payload, inputs } = encode(value, "result", resultRoom);
      if (inputs.length > 0) {
        throw new SerializationError(
          `Return its value, not the future: "${inputs[0]}" ends with the task that submitted it`,
        );
      }
      result = toCloneable(payload, this.#results.transfer);
      if (typeof result === "object") countShared(sharedBytes(result));
    } catch (error) {
      this.#failed(task, begin, failureOf(error, { key: task.key, task: name }));
      return;
    }
    const end = now();
    this.#over(task);
    // The main thread must not find this result before the task's output and the messages of its client.
    const mayWait = task.link === undefined && !task.hasOutput;
    const micros = Math.round((end - begin) * 1000);
    this.#results.add(task.ticket, micros, result, mayWait ? end : undefined);
  }

  #failed(task: RunningTask, begin: number, failure: Failure): void {
    this.#over(task);
    if (failure.error !== undefined) failure.error = withTaskStacks(failure.error);
    this.#results.post();
    const micros = Math.round((now() - begin) * 1000);
    this.#post({ type: "threw", ticket: task.ticket, micros, failure });
  }

  #over(task: RunningTask): void {
    const { ticket } = task;
    const { states } = this.#cells;
    Atomics.store(states, ticket & (states.length - 1), (ticket << 2) | OVER);
    this.#note?.(cellOf(this.#cells, ticket), (ticket << 2) | OVER, 0);
    task.close();
    this.#ended?.(task);
    if (task.grant !== undefined) this.#deviceVariables?.leave(task);
    if (task.lent) this.#lent -= 1;
    if (this.#endings.size > 0) this.#endings.delete(ticket);
    if (this.#regaining.size > 0) this.#regaining.delete(ticket);
  }

  #post(message: FromThread, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  // ── For the running task ───────────────────────────────────────────────────────────────────────

  #end({ ticket, code, message }: Extract<ToThread, { type: "end" }>): void {
    if (stateOf(this.#cells, ticket) !== ENDING) return;
    const reason =
      code === "task-timeout" ? new TaskTimeoutError(message) : new TaskCancelledError(message);
    this.#endings.set(ticket, reason);
    this.#awaited.get(ticket)?.end();
    // A task that is to end does not wait to have its resources back.
    this.#regaining.get(ticket)?.();
  }

  endingOf(ticket: number): Error | undefined {
    if (stateOf(this.#cells, ticket) !== ENDING) return undefined;
    // The event loop cannot deliver the reason while the call runs without awaiting.
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

  output(ticket: number, value: Payload): void {
    const transfer: ArrayBuffer[] = [];
    this.#post({ type: "output", ticket, value: toCloneable(value, transfer) }, transfer);
  }

  log(text: string, key: string): void {
    this.#post({ type: "log", text, key });
    this.#keepPace(text.length, logPatienceMs);
  }

  /** A loop of lines or of calls that are submitted must not fill the memory: it waits for the main thread. */
  #keepPace(length: number, patienceMs: number): void {
    const weight = weightOf(length);
    const waiting = Atomics.add(this.#underWay, 0, weight) + weight;
    if (waiting > mostWeight) Atomics.wait(this.#underWay, 0, waiting, patienceMs);
  }

  openLink(task: RunningTask): TaskLink {
    const { ticket } = task;
    return new TaskLink(this.#taskClient, {
      send: (frame) => {
        const transfer = typeof frame === "string" ? [] : [frame.buffer as ArrayBuffer];
        const { length } = frame;
        this.#post({ type: "sub", ticket, frame }, transfer);
        this.#keepPace(length, clientPatienceMs);
      },
      lend: () => this.#lend(task),
      resume: () => this.#resume(task),
    });
  }

  /** Lets other calls run while this one waits; its own sub-task may be among them. */
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
    if (task.grant !== undefined) {
      this.#deviceVariables?.leave(task);
      task.grant = lentGrant(task.grant);
    }
    this.#post({ type: "lent", ticket: task.ticket });
    // Later, since the task's own code is running now.
    setImmediate(() => this.#beginNext());
  }

  /** Takes the slot back: at once, or once the scheduler has given back resources that were lent too. */
  #resume(task: RunningTask): Promise<void> | undefined {
    if (task.over || !task.lent) return undefined;
    const { ticket } = task;
    this.#post({ type: "resuming", ticket });
    const take = (grant?: Grant) => {
      if (task.over) return;
      if (grant !== undefined) {
        task.grant = grant;
        this.#deviceVariables?.enter(task);
      }
      this.#lent -= 1;
      task.lent = false;
      if (this.#awaited.has(ticket)) this.#active += 1;
    };
    if (task.grant === undefined) {
      take();
      return undefined;
    }
    return new Promise((resolve) => {
      this.#regaining.set(ticket, (grant) => {
        this.#regaining.delete(ticket);
        take(grant);
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
