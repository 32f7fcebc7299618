// Commands that run on this machine, when no cluster is given: each is a child of this process, or of a small
// shell that starts commands for it. What a command writes goes to files that have no name, as in GNU Parallel: they cost less than pipes, take
// any amount, and a process that a command leaves behind holds nothing up.

import { spawn, type ChildProcess } from "node:child_process";
import {
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  rmdirSync,
  statfsSync,
  unlinkSync,
} from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../exit-code.ts";
import { makeFolder } from "../../../src/make-folder.ts";
import { setTimeout, clearTimeout } from "../../../src/timers.ts";
import type { JobOutput } from "../output/printer.ts";
import { LaunchingShells, type CommandEnd } from "./launching-shells.ts";
import { plainCommands } from "./plain-commands.ts";
import type { Command, MakeCommand } from "./commands.ts";
import type { Attempt, AttemptEvents, Ending, Prepare } from "../jobs/work.ts";

/** How what a command writes is passed on: when it has ended, as it comes, or not through this process. */
export type OutputWay = "files" | "pipes" | "inherited";

/** The signals that end a command, each with the milliseconds before the next. */
const endSignals = [
  ["SIGTERM", 200],
  ["SIGTERM", 100],
  ["SIGTERM", 50],
  ["SIGKILL", 0],
] as const;
/** How much is read of a file at a time. */
const chunkBytes = 256 * 1024;
/** A background process may keep a pipe open; what comes until the pipe is silent so long, in milliseconds, is read. */
const lastOutputMs = 25;

