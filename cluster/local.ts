// A cluster on this machine: a scheduler and its workers, each in its own process, so that neither the
// program nor its tasks can block them. They listen on loopback, with a new token that they receive
// over a private channel, and they end with the program that started them.

import { describeDuration } from "../src/duration.ts";
import { checkedNames } from "../client/option-checks.ts";
import type { LogLevel } from "../src/log.ts";
import { mintToken } from "../src/meeting/token.ts";
import { execs, type Exec } from "./exec.ts";
import type { Order } from "./local-child.ts";
import { moduleSource } from "./module-source.ts";
import { RestartedChild } from "./restarted-child.ts";
import { workerShare } from "./worker-share.ts";
import { isolations, type Isolation } from "../worker/isolation.ts";
import { durabilities, type Durability } from "../scheduler/journal/durability.ts";
import type { ModuleSource } from "../worker/main.ts";

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
  /**
   * How long tasks wait while no worker is there, in milliseconds; then they fail with `UnschedulableError`, which says
   * how the workers went. Default: for ever, since a worker that dies is restarted.
   */
  workerTimeoutMs?: number;
  /** How long running tasks may go on when the cluster ends, in milliseconds; default 1,000. */
  drainMs?: number;
  /**
   * A folder in which the scheduler keeps everything that it is told: when it dies, the next one goes on where it ended.
   * What nobody has to hold, such as published values and what was fired and forgotten, is there for the next program
   * on the same folder. Default: none.
   */
  journal?: string;
  /** What the journal survives: the end of a process ("process", the default), or a loss of power ("machine"). */
  durability?: Durability;
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
  "workerTimeoutMs",
  "drainMs",
  "journal",
  "durability",
  "localDirectory",
  "logLevel",
];

function checkedModules(modules: unknown, exec: Exec): ModuleSource[] {
  if (!Array.isArray(modules) || (modules.length === 0 && exec !== "only")) {
    throw new TypeError(
      'give the modules with your functions: { modules: ["./tasks.ts"] }, or, to run commands only, { modules: [], exec: "only" }',
    );
  }
  return modules.map((module: unknown) => {
    if (typeof module === "string") return moduleSource(module);
    if (module instanceof URL) return moduleSource(module.href);
    throw new TypeError(`a module is a path or a file URL, not ${typeof module}`);
  });
}

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
  const { threads, memoryLimit, localDirectory, workerTimeoutMs } = options;
  const { journal, durability = "process" } = options;
  if (!durabilities.includes(durability)) {
    throw new TypeError(`durability is "process" or "machine", not ${JSON.stringify(durability)}`);
  }
  if (options.durability !== undefined && journal === undefined) {
    throw new TypeError("durability needs a journal: without one nothing is kept");
  }
  if (journal !== undefined && (typeof journal !== "string" || journal === "")) {
    throw new TypeError("journal is the path of a folder");
  }
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
  if (workerTimeoutMs !== undefined && !(workerTimeoutMs > 0 && workerTimeoutMs < Infinity)) {
    throw new RangeError(
      `workerTimeoutMs must be a number of milliseconds above 0, not ${workerTimeoutMs}`,
    );
  }
  if (!(drainMs >= 0 && drainMs <= longestDrainMs)) {
    throw new RangeError(
      `drainMs must be from 0 to ${longestDrainMs} (${describeDuration(longestDrainMs)}), not ${drainMs}`,
    );
  }
  const token = mintToken();
  const scheduler = new RestartedChild(
    "scheduler",
    Promise.resolve({
      role: "scheduler",
      token,
      logLevel,
      port: 0,
      ...(workerTimeoutMs !== undefined && { workerTimeoutMs }),
      ...(journal !== undefined && { journal, durability }),
    }),
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
