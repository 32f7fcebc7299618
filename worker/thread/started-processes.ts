// The processes that the user's code starts on this thread: each is marked as its task's, and remembered
// until it ends. Those that run when their attempt is over are named, so that the main thread ends them.

import childProcess, { type ChildProcess } from "node:child_process";
import { syncBuiltinESMExports } from "node:module";
import {
  groupMark,
  markVariable,
  ProcessRegistry,
  type ProcessMemory,
} from "../boundary/process-registry.ts";
import { runningTask, type RunningTask } from "./current-task.ts";

/** What an attempt that is over has left. */
export type Left = { readonly mark: string; readonly ids: readonly number[] };

/**
 * An option of `spawn` for a detached process that is not let go of: it has a session of its own only so that
 * signals to its group, and those that it sends, concern nobody else.
 */
export const isOwnGroup: unique symbol = Symbol.for("thence.own-group") as never;

type SpawnOptions = { envPairs?: string[]; detached?: boolean; [isOwnGroup]?: true };
type Prototype = {
  spawn: (this: ChildProcess, options: SpawnOptions) => number;
  unref: (this: ChildProcess) => void;
};
type SyncName = "spawnSync" | "execSync" | "execFileSync";

export class StartedProcesses {
  readonly #mark: string;
  readonly #registry: ProcessRegistry;
  readonly #tell: (left: Left) => void;
  /** Of attempts that have started any, what runs. */
  readonly #running = new WeakMap<RunningTask, Set<number>>();

  /** @param tell receives what an attempt leaves */
  constructor(
    { mark, processes }: { mark: string; processes: ProcessMemory },
    tell: (left: Left) => void,
  ) {
    this.#mark = mark;
    this.#registry = new ProcessRegistry(processes);
    this.#tell = tell;
  }

  /** Takes notice of every process from now on. */
  watch(): void {
    this.#watchAsynchronous();
    for (const name of ["spawnSync", "execSync", "execFileSync"] as const) this.#watchSync(name);
    syncBuiltinESMExports();
  }

  /** The attempt is over. */
  end(task: RunningTask): void {
    if (!this.#registry.isUsed) return;
    const running = this.#running.get(task);
    if (running !== undefined) this.#tell({ mark: this.#markOf(task), ids: [...running] });
  }

  #watchAsynchronous(): void {
    const prototype = childProcess.ChildProcess.prototype as unknown as Prototype;
    const { spawn, unref } = prototype;
    /** The way to let go of a process that has a session of its own. */
    const detached = new WeakMap<ChildProcess, () => void>();
    const begin = (child: ChildProcess, options: SpawnOptions) => this.#begin(options, child);
    prototype.spawn = function (options) {
      const begun = begin(this, options);
      const result = spawn.call(this, options);
      const letGo = begun();
      if (options.detached && letGo !== undefined) detached.set(this, letGo);
      return result;
    };
    prototype.unref = function () {
      detached.get(this)?.();
      unref.call(this);
    };
  }

  /** Returns what is to be called when the process has started; that returns the way to forget it. */
  #begin(options: SpawnOptions, child: ChildProcess): () => (() => void) | undefined {
    const task = runningTask.getStore();
    const { envPairs = [], detached = false } = options;
    const own = ownDevices(task, (name) => {
      return envPairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
    });
    const replaced = [markVariable, ...own.keys()].map((name) => `${name}=`);
    const others = [
      ...envPairs.filter((pair) => !replaced.some((name) => pair.startsWith(name))),
      ...[...own].map(([name, value]) => `${name}=${value}`),
    ];
    const mark = `${markVariable}=${this.#markOf(task)}`;
    if (options[isOwnGroup]) options.envPairs = [...others, `${mark}/${groupMark}`];
    // A detached process may be let go of later, with all that it starts.
    else options.envPairs = detached ? others : [...others, mark];
    const running = this.#count(task);
    return () => {
      if (child.pid === undefined) return undefined;
      const id = detached ? -child.pid : child.pid;
      this.#registry.add(id);
      running?.add(id);
      const forget = () => {
        this.#registry.remove(id);
        running?.delete(id);
      };
      child.once("exit", forget);
      // Whatever a task starts after its end is too late.
      if (task?.over && !detached) this.end(task);
      return forget;
    };
  }

  /** These block the thread, and none is left when they return, but perhaps what they started. */
  #watchSync(name: SyncName): void {
    const original = childProcess[name] as (...args: unknown[]) => unknown;
    const watched = (...args: unknown[]) => {
      const task = runningTask.getStore();
      this.#count(task);
      return original(...withVariables(args, this.#markOf(task), task));
    };
    Object.defineProperty(watched, "name", { value: name });
    Object.assign(childProcess, { [name]: watched });
  }

  #count(task: RunningTask | undefined): Set<number> | undefined {
    this.#registry.count();
    if (task === undefined) return undefined;
    const running = this.#running.get(task) ?? new Set();
    this.#running.set(task, running);
    return running;
  }

  /** What runs outside of a task, at the top of a module say, is the thread's own. */
  #markOf(task: RunningTask | undefined): string {
    return task === undefined ? this.#mark : `${this.#mark}/${task.ticket}`;
  }
}

/**
 * The variables that name the task's own devices, as far as the process is to inherit them from this thread:
 * those are of another task when several run here.
 */
function ownDevices(
  task: RunningTask | undefined,
  valueOf: (name: string) => string | undefined,
): Map<string, string> {
  const variables = Object.entries(task?.grant?.variables ?? {});
  return new Map(variables.filter(([name]) => valueOf(name) === process.env[name]));
}

/** The arguments of a call in `node:child_process`, with the mark and the task's devices in the environment. */
function withVariables(args: unknown[], mark: string, task: RunningTask | undefined): unknown[] {
  const place = args.findIndex(
    (arg) => typeof arg === "object" && arg !== null && !Array.isArray(arg),
  );
  const given = (place === -1 ? {} : args[place]) as { env?: NodeJS.ProcessEnv };
  const env = given.env ?? process.env;
  const devices = Object.fromEntries(ownDevices(task, (name) => env[name]));
  const options = { ...given, env: { ...env, ...devices, [markVariable]: mark } };
  if (place !== -1) return args.with(place, options);
  while (args.length > 1 && args.at(-1) === undefined) args.pop();
  return [...args, options];
}
