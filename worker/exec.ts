// The task `thence.exec`, which every worker has: runs a command. A module like those of users, which
// threads load beside theirs.

import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { constants, hostname } from "node:os";
import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { TaskTimeoutError } from "../src/errors/errors.ts";
import { formatSize } from "../src/size.ts";
import { currentTask } from "./thread/current-task.ts";
import { isOwnGroup } from "./thread/started-processes.ts";

/** What `thence.exec` takes beside the command. */
export type ExecOptions = {
  /** The program that gets the command as `-c command`; default: /bin/sh. */
  shell?: string;
  /** The directory to run in; default: that of the worker. */
  cwd?: string;
  /** Variables added to the environment of the worker. */
  env?: Readonly<Record<string, string>>;
  /** The standard input; default: none. */
  stdin?: string | Uint8Array;
  /**
   * How much of its output the result keeps, in bytes; what goes beyond is put out as it comes, for the `output`
   * option of whoever submitted it, with all that was kept until then. Default: 256 MiB.
   */
  keepBytes?: number;
  /** The signals sent when the task is to end, each with the milliseconds before the next; default: TERM, 200 ms, TERM, 100 ms, TERM, 50 ms, KILL. */
  endSignals?: readonly (readonly [signal: string, pauseMs: number])[];
};

/** What `thence.exec` returns. A command that fails is a result, not an error. */
export type ExecResult = {
  /** The exit status; 128 and the number of the signal when a signal ended it, as a shell says. */
  readonly exitCode: number;
  /** The name of the signal that ended it, as "SIGKILL". */
  readonly signal: string | undefined;
  /** What it wrote, but for what was put out. */
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** When it started, in milliseconds since 1970, and how long it ran, in milliseconds. */
  readonly startedAt: number;
  readonly ranMs: number;
  /** It was ended because the task's `timeoutMs` was over. */
  readonly timedOut: boolean;
  /** The name of the machine on which it ran. */
  readonly host: string;
};

/** What it puts out, for the `output` option of whoever submitted it. */
export type ExecOutput = { readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array };

/** The most that a result keeps of a command's output, in bytes. */
const mostKeptBytes = 256 * 2 ** 20;
/** A background process of a command may keep its output open; what came until then is read for so long, in milliseconds. */
const lastOutputMs = 25;
const defaultEndSignals: NonNullable<ExecOptions["endSignals"]> = [
  ["SIGTERM", 200],
  ["SIGTERM", 100],
  ["SIGTERM", 50],
  ["SIGKILL", 0],
];

/**
 * Runs a command by the shell of the worker's machine, in a process group of its own. When the task is
 * cancelled or runs out of time, the whole group ends.
 *
 * @param command a line for the shell, or a program and its arguments, which no shell sees
 * @throws {Error} when the command cannot be started
 * @throws {RangeError} when it wrote more than 256 MiB and `keepBytes` was not given
 * @example
 * const { exitCode, stdout } = await client.submit("thence.exec", "sort big.txt | head -3").result();
 */
