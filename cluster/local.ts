// A cluster on this machine: a scheduler and its workers, each a process of its own, so that nothing
// the program or its tasks do can hold the others up. They listen on loopback, with a token that is
// made for them and told over a private channel, and they end with the program that started them.

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { extname } from "node:path";
import { checkedNames } from "../client/option-checks.ts";
import type { LogLevel } from "../src/log.ts";
import { mintToken } from "../src/meeting/token.ts";
import { inheritedFlags } from "./inherited-flags.ts";
import type { Order, Report } from "./local-child.ts";
import { moduleSource } from "./module-source.ts";
import { restartPauses } from "./restart-pauses.ts";
import type { ModuleSource } from "../worker/main.ts";

/**
 * What runs beside the program: so many workers, each with so many threads.
 *
 * @example
 * // Two workers of four threads each, and what their tasks log is shown.
 * await Client.local({ modules: ["./tasks.ts"], workers: 2, threads: 4, logLevel: "info" });
 */
export type LocalOptions = {
  /**
   * The modules whose exported functions are the tasks: `[name=]path`, relative to the working
   * directory, or a file URL. With a name they are called `name.function`. At least one.
   */
  modules: readonly (string | URL)[];
  /** Worker processes, named `local-0`, `local-1` and so on; default 1. One that dies is started anew. */
  workers?: number;
  /** Threads of each worker; default: what this machine has, shared out among the workers. */
  threads?: number;
  /** Tasks that share a thread, taking turns while others await: for functions that mostly wait; default 1. */
  concurrency?: number;
  /** Most bytes of results and inputs in the memory of each worker. Default: its share of 60 % of this machine's. */
  memoryLimit?: number;
  /** Where workers write results that do not fit. Default: the system's directory for temporary files. */
  localDirectory?: string;
  /**
   * The least of what the scheduler and the workers log to standard error; default "error". What tasks
   * say by `currentTask().log()` is "info", so it is not seen by default.
   */
  logLevel?: LogLevel;
};

export type LocalCluster = {
  /** Of the scheduler. */
  readonly url: string;
  readonly token: string;
  /** Ends every process, by force if need be. Resolves when there is none left. */
  stop(): Promise<void>;
};

const optionNames: readonly (keyof LocalOptions)[] = [
  "modules",
  "workers",
  "threads",
  "concurrency",
  "memoryLimit",
  "localDirectory",
  "logLevel",
];

function checkedModules(modules: unknown): ModuleSource[] {
  if (!Array.isArray(modules) || modules.length === 0) {
    throw new TypeError('give the modules with your functions: { modules: ["./tasks.ts"] }');
  }
  return modules.map((module: unknown) => {
    if (typeof module === "string") return moduleSource(module);
    if (module instanceof URL) return moduleSource(module.href);
    throw new TypeError(`a module is a path or a file URL, not ${typeof module}`);
  });
}

/** A process that has not ended by itself in this time, in milliseconds, is killed. */
const stopWithinMs = 5_000;

/**
 * Resolves when the scheduler and all workers are ready.
 *
 * @throws {TypeError | RangeError} when there are no modules, or fewer than one worker
 * @throws {Error} when one of them could not start: what it said; the others are ended again
 */
export async function startLocalCluster(options: LocalOptions): Promise<LocalCluster> {
  const {
    workers = 1,
    concurrency = 1,
    logLevel = "error",
  } = checkedNames(options, optionNames, "Client.local");
  const { memoryLimit, localDirectory } = options;
  const modules = checkedModules(options.modules);
  if (!Number.isInteger(workers) || workers < 1) {
    throw new RangeError(`workers must be a whole number from 1 on, not ${workers}`);
  }
  if (memoryLimit !== undefined && !(memoryLimit >= 1)) {
    throw new RangeError(`memoryLimit must be a number of bytes, not ${memoryLimit}`);
  }
  const threads = options.threads ?? Math.max(1, Math.floor(availableParallelism() / workers));
  const token = mintToken();
  const scheduler = new Child({ role: "scheduler", token, logLevel });
  const crew: KeptWorker[] = [];
  const stop = async () => {
    // The scheduler last: a worker that leaves still has something to tell it.
    await Promise.all(crew.map((worker) => worker.stop()));
    await scheduler.stop();
  };
  try {
    const { url = "" } = await scheduler.ready;
    for (let number = 0; number < workers; number++) {
      const name = `local-${number}`;
      const order = { role: "worker", token, logLevel, url, name, threads, concurrency } as const;
      crew.push(
        new KeptWorker({
          ...order,
          modules,
          ...(memoryLimit !== undefined && { memoryBytes: memoryLimit }),
          ...(localDirectory !== undefined && { localDirectory }),
        }),
      );
    }
    await Promise.all(crew.map((worker) => worker.ready));
    return { url, token, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * A worker that is started anew whenever it ends by itself, for nobody but this program could do it.
 * One that cannot start the first time is not tried again.
 */
class KeptWorker {
  readonly #order: Order;
  readonly #stopped = new AbortController();
  #child: Child;
  /** The first of it is. */
  readonly ready: Promise<unknown>;

  constructor(order: Order) {
    this.#order = order;
    this.#child = new Child(order);
    this.ready = this.#child.ready;
    this.ready.then(() => this.#keep()).catch(() => undefined);
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopped;
    const pause = restartPauses(signal);
    for (;;) {
      const [code] = (await this.#child.exited) as [number | null];
      // A worker exits with 0 when it was asked to leave, by `retireWorkers` say.
      if (signal.aborted || code === 0) return;
      await pause();
      if (signal.aborted) return;
      this.#child = new Child(this.#order);
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#child.stop();
  }
}

class Child {
  readonly #process: ChildProcess;
  readonly exited: Promise<unknown>;
  /** Resolves with what it reported. */
  readonly ready: Promise<{ url?: string | undefined }>;

  constructor(order: Order) {
    // Sources run as sources, and what was built as it was built.
    const entry = new URL(`./local-child${extname(import.meta.url)}`, import.meta.url);
    this.#process = fork(entry, {
      execArgv: inheritedFlags(process.execArgv),
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.exited = once(this.#process, "exit");
    this.ready = this.#start(order);
    // Of several that fail, one is reported; the others must not end the program.
    this.ready.catch(() => undefined);
  }

  async #start(order: Order): Promise<{ url?: string | undefined }> {
    const died = this.exited.then((how) => {
      const [code, signal] = how as [number | null, NodeJS.Signals | null];
      throw new Error(
        `the ${order.role} ended before it was ready, by ${signal ?? `exit ${code}`}`,
      );
    });
    const answered = once(this.#process, "message");
    this.#process.send(order, () => undefined);
    const [report] = (await Promise.race([answered, died])) as [Report];
    if ("error" in report) throw new Error(report.error);
    return report;
  }

  async stop(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    const killing = setTimeout(() => this.#process.kill("SIGKILL"), stopWithinMs);
    await this.exited.catch(() => undefined);
    clearTimeout(killing);
  }
}
