// Small shells that start programs, one at a time each. A process is started
// by a fork, whose cost grows with the memory of the process that forks: for this one it is several times
// that of a shell. The output goes to files that this process has opened; a shell reaches them by /proc.
// Each command has a process group of its own, so that it can be ended with all that it has started, and no other.

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
  /** Called before the command does anything, with its process group. */
  started: (group: number) => void;
  ended: (end: CommandEnd) => void;
  /** No shell could be started. */
  failed: (error: Error) => void;
};

/** With job control, each command has a process group of its own; other shells have that only at a terminal. */
const shellFile = "/bin/bash";
/** The variables that can be exported; `env` sets the others. */
const keptName = /^[A-Za-z_]\w*$/;

/**
 * Runs a command, given two file descriptors, the number of its variables, these, and its words. It says its pid, which is that of its group,
 * and its status. Bash reads each byte by itself, so that what is given again and again is short.
 */
const runFunction = `
set -m
run() {
  (
    echo "$mark$BASHPID" >&2
    [ $3 = 0 ] || export "\${@:4:$3}"
    exec "\${@:4+$3}" </dev/null >"$files/$1" 2>"$files/$2"
  )
  echo "$mark$?" >&2
}
`;

export class LaunchingShells {
  readonly #env: NodeJS.ProcessEnv;
  readonly #idle: LaunchingShell[] = [];

  /** Whether this machine has what the shells need. */
  static readonly areUsable = existsSync(shellFile) && existsSync("/proc/self/fd");

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  start(command: LaunchedCommand, events: LaunchEvents): void {
    let shell = this.#idle.pop();
    while (shell?.isAlive === false) shell = this.#idle.pop();
    if (!shell) return this.#startIn(new LaunchingShell(this.#env), command, events);
    // A shell may have died in this moment: then another one starts the command.
    const failed = () => this.#startIn(new LaunchingShell(this.#env), command, events);
    this.#startIn(shell, command, { ...events, failed });
  }

  #startIn(shell: LaunchingShell, command: LaunchedCommand, events: LaunchEvents): void {
    shell.run(command, {
      ...events,
      ended: (end) => {
        if (shell.isAlive) this.#idle.push(shell);
        events.ended(end);
      },
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
  /** What the shell said since the command began: its pid, that a signal killed it, and the exit status. */
  #said = "";
  #events: LaunchEvents | undefined;
  /** The process group of the command, once it is known. */
  #group: number | undefined;

  constructor(env: NodeJS.ProcessEnv) {
    // Privileged (-p), it takes no functions from its environment, reads no file, and passes all variables on.
    // It is in a process group of its own, which a Ctrl-C at the terminal does not reach.
    this.#process = spawn(shellFile, ["-p"], {
      detached: true,
      stdio: ["pipe", "ignore", "pipe"],
      env,
    });
    // It has none when it cannot be started, which is told by an event.
    const { stdin, stderr } = this.#process;
    stdin?.write(`mark='${this.#mark}'; files=/proc/${process.pid}/fd\n${runFunction}`);
    stdin?.on("error", () => undefined);
    stderr?.setEncoding("latin1").on("data", (text: string) => this.#hear(text));
    this.#process.once("error", (error) => this.#die(error));
    // All that it said has been heard by then.
    this.#process.once("close", () =>
      this.#die(new Error(`${shellFile} ended while it was needed`)),
    );
    this.#process.once("exit", () => (this.isAlive = false));
  }

  run({ words, env, files: [stdout, stderr] }: LaunchedCommand, events: LaunchEvents) {
    this.#events = events;
    this.#said = "";
    this.#group = undefined;
    const variables: string[] = [];
    const others: string[] = [];
    for (const [name, value] of Object.entries(env)) {
      (keptName.test(name) ? variables : others).push(`${name}=${value}`);
    }
    const before = others.length > 0 ? ["env", ...others] : [];
    const all = [...variables, ...before, ...words].map(shellQuote);
    const numbers = `${stdout} ${stderr} ${variables.length}`;
    this.#process.stdin?.write(`run ${numbers} ${all.join(" ")}\n`);
  }

  close(): void {
    this.#process.stdin?.end();
  }

  #hear(text: string): void {
    this.#said += text;
    if (this.#group === undefined) {
      const end = this.#said.indexOf("\n");
      if (end < 0) return;
      this.#group = Number(this.#said.slice(this.#mark.length, end));
      this.#said = this.#said.slice(end + 1);
      this.#events?.started(this.#group);
    }
    const at = this.#said.indexOf(this.#mark);
    if (at < 0 || !this.#said.endsWith("\n")) return;
    const status = Number(this.#said.slice(at + this.#mark.length));
    // A shell says that a signal killed its command; the status alone could be that of a program.
    const isKilled = at > 0 && status > 128;
    this.#end(isKilled ? { exitCode: 0, signal: status - 128 } : { exitCode: status, signal: 0 });
  }

  /** A command that nobody waits for any more is killed, with all that it has started. */
  #die(error: Error): void {
    this.isAlive = false;
    if (this.#group === undefined) {
      const events = this.#events;
      this.#events = undefined;
      events?.failed(error);
    } else if (this.#events) {
      killGroup(this.#group);
      this.#end({ exitCode: 0, signal: constants.signals.SIGKILL });
    }
  }

  #end(end: CommandEnd): void {
    const events = this.#events;
    this.#events = undefined;
    events?.ended(end);
  }
}

function killGroup(group: number): void {
  for (const target of [-group, group]) {
    try {
      process.kill(target, "SIGKILL");
      return;
    } catch {
      // It has no group yet, or has ended.
    }
  }
}
