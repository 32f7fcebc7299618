// The running task as its own code sees it. The `RunningTask` follows the call through every await. All
// copies of this package in one thread share it: the user's module may import another copy than the one
// that runs the module.

import { AsyncLocalStorage } from "node:async_hooks";
import { format } from "node:util";
import { ConnectionError, ThenceError } from "../../src/errors/errors.ts";
import type { Payload } from "../../src/payload/payload.ts";
import type { RunOptions } from "../../src/wire/task-options.ts";
import type { Grant, TaskResources } from "../boundary/grant.ts";
import { clearTimeout, now, setTimeout } from "../boundary/intrinsics.ts";
import type { TaskLink } from "./task-link.ts";
import { TaskOutput } from "./task-output.ts";

/** The task that is running. Its parts may be taken out of it: `const { signal, progress } = currentTask();`. */
export type CurrentTask = {
  /** Names the task for ever. */
  readonly key: string;
  /** 1 the first time it runs; more after a retry or a loss. */
  readonly attempt: number;
  /** The name of the worker that runs it. */
  readonly worker: string;
  /**
   * Fires when the task is cancelled or runs out of time; its `reason` is a `TaskCancelledError` or
   * a `TaskTimeoutError`. A task that has not ended two seconds later, or its `graceMs`, loses its
   * thread. In a loop that never awaits, read it again each time: `if (currentTask().signal.aborted) return;`.
   */
  readonly signal: AbortSignal;
  /**
   * What it has of each resource that it asked for, with the devices where there are some:
   * `{ gpu: { amount: 1, devices: ["0"] } }`. After it has waited for sub-tasks they may be others.
   */
  readonly resources: TaskResources;
  /**
   * Reports how far the task is: `fraction` from 0 to 1, and words of your own. Call it as often as you
   * like; about ten a second are passed on.
   *
   * @throws {TypeError} when `fraction` is not a number
   */
  readonly progress: (fraction: number, text?: string) => void;
  /** Writes a line to the worker's log, with the task's key; formatted like `console.log`. */
  readonly log: (...args: unknown[]) => void;
  /**
   * Puts a value out before the task's end, for the `output` option of whoever submitted the task; a value
   * that nobody listens for is dropped. Values arrive in order, and before the result.
   *
   * @returns a promise that resolves when there is room for more: await it, and the task does not run
   *   ahead of its reader by more than about 256 KiB
   * @throws {SerializationError} when the value cannot be encoded, holds futures, or is of more than 16 MiB
   * @example for await (const line of lines) await currentTask().output(line);
   */
  readonly output: (value: unknown) => Promise<void>;
  /** Submits sub-tasks; its type is in `worker/index.ts`. */
  readonly client: unknown;
};

/**
 * The task that is running, from within it: in the function itself, and in whatever it calls or
 * awaits.
 *
 * @throws {ThenceError} `no-current-task` when called outside of a task
 * @example
 * export async function download(url: string) {
 *   const response = await fetch(url, { signal: currentTask().signal });
 *   return response.text();
 * }
 */
export function currentTask(): CurrentTask {
  const task = runningTask.getStore();
  if (task !== undefined) return task.face;
  throw new ThenceError(
    "no-current-task",
    "Call currentTask() inside a function that a worker runs as a task: none is running here",
  );
}

const storageKey = Symbol.for("thence.current-task");
const shared = globalThis as { [storageKey]?: AsyncLocalStorage<RunningTask | undefined> };

/** The task for which the present code runs. */
export const runningTask = (shared[storageKey] ??= new AsyncLocalStorage<
  RunningTask | undefined
>());

/** The functions of the thread that a running task needs. */
export type TaskHost = {
  readonly worker: string;
  /** Why the call has been asked to end; undefined when it has not. */
  endingOf(ticket: number): Error | undefined;
  progress(ticket: number, fraction: number, text: string | undefined): void;
  log(text: string, key: string): void;
  output(ticket: number, value: Payload): void;
  /** Makes the client inside the task, with its link. */
  openLink(task: RunningTask): TaskLink;
};

const progressIntervalMs = 100;

