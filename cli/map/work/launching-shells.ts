// Small shells that start programs, one at a time each. A process is started
// by a fork, whose cost grows with the memory of the process that forks: for this one it is several times
// that of a shell. The output goes to files that this process has opened; a shell reaches them by /proc.

import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { shellQuote } from "../template/quote.ts";

/** A program with its arguments, and the open files for its standard output and standard error. */
export type LaunchedCommand = {
  readonly words: readonly string[];
  /** Variables beside those of the shell. */
  readonly env: Readonly<Record<string, string>>;
  readonly files: readonly [stdout: number, stderr: number];
};

/** How a command ended: its exit code, or the number of the signal that killed it; the other is 0. */
export type CommandEnd = { readonly exitCode: number; readonly signal: number };

export type LaunchEvents = {
  ended: (end: CommandEnd) => void;
  /** No shell could be started. */
  failed: (error: Error) => void;
};

const shellFile = "/bin/sh";
/** The variables that a shell keeps; it drops others, such as the exported functions of another shell. */
const keptName = /^[A-Za-z_]\w*$/;

export class LaunchingShells {
  readonly #env: NodeJS.ProcessEnv;
  readonly #idle: LaunchingShell[] = [];

  /** Whether this machine has what the shells need. */
  static readonly areUsable = existsSync(shellFile) && existsSync("/proc/self/fd");

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  /** Starts a command. Returns the process group in which it runs. */
  start(command: LaunchedCommand, { ended, failed }: LaunchEvents): number | undefined {
    const shell = this.#idle.pop() ?? new LaunchingShell(this.#env);
    return shell.run(command, {
      ended: (end) => {
        if (shell.isAlive) this.#idle.push(shell);
        ended(end);
      },
      failed,
    });
  }

  /** The shells that run a command end when it has ended. */
  close(): void {
    for (const shell of this.#idle.splice(0)) shell.close();
  }
}

class LaunchingShell {
  isAlive = true;
  readonly #process: ChildProcess;
  /** Begins the line with the exit status of a command, on the shell's standard error. */
  readonly #mark = `${randomUUID()} `;
  /** What the shell said since the command began: that a signal killed it, and the exit status. */
  #said = "";
  #events: LaunchEvents | undefined;
  /** The variables that the shell would drop, as words for `env`. */
  readonly #dropped: string[] = [];

  constructor(env: NodeJS.ProcessEnv) {
    // In a process group with its commands, so that they end with all that they have started.
    this.#process = spawn(shellFile, [], {
      detached: true,
      stdio: ["pipe", "ignore", "pipe"],
      env,
    });
    const { stdin, stderr } = this.#process;
    // The shell outlives the signal that ends its command; the trap is not inherited, as an ignored signal is.
    stdin!.write("trap : TERM\n");
    for (const [name, value] of Object.entries(env)) {
      if (keptName.test(name)) continue;
      const variable = `thence_${this.#dropped.length}`;
      stdin!.write(`${variable}=${shellQuote(`${name}=${value}`)}\n`);
      this.#dropped.push(`"$${variable}"`);
    }
    stdin!.on("error", () => undefined);
    stderr!.setEncoding("latin1").on("data", (text: string) => this.#hear(text));
    this.#process.once("error", (error) => {
      this.isAlive = false;
      this.#events?.failed(error);
    });
    this.#process.once("exit", (exitCode, signal) => {
      this.isAlive = false;
      const number = signal === null ? 0 : constants.signals[signal];
      this.#end({ exitCode: exitCode ?? 0, signal: number });
    });
  }

  run({ words, env, files: [stdout, stderr] }: LaunchedCommand, events: LaunchEvents) {
    this.#events = events;
    this.#said = "";
    const kept: string[] = [];
    const dropped = [...this.#dropped];
    for (const [name, value] of Object.entries(env)) {
      if (keptName.test(name)) kept.push(`${name}=${shellQuote(value)}`);
      else dropped.push(shellQuote(`${name}=${value}`));
    }
    const exports = kept.length > 0 ? `export ${kept.join(" ")}; ` : "";
    const before = dropped.length > 0 ? ["env", ...dropped] : [];
    const own = `/proc/${process.pid}/fd`;
    const program = [...before, ...words.map(shellQuote)].join(" ");
    // `exec` finds programs only, and no commands of the shell.
    this.#process.stdin!.write(
      `(${exports}exec ${program} </dev/null >${own}/${stdout} 2>${own}/${stderr})\n` +
        `echo "${this.#mark}$?" >&2\n`,
    );
    return this.#process.pid;
  }

  close(): void {
    this.#process.stdin!.end();
  }

  #hear(text: string): void {
    this.#said += text;
    const at = this.#said.indexOf(this.#mark);
    if (at < 0 || !this.#said.endsWith("\n")) return;
    const status = Number(this.#said.slice(at + this.#mark.length));
    // A shell says that a signal killed its command; the status alone could be that of a program.
    const isKilled = at > 0 && status > 128;
    this.#end(isKilled ? { exitCode: 0, signal: status - 128 } : { exitCode: status, signal: 0 });
  }

  #end(end: CommandEnd): void {
    const events = this.#events;
    this.#events = undefined;
    events?.ended(end);
  }
}
