// Real processes for tests: started, listened to, signalled, and always reaped, each by its own id.

import { spawn, type ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const root = path.join(import.meta.dirname, "..");
export const command = path.join(root, "cli", "bin.js");

/** How a program ended: its exit code, or the signal that ended it. */
export type End = { how: number | NodeJS.Signals; stdout: string; stderr: string };

/** Every program that was started and has not ended. */
const running = new Set<Program>();

export class Program {
  readonly #child: ChildProcess;
  readonly #listeners = new Set<() => void>();
  readonly ended: Promise<End>;
  stdout = "";
  stderr = "";

  constructor(
    file: string,
    args: readonly string[],
    options: { cwd?: string; env?: NodeJS.ProcessEnv },
  ) {
    const { THENCE_ADDRESS: _address, THENCE_SCHEDULER_FILE: _file, ...inherited } = process.env;
    const env = { ...inherited, ...options.env };
    const child = spawn(file, args, { cwd: options.cwd, env, stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    running.add(this);
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        this[name] += text;
        for (const listener of this.#listeners) listener();
      });
    }
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        running.delete(this);
        resolve({ how: code ?? signal ?? 1, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get isRunning(): boolean {
    return running.has(this);
  }

  /** Resolves when it has written something that matches; rejects when it ends without. */
  wrote(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(this.stderr) ?? pattern.exec(this.stdout);
        if (!found) return;
        this.#listeners.delete(look);
        resolve(found);
      };
      this.#listeners.add(look);
      look();
      this.ended.then(
        ({ how, stderr }) => reject(new Error(`ended with ${how} before ${pattern}:\n${stderr}`)),
        reject,
      );
    });
  }

  /** Closes this end of what it writes, as `head` does when it has enough. */
  stopReading(stream: "stdout" | "stderr" = "stdout"): void {
    this.#child[stream]?.destroy();
  }

  /** Stands still at this end of what it writes. */
  pauseReading(stream: "stdout" | "stderr"): void {
    this.#child[stream]?.pause();
  }

  resumeReading(stream: "stdout" | "stderr"): void {
    this.#child[stream]?.resume();
  }

  /** Writes to its standard input. */
  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Signals it and waits for its end. */
  end(signal: NodeJS.Signals = "SIGTERM"): Promise<End> {
    this.signal(signal);
    return this.ended;
  }
}

export type StartOptions = {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** For Node itself. */
  flags?: readonly string[];
};

/** Starts `thence …` on the Node that runs the tests. */
export function thence(args: readonly string[], options: StartOptions = {}): Program {
  return node([command, ...args], options);
}

/** Starts a program on the Node that runs the tests. */
export function node(args: readonly string[], options: StartOptions = {}): Program {
  return new Program(process.execPath, [...(options.flags ?? []), ...args], options);
}

/** Ends by force whatever a test has left running; for `afterEach` or `afterAll`. */
export async function reap(): Promise<void> {
  await Promise.allSettled([...running].map((program) => program.end("SIGKILL")));
}

/** Resolves when a process that is not a child of this one is gone. */
export async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await sleep(20);
}

/** The ids of the processes started by a process and still there, where there is a /proc. */
export function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => statOf(pid)?.parent === parent);
}

/** Whether a process runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // Ended, and nobody has asked how.
  return statOf(pid)?.state !== "Z";
}

function statOf(pid: number): { state: string | undefined; parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}
