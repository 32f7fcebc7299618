// The processes that a benchmark starts: each is remembered, and each is ended and waited for by
// its own id, however the run ends.

import { EventEmitter } from "node:events";
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const END_WITHIN_MS = 10_000;
const TAIL_CHARACTERS = 4_000;

export type StartOptions = {
  /** Options of Node itself, before the script. */
  nodeOptions?: string[];
  /** Whether it talks to the runner by `process.send`. */
  channel?: boolean;
};

export class Processes {
  readonly #started = new Set<Started>();

  /** Starts a script of this repository, its path relative to the root. */
  start(script: string, scriptArguments: string[] = [], options: StartOptions = {}): Started {
    const { nodeOptions = [], channel = false } = options;
    const child = spawn(process.execPath, [...nodeOptions, script, ...scriptArguments], {
      cwd: ROOT,
      stdio: ["ignore", "ignore", "pipe", ...(channel ? (["ipc"] as const) : [])],
    });
    const started = new Started(script, child);
    this.#started.add(started);
    void started.exited.then(() => this.#started.delete(started));
    return started;
  }

  /** Ends every one that still runs; resolves when none does. */
  async end(): Promise<void> {
    await Promise.all([...this.#started].map((started) => started.end()));
  }
}

export class Started {
  /** Resolves with words on how it ended, once it has been reaped. */
  readonly exited: Promise<string>;
  /** Emits `text` for what it writes to standard error. */
  readonly said = new EventEmitter<{ text: [string] }>();
  readonly #script: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #asked = 0;
  #tail = "";

  constructor(script: string, child: ChildProcess) {
    this.#script = script;
    this.#child = child;
    // What it says must be read, or a full pipe would block it; the end is kept for the error.
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#tail = (this.#tail + text).slice(-TAIL_CHARACTERS);
      this.said.emit("text", text);
    });
    this.exited = new Promise((resolve) => {
      child.once("error", (error) => {
        resolve(`${script} did not start: ${error.message}`);
      });
      child.once("close", (code, signal) => {
        resolve(`${script} ended with ${signal ?? `exit code ${code}`}. ${this.#tail}`.trim());
      });
    });
    void this.exited.then((how) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(how));
    });
    child.on("message", (message: { id: number; value?: unknown; error?: string }) => {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error === undefined) waiting?.resolve(message.value);
      else waiting?.reject(new Error(`${script}: ${message.error}`));
    });
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.#script} did not start.`);
    return pid;
  }

  /** The end of what it wrote to standard error. */
  get tail(): string {
    return this.#tail;
  }

  /** Sends a question over the channel; resolves with the answer of `answerQuestions` over there. */
  ask(question: unknown): Promise<unknown> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      return this.exited.then((how) => Promise.reject(new Error(how)));
    }
    const id = ++this.#asked;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#child.send({ id, question }, (error) => {
      if (error) waiting.reject(new Error(`${this.#script}: ${error.message} ${this.#tail}`));
    });
    return waiting.promise;
  }

  /** Ends it at once, as the system does for lack of memory. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  /** Asks it to end, and ends it if it does not within 10 s. */
  async end(): Promise<void> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), END_WITHIN_MS);
    await this.exited;
    clearTimeout(timer);
  }
}