export class RunningTask {
  readonly key: string;
  readonly attempt: number;
  readonly ticket: number;
  /** The task options that the worker acts on; undefined when there are none. */
  readonly options: RunOptions | undefined;
  /** The task waits for its sub-tasks and has lent its slot. */
  lent = false;
  /** The resources that it asked for; undefined when there are none. */
  grant: Grant | undefined;
  readonly #host: TaskHost;
  #over = false;
  #link: TaskLink | undefined = undefined;
  #face: CurrentTask | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #progress: Progress | undefined = undefined;
  #output: TaskOutput | undefined = undefined;

  constructor(
    host: TaskHost,
    call: Pick<RunningTask, "key" | "attempt" | "ticket" | "options" | "grant">,
  ) {
    this.#host = host;
    this.key = call.key;
    this.attempt = call.attempt;
    this.ticket = call.ticket;
    this.options = call.options;
    this.grant = call.grant;
  }

  /** The object that the user's code gets. Made when asked for: most tasks never ask. */
  get face(): CurrentTask {
    return (this.#face ??= this.#makeFace());
  }

  /** The link of the client; undefined until the user's code has asked for the client. */
  get link(): TaskLink | undefined {
    return this.#link;
  }

  /** The task has put values out. */
  get hasOutput(): boolean {
    return this.#output !== undefined;
  }

  /** So many bytes of the task's output have been taken. */
  outputTaken(bytes: number): void {
    this.#output?.taken(bytes);
  }

  get over(): boolean {
    return this.#over;
  }

  #makeFace(): CurrentTask {
    const signal = () => this.#signal();
    const client = () => this.#client();
    const resources = () => this.grant?.resources ?? {};
    return {
      key: this.key,
      attempt: this.attempt,
      worker: this.#host.worker,
      get signal() {
        return signal();
      },
      get client() {
        return client();
      },
      get resources() {
        return resources();
      },
      progress: (fraction, text) => this.#reportProgress(fraction, text),
      output: async (value) => {
        if (this.#over || !this.options?.output) return;
        this.#output ??= new TaskOutput((payload) => this.#host.output(this.ticket, payload));
        await this.#output.write(value);
      },
      log: (...args) => this.#host.log(format(...args), this.key),
    };
  }

  #signal(): AbortSignal {
    this.#controller ??= new AbortController();
    this.end();
    return this.#controller.signal;
  }

  #client(): unknown {
    if (this.#link === undefined && this.#over) throw ended();
    return (this.#link ??= this.#host.openLink(this)).face;
  }

  #reportProgress(fraction: number, text: string | undefined): void {
    if (typeof fraction !== "number" || Number.isNaN(fraction)) {
      throw new TypeError(`progress takes a fraction from 0 to 1, not ${format(fraction)}`);
    }
    if (this.#over) return;
    const progress = (this.#progress ??= { fraction, text, sentAt: -Infinity, timer: undefined });
    progress.fraction = Math.min(1, Math.max(0, fraction));
    progress.text = text;
    if (now() - progress.sentAt >= progressIntervalMs) {
      this.#send(progress);
    } else {
      progress.timer ??= setTimeout(() => this.#send(progress), progressIntervalMs);
    }
  }

  /** If the call was asked to end: fires the signal, if the user's code has asked for it, and ends the client. */
  end(): void {
    if (this.#over || !(this.#controller ?? this.#link)) return;
    const reason = this.#host.endingOf(this.ticket);
    if (reason === undefined) return;
    if (!this.#controller?.signal.aborted) this.#controller?.abort(reason);
    this.#link?.end(reason);
  }

  /** The call has returned: code that still has this object can report nothing more. */
  close(): void {
    this.#over = true;
    this.#output?.end();
    this.#link?.end(ended());
    if (this.#progress?.timer !== undefined) clearTimeout(this.#progress.timer);
  }

  #send(progress: Progress): void {
    if (progress.timer !== undefined) clearTimeout(progress.timer);
    progress.timer = undefined;
    progress.sentAt = now();
    this.#host.progress(this.ticket, progress.fraction, progress.text);
  }
}

function ended(): ThenceError {
  return new ConnectionError(
    "the task that this client is inside of is over, and so is the client",
  );
}

type Progress = {
  fraction: number;
  text: string | undefined;
  sentAt: number;
  timer: NodeJS.Timeout | undefined;
};