export class CommandsHere {
  readonly #make: MakeCommand;
  readonly #shell: string;
  readonly #way: OutputWay;
  readonly #plainWords: (command: string) => string[] | undefined;
  readonly #env: NodeJS.ProcessEnv = {
    ...process.env,
    PARALLEL_SSHHOST: ":",
    PARALLEL_SSHLOGIN: ":",
  };
  readonly #files = new NamelessFiles();
  /** The process groups of the commands that run. */
  readonly #groups = new Set<RunningGroup>();
  readonly #killAll = () => this.#groups.forEach((group) => group.send("SIGKILL"));
  readonly #shells = LaunchingShells.areUsable ? new LaunchingShells(this.#env) : undefined;

  constructor(make: MakeCommand, shell: string, way: OutputWay) {
    this.#make = make;
    this.#shell = shell;
    this.#way = way;
    this.#plainWords = plainCommands(shell);
    // It is the launcher's word to this process alone.
    delete this.#env["THENCE_SIGHUP"];
    // No command outlives this process, however it ends.
    process.once("exit", this.#killAll);
  }

  readonly prepare: Prepare = (job, slot) => {
    const command = this.#make(job, slot);
    return { ...command, start: (output, events) => this.#start(command, output, events) };
  };

  #start(command: Command, output: JobOutput, events: AttemptEvents): Attempt {
    const { env, input } = command;
    const directory = makeDirectory(command);
    const files = this.#way === "files" ? this.#files.openPair() : undefined;
    const startedAt = Date.now();
    const began = performance.now();
    const failed = (error: unknown): void => {
      this.#groups.delete(group);
      files?.forEach(closeSync);
      directory?.leave();
      events.broken(error);
    };
    const ended = (end: CommandEnd, written?: () => Promise<void>): void => {
      const ranMs = performance.now() - began;
      group.stop();
      this.#groups.delete(group);
      try {
        directory?.leave();
        const sentBytes = input?.length ?? 0;
        const ending: Ending = { ...end, startedAt, ranMs, host: ":", sentBytes };
        if (files) this.#files.checkRoom(files, end);
        const writing = files ? copy(files, output) : written?.();
        if (writing) writing.then(() => events.ended(ending), events.broken);
        else events.ended(ending);
      } catch (error) {
        events.broken(error);
      }
    };
    const words = this.#plainWords(command.line) ?? [this.#shell, "-c", command.line];
    const launched = files && !input && !directory && this.#shells;
    const group = new RunningGroup();
    this.#groups.add(group);
    const started = group.started;
    if (launched) launched.start({ words, env, files }, { started, ended, failed });
    else this.#spawn(words, command, { files, directory, output, started, ended, failed });
    return { kill: group.end };
  }

  #spawn(
    words: readonly string[],
    { env, input }: Command,
    how: {
      files: readonly number[] | undefined;
      directory: { path: string } | undefined;
      output: JobOutput;
      started: (group: number) => void;
      ended: (end: CommandEnd, written?: () => Promise<void>) => void;
      failed: (error: unknown) => void;
    },
  ): void {
    const { files, directory, output } = how;
    const out = files ?? (this.#way === "pipes" ? ["pipe", "pipe"] : ["inherit", "inherit"]);
    const [program, ...args] = words;
    const child = spawn(program!, args, {
      // A group of its own, so that it ends with all that it has started.
      detached: true,
      stdio: [input === undefined ? "ignore" : "pipe", ...(out as ("pipe" | "inherit")[])],
      env: { ...this.#env, ...env },
      ...(directory && { cwd: directory.path }),
    });
    if (input !== undefined) {
      // A command need not read what it is given.
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(input);
    }
    const passing =
      this.#way === "pipes" && child.pid !== undefined ? passOn(child, output) : undefined;
    child.once("error", (error) => {
      if (child.pid === undefined) how.failed(error);
    });
    child.once("exit", (exitCode, signal) => {
      // A signal is told by its number alone, as in the job log of GNU Parallel.
      const end = { exitCode: exitCode ?? 0, signal: signal ? constants.signals[signal] : 0 };
      how.ended(end, passing?.end);
    });
    if (child.pid !== undefined) how.started(child.pid);
  }

  close(): void {
    process.off("exit", this.#killAll);
    this.#shells?.close();
    this.#files.close();
  }
}

/** @throws {Error} when it cannot be made */
function makeDirectory({
  directory,
  seq,
}: Command): { path: string; leave: () => void } | undefined {
  if (directory === undefined) return undefined;
  const isTemporary = "temporary" in directory;
  const path = isTemporary ? join(tmpdir(), directory.temporary) : directory.path;
  try {
    if (isTemporary) mkdirSync(path, { mode: 0o700 });
    else makeFolder(path);
  } catch (error) {
    throw new Error(`the folder ${path} of job ${seq} cannot be made: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const leave = () => {
    if (isTemporary) rmSync(path, { recursive: true, force: true });
  };
  return { path, leave };
}

/** The process group of a command, which can be ended: more and more firmly. */
class RunningGroup {
  #id: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isEnding = false;
  #isOver = false;

  readonly started = (id: number): void => {
    this.#id = id;
    if (this.#isEnding) this.#step(0);
  };

  /** A command that has not started yet ends when it does. */
  readonly end = (): void => {
    if (this.#isEnding || this.#isOver) return;
    this.#isEnding = true;
    if (this.#id !== undefined) this.#step(0);
  };

  /** The command has ended. What it has left behind stays. */
  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  send(signal: NodeJS.Signals): void {
    if (this.#id === undefined) return;
    // Before it has a group, the command is a single process.
    for (const target of [-this.#id, this.#id]) {
      try {
        process.kill(target, signal);
        return;
      } catch {
        // It has ended, or belongs to another user by now: then it is waited for.
      }
    }
  }

  #step(at: number): void {
    const signal = endSignals[at];
    if (!signal || this.#isOver) return;
    const [name, pauseMs] = signal;
    this.send(name);
    this.#timer = setTimeout(() => this.#step(at + 1), pauseMs);
  }
}

/** Writes what the files hold, and closes them. Returns nothing when they are empty. */
function copy(files: readonly number[], output: JobOutput): Promise<void> | undefined {
  const sizes = files.map((file) => fstatSync(file).size);
  if (sizes.some((size) => size > 0)) return copyBytes(files, sizes, output);
  files.forEach(closeSync);
  return undefined;
}

async function copyBytes(
  files: readonly number[],
  sizes: readonly number[],
  output: JobOutput,
): Promise<void> {
  const streams = ["stdout", "stderr"] as const;
  try {
    for (const [index, stream] of streams.entries()) {
      for (let at = 0; at < sizes[index]!;) {
        const bytes = Buffer.allocUnsafe(Math.min(chunkBytes, sizes[index]! - at));
        const read = readSync(files[index]!, bytes, 0, bytes.length, at);
        // It was made shorter meanwhile, by a process that was left behind.
        if (read === 0) break;
        at += read;
        const written = output.write(stream, bytes.subarray(0, read));
        if (written) await written;
      }
    }
  } finally {
    files.forEach(closeSync);
  }
}

/** Writes what comes on the pipes of a child. */
function passOn(child: ChildProcess, output: JobOutput): { end: () => Promise<void> } {
  const pipes = [child.stdout!, child.stderr!];
  let came = false;
  let open = pipes.length;
  let writing = 0;
  let wake: (() => void) | undefined;
  let failure: { reason: unknown } | undefined;
  for (const [index, stream] of (["stdout", "stderr"] as const).entries()) {
    const pipe = pipes[index]!;
    pipe.on("data", (bytes: Uint8Array) => {
      came = true;
      const written = output.write(stream, bytes);
      if (!written) return;
      writing++;
      pipe.pause();
      written
        .catch((reason: unknown) => (failure ??= { reason }))
        .finally(() => {
          writing--;
          pipe.resume();
          wake?.();
        });
    });
    pipe.once("close", () => {
      open--;
      wake?.();
    });
  }
  const end = async () => {
    while (open > 0 || writing > 0) {
      came = false;
      let isSilent = false;
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(() => {
          isSilent = true;
          resolve();
        }, lastOutputMs);
      });
      if (isSilent && !came && writing === 0) break;
    }
    for (const pipe of pipes) pipe.destroy();
    if (failure) throw failure.reason;
  };
  return { end };
}

function makeTemporary(): string {
  try {
    return mkdtempSync(join(tmpdir(), "thence-map-"));
  } catch (error) {
    throw new Error(
      `let TMPDIR name a folder for temporary files: the output of jobs cannot be kept: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Files that are open and stand in no directory, so that nothing is left of them after any end. */
class NamelessFiles {
  #directory: string | undefined;
  #opened = 0;

  /** For standard output and standard error. */
  openPair(): [number, number] {
    const first = this.#open();
    try {
      return [first, this.#open()];
    } catch (error) {
      closeSync(first);
      throw error;
    }
  }

  #open(): number {
    this.#directory ??= makeTemporary();
    const path = join(this.#directory, String(this.#opened++));
    const file = openSync(path, "wx+", 0o600);
    unlinkSync(path);
    return file;
  }

  /**
   * Makes sure that what a command wrote is whole: a full disk cuts it, and few commands tell.
   *
   * @throws {Error} when the disk is full
   */
  checkRoom(files: readonly number[], { exitCode }: CommandEnd): void {
    if (exitCode === 0 && files.every((file) => fstatSync(file).size === 0)) return;
    const { blocks, bfree, bavail } = statfsSync(this.#directory!);
    const free = process.getuid?.() === 0 ? bfree : bavail;
    // A file system without a limit has no blocks.
    if (blocks === 0 || free > 0) return;
    throw new Error(
      `the disk of ${tmpdir()} is full: output is lost. Let TMPDIR name a folder with more room`,
    );
  }

  close(): void {
    if (this.#directory !== undefined) rmdirSync(this.#directory);
    this.#directory = undefined;
  }
}
