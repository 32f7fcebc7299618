// A cluster on this machine: a scheduler and its workers, each in its own process, so that neither the
// program nor its tasks can block them. They listen on loopback, with a new token that they receive
// over a private channel, and they end with the program that started them.

import { describeDuration } from "../src/duration.ts";
import { fork, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { extname } from "node:path";
import { checkedNames } from "../client/option-checks.ts";
import { childFlags } from "../src/child-flags.ts";
import { compileCacheVariables } from "../src/compile-cache.ts";
import type { LogLevel } from "../src/log.ts";
import { mintToken } from "../src/meeting/token.ts";
import type { Predecessor } from "../src/wire/protocol.ts";
import type { Order, Report } from "./local-child.ts";
import { execs, type Exec } from "./exec.ts";
import { moduleSource } from "./module-source.ts";
import { processEnd, type ProcessEnd } from "./process-end.ts";
import { restartPauses } from "./restart-pauses.ts";
import { workerShare } from "./worker-share.ts";
import { isolations, type Isolation } from "../worker/isolation.ts";
import type { ModuleSource } from "../worker/main.ts";
import { clearTimeout, setTimeout } from "../src/timers.ts";
import { endProcesses } from "../worker/processes/end-processes.ts";
import { removeLeftovers } from "../worker/results/local-directory.ts";

/**
 * The options of `Client.local`.
 *
 * @example
 * // Two workers of four threads each, with the logs of their tasks.
 * await Client.local({ modules: ["./tasks.ts"], workers: 2, threads: 4, logLevel: "info" });
 */
export type LocalOptions = {
  /**
   * The modules with the functions to run, at least one: `[name=]module`, a path relative to the working
   * directory, a file URL, or a package as in an `import`. With a name, the functions are registered as
   * `name.function`.
   */
  modules: readonly (string | URL)[];
  /** Whether tasks may be commands, by `thence.exec`; "only" needs no modules. Default: "yes". */
  exec?: Exec;
  /** Worker processes, named `local-0`, `local-1` and so on; default 1. One that dies is restarted. */
  workers?: number;
  /** Threads of each worker; default: the cores of this machine, or of the Slurm task, divided among the workers. */
  threads?: number;
  /** Tasks that share a thread, for asynchronous functions that mostly wait; default 1. */
  concurrency?: number;
  /**
   * Where tasks run. "processes" gives each thread's place to a process of its own: a task may change its
   * directory or crash without harm to others, and native addons need not be made for threads. Default "threads",
   * which start faster, take less memory, and share large values without a copy.
   */
  isolation?: Isolation;
  /** Bytes of results and inputs in the memory of each worker. Default: its share of 60 % of what this machine or Slurm gives. */
  memoryLimit?: number;
  /** How long running tasks may go on when the cluster ends, in milliseconds; default 1,000. */
  drainMs?: number;
  /** The directory for results that do not fit into memory. Default: the system's temporary directory. */
  localDirectory?: string;
  /**
   * The lowest level that the scheduler and the workers log to standard error; default "error".
   * `currentTask().log()` has the level "info", so it is not shown by default.
   */
  logLevel?: LogLevel;
};

export type LocalCluster = {
  /** The URL of the scheduler. */
  readonly url: string;
  readonly token: string;
  /** Ends every process, by force if necessary. Resolves when none is left. */
  stop(): Promise<void>;
};

const optionNames: readonly (keyof LocalOptions)[] = [
  "modules",
  "exec",
  "workers",
  "threads",
  "concurrency",
  "isolation",
  "memoryLimit",
  "drainMs",
  "localDirectory",
  "logLevel",
];

function checkedModules(modules: unknown, exec: Exec): ModuleSource[] {
  if (!Array.isArray(modules) || (modules.length === 0 && exec !== "only")) {
    throw new TypeError('give the modules with your functions: { modules: ["./tasks.ts"] }');
  }
  return modules.map((module: unknown) => {
    if (typeof module === "string") return moduleSource(module);
    if (module instanceof URL) return moduleSource(module.href);
    throw new TypeError(`a module is a path or a file URL, not ${typeof module}`);
  });
}

/** A process that has not ended so long after the drain, in milliseconds, is killed. */
const stopWithinMs = 4_000;
/** The longest drain: a day. */
const longestDrainMs = 24 * 60 * 60 * 1_000;

/**
 * Starts a cluster. Resolves when the scheduler and all workers are ready.
 *
 * @throws {TypeError | RangeError} when an option is wrong
 * @throws {Error} with the message of the process that could not start; the others are ended
 */
export async function startLocalCluster(options: LocalOptions): Promise<LocalCluster> {
  const {
    exec = "yes",
    workers = 1,
    concurrency = 1,
    isolation = "threads",
    drainMs = 1_000,
    logLevel = "error",
  } = checkedNames(options, optionNames, "Client.local");
  const { threads, memoryLimit, localDirectory } = options;
  if (!execs.includes(exec)) {
    throw new TypeError(`exec is "yes", "no" or "only", not ${JSON.stringify(exec)}`);
  }
  const modules = checkedModules(options.modules, exec);
  if (!Number.isInteger(workers) || workers < 1) {
    throw new RangeError(`workers must be a whole number from 1 on, not ${workers}`);
  }
  if (!isolations.includes(isolation)) {
    throw new TypeError(`isolation is "threads" or "processes", not ${JSON.stringify(isolation)}`);
  }
  if (memoryLimit !== undefined && !(memoryLimit >= 1)) {
    throw new RangeError(`memoryLimit must be a number of bytes, not ${memoryLimit}`);
  }
  if (!(drainMs >= 0 && drainMs <= longestDrainMs)) {
    throw new RangeError(
      `drainMs must be from 0 to ${longestDrainMs} (${describeDuration(longestDrainMs)}), not ${drainMs}`,
    );
  }
  const token = mintToken();
  const scheduler = new RestartedChild(
    "scheduler",
    Promise.resolve({ role: "scheduler", token, logLevel, port: 0 }),
  );
  const schedulerUrl = scheduler.ready.then(({ url = "" }) => url);
  const crew: RestartedChild[] = [];
  const stop = async () => {
    // The scheduler ends last, because leaving workers still send it messages.
    await Promise.all(crew.map((worker) => worker.stop()));
    await scheduler.stop();
  };
  try {
    // The processes of the workers load their code while the scheduler starts.
    for (let number = 0; number < workers; number++) {
      const order = async (): Promise<Order> => ({
        role: "worker",
        token,
        logLevel,
        url: await schedulerUrl,
        name: `local-${number}`,
        ...workerShare({ threads, memoryLimit }, { workers, number }),
        concurrency,
        modules,
        exec,
        isolation,
        drainTimeoutMs: drainMs,
        ...(localDirectory !== undefined && { localDirectory }),
      });
      crew.push(new RestartedChild("worker", order()));
    }
    const url = await schedulerUrl;
    await Promise.all(crew.map((worker) => worker.ready));
    return { url, token, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * A scheduler or a worker that is restarted when it dies. One that cannot start the first time is not
 * tried again; later the cause may pass, as an outage of what its modules are on does.
 */
class RestartedChild {
  readonly #role: Order["role"];
  readonly #order: Promise<Order>;
  /** Marks the processes that the tasks of a worker start. */
  readonly #mark = randomUUID();
  readonly #stopped = new AbortController();
  #child: Child;
  /** Settles with the first process. */
  readonly ready: Promise<{ url?: string | undefined }>;

  /** @param order the process is there, and loads its code, before the order is */
  constructor(role: Order["role"], order: Promise<Order>) {
    this.#role = role;
    this.#order = order.then((given) =>
      given.role === "worker" ? { ...given, mark: this.#mark } : given,
    );
    this.#child = new Child(role, this.#order);
    this.ready = this.#child.ready;
    this.ready.then(({ url }) => this.#keep(url)).catch(() => undefined);
  }

  async #keep(url: string | undefined): Promise<void> {
    let order = await this.#order;
    if (order.role === "scheduler" && url !== undefined) {
      // The workers and the program find the next scheduler where the last one was.
      order = { ...order, port: Number(new URL(url).port) };
    }
    const { signal } = this.#stopped;
    const pause = restartPauses(signal);
    let predecessor: Predecessor | undefined;
    for (;;) {
      const { pid } = this.#child;
      const { code, how } = await this.#child.ended;
      // A worker that was killed could not end what its tasks had started.
      await endProcesses({ marks: [this.#mark] });
      // A worker exits with 0 when it was asked to leave, by `retireWorkers` say.
      if (signal.aborted || code === 0) return;
      await pause();
      if (signal.aborted) return;
      const wasReady = await this.#child.ready.then(
        () => true,
        () => false,
      );
      // The scheduler does not know a worker that died before it joined.
      if (wasReady) predecessor = { pid, how };
      this.#child = new Child(
        this.#role,
        Promise.resolve({ ...order, ...(predecessor && { predecessor }) }),
      );
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#child.stop();
    await endProcesses({ marks: [this.#mark] });
    const order = await this.#order.catch(() => undefined);
    // Of a worker that had to be killed.
    if (order?.role === "worker")
      await removeLeftovers(order.localDirectory).catch(() => undefined);
  }
}

class Child {
  readonly #process: ChildProcess;
  #drainMs = 0;
  readonly ended: Promise<ProcessEnd>;
  /** Resolves with the report of the process. */
  readonly ready: Promise<{ url?: string | undefined }>;

  constructor(role: Order["role"], order: Promise<Order>) {
    // In a checkout this runs a .ts file, in the published package a .js file.
    const entry = new URL(`./local-child${extname(import.meta.url)}`, import.meta.url);
    this.#process = fork(entry, {
      execArgv: childFlags(process.execArgv),
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: { ...process.env, ...compileCacheVariables() },
    });
    this.ended = processEnd(this.#process);
    this.ready = this.#start(role, order);
    // When several processes fail, one error is reported; the others must not end the program.
    this.ready.catch(() => undefined);
  }

  async #start(role: Order["role"], order: Promise<Order>): Promise<{ url?: string | undefined }> {
    const died = this.ended.then(({ how }) => {
      throw new Error(`the ${role} ended before it was ready: ${how}`);
    });
    const answered = once(this.#process, "message");
    const given = await Promise.race([order, died]);
    if (given.role === "worker") this.#drainMs = given.drainTimeoutMs;
    this.#process.send(given, () => undefined);
    const [report] = (await Promise.race([answered, died])) as [Report];
    if ("error" in report) throw new Error(report.error);
    return report;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async stop(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    const killing = setTimeout(() => this.#process.kill("SIGKILL"), this.#drainMs + stopWithinMs);
    await this.ended;
    clearTimeout(killing);
  }
}