export async function exec(
  command: string | readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  const [file, ...args] =
    typeof command === "string" ? [options.shell ?? "/bin/sh", "-c", command] : command;
  if (file === undefined)
    throw new TypeError("give a command: a line, or a program and its arguments");
  const { cwd, env, stdin, keepBytes, endSignals = defaultEndSignals } = options;
  const task = currentTask();
  const startedAt = Date.now();
  const began = performance.now();
  const spawning: SpawnOptions & { [isOwnGroup]: true } = {
    detached: true,
    [isOwnGroup]: true,
    stdio: [stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    ...(cwd !== undefined && { cwd }),
    ...(env && { env: { ...process.env, ...env } }),
  };
  const child = spawn(file, args, spawning);
  const ended = endOf(child);
  const stopEnding = endOnSignal(child, task.signal, endSignals);
  const output = new Output(child, keepBytes, task.output);
  if (stdin !== undefined) {
    // A command need not read what it is given.
    child.stdin!.on("error", () => undefined);
    child.stdin!.end(stdin);
  }
  const { exitCode, signal } = await ended;
  const ranMs = performance.now() - began;
  stopEnding();
  await output.end();
  if (output.isTooLarge) {
    throw new RangeError(
      `write less than ${formatSize(mostKeptBytes)}, or to a file; or give keepBytes, and listen by the option output`,
    );
  }
  return {
    exitCode: exitCode ?? 128 + constants.signals[signal!],
    signal: signal ?? undefined,
    stdout: output.kept("stdout"),
    stderr: output.kept("stderr"),
    startedAt,
    ranMs,
    timedOut: task.signal.reason instanceof TaskTimeoutError,
    host: hostname(),
  };
}

type End = { readonly exitCode: number | null; readonly signal: NodeJS.Signals | null };

/** @throws {Error} saying what could not be started, and where */
function endOf(child: ChildProcess): Promise<End> {
  return new Promise((resolve, reject) => {
    child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
    child.once("error", (error) => {
      // A signal that could not be sent is an error too.
      if (child.pid === undefined) reject(error);
    });
  });
}

/** Ends the process group when the task is to end. Returns how to leave it alone. */
function endOnSignal(
  child: ChildProcess,
  signal: AbortSignal,
  endSignals: NonNullable<ExecOptions["endSignals"]>,
): () => void {
  const stopped = new AbortController();
  const end = async () => {
    for (const [name, pauseMs] of endSignals) {
      sendToGroup(child, name as NodeJS.Signals);
      await sleep(pauseMs, undefined, { signal: stopped.signal }).catch(() => undefined);
      if (stopped.signal.aborted) return;
    }
  };
  const begin = () => void end();
  signal.addEventListener("abort", begin);
  return () => {
    stopped.abort();
    signal.removeEventListener("abort", begin);
  };
}

function sendToGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

type Stream = ExecOutput["stream"];
const streams: readonly Stream[] = ["stdout", "stderr"];

/** Keeps the first bytes of a command's output, and puts out the others as they come. */
class Output {
  readonly #child: ChildProcess;
  readonly #keepBytes: number | undefined;
  readonly #put: (value: ExecOutput) => Promise<void>;
  readonly #kept: Record<Stream, Uint8Array[]> = { stdout: [], stderr: [] };
  #keptBytes = 0;
  #isPutOut = false;
  /** Nobody listens, and the result cannot keep it all. */
  isTooLarge = false;
  /** Whether anything came since this was last looked at. */
  #came = false;

  constructor(
    child: ChildProcess,
    keepBytes: number | undefined,
    put: (value: ExecOutput) => Promise<void>,
  ) {
    this.#child = child;
    this.#keepBytes = keepBytes;
    this.#put = put;
    for (const stream of streams) this.#read(stream);
  }

  #read(stream: Stream): void {
    const from = this.#child[stream]!;
    from.on("data", (bytes: Uint8Array) => {
      this.#came = true;
      const mostBytes = this.#keepBytes ?? mostKeptBytes;
      if (!this.#isPutOut && this.#keptBytes + bytes.length <= mostBytes) {
        this.#keptBytes += bytes.length;
        this.#kept[stream].push(bytes);
        return;
      }
      if (this.#keepBytes === undefined) {
        if (!this.isTooLarge) sendToGroup(this.#child, "SIGKILL");
        this.isTooLarge = true;
        return;
      }
      from.pause();
      void this.#putOut({ stream, bytes }).then(() => from.resume());
    });
  }

  /** What was kept comes first. */
  async #putOut(value: ExecOutput): Promise<void> {
    if (!this.#isPutOut) {
      this.#isPutOut = true;
      for (const stream of streams) {
        for (const bytes of this.#kept[stream].splice(0)) void this.#put({ stream, bytes });
      }
    }
    await this.#put(value);
  }

  /** The command has ended: resolves when all that it wrote is here. */
  async end(): Promise<void> {
    const { stdout, stderr } = this.#child;
    const closed = Promise.all(
      [stdout!, stderr!].map((each) => finished(each).catch(() => undefined)),
    );
    const isClosed = closed.then(() => true);
    for (;;) {
      this.#came = false;
      const timer = sleep(lastOutputMs, false);
      if (await Promise.race([isClosed, timer])) return;
      const isWaiting = stdout!.isPaused() || stderr!.isPaused();
      if (!this.#came && !isWaiting) break;
    }
    stdout!.destroy();
    stderr!.destroy();
  }

  kept(stream: Stream): Uint8Array {
    return Buffer.concat(this.#kept[stream]);
  }
}
