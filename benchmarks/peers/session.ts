// One system under measurement, from start to end: a temporary directory, Redis when it needs one, its
// driver and whatever that starts. Ends with nothing left of it.

import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { programPath } from "./install/debian.ts";
import { npmFolder } from "./install/npm.ts";
import { python } from "./install/python.ts";
import { MARK, ProcessTree } from "./process-tree.ts";
import type { Answer, Question } from "./question.ts";
import { startRedis } from "./redis.ts";

const drivers = fileURLToPath(new URL("./drivers/", import.meta.url));
const ANSWER_WITHIN_MS = 600_000;
const END_WITHIN_MS = 15_000;
const TAIL_CHARACTERS = 4_000;

export type Driven = { driver: readonly [script: string, ...rest: string[]]; redis?: true };

export class Session {
  readonly #directory: string;
  readonly #tree: ProcessTree;
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  #child: ChildProcess | undefined;
  #asked = 0;
  /** Did not answer in time: it is still at what it was asked. */
  #silent = false;
  #tail = "";
  #ending: Promise<void> | undefined;

  /** Resolves when there is something to ask; what it needs to get ready is part of its first answer. */
  static async start({ driver, redis }: Driven, open: (session: Session) => void) {
    // Short, for it holds sockets whose paths may have 100 characters.
    const session = new Session(await mkdtemp(join(tmpdir(), "peer-")));
    open(session);
    try {
      await session.#start(driver, redis === true);
      return session;
    } catch (error) {
      await session.end();
      throw error;
    }
  }

  private constructor(directory: string) {
    this.#directory = directory;
    this.#tree = new ProcessTree(randomUUID());
  }

  async #start([script, ...rest]: Driven["driver"], redis: boolean): Promise<void> {
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      [MARK]: this.#tree.mark,
      PEER_DIRECTORY: this.#directory,
      PEER_PACKAGES: npmFolder,
      PEER_PARALLEL: programPath("parallel"),
      PARALLEL_HOME: this.#directory,
      PYTHONDONTWRITEBYTECODE: "1",
      PYTHONPATH: drivers,
      TMPDIR: this.#directory,
    };
    if (redis) env["REDIS_URL"] = await startRedis(this.#directory, this.#tree, env);
    const program = script.endsWith(".py") ? python : process.execPath;
    const child = spawn(program, [join(drivers, script), ...rest], {
      cwd: this.#directory,
      // A group of its own: the terminal's Ctrl-C is for the runner, who ends it.
      detached: true,
      env,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child = child;
    if (child.pid !== undefined) this.#tree.add(child.pid);
    child.stdin.on("error", () => undefined);
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#tail = (this.#tail + text).slice(-TAIL_CHARACTERS);
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      this.#answered(line);
    });
    child.once("error", (error) => {
      this.#fail(`${script} did not start: ${error.message}`);
    });
    child.once("close", (code, name) => {
      this.#fail(`${script} ended with ${name ?? `exit code ${code}`}. ${this.#tail}`);
    });
  }

  /** Fails when the driver says so, ends, or does not answer within 10 minutes. */
  async ask(question: Omit<Question, "id">): Promise<Extract<Answer, { elapsedMs: number }>> {
    const id = ++this.#asked;
    const waits = Promise.withResolvers<Answer>();
    this.#waiting.set(id, waits);
    if (this.#child?.exitCode !== null || this.#ending !== undefined) {
      this.#fail(`The driver has ended. ${this.#tail}`);
    }
    if (this.#silent) this.#fail("The driver did not answer what it was asked before.");
    const timer = setTimeout(() => {
      this.#silent = true;
      this.#fail(`There was no answer within ${ANSWER_WITHIN_MS / 1000} s. ${this.#tail}`);
    }, ANSWER_WITHIN_MS);
    this.#child?.stdin?.write(`${JSON.stringify({ id, ...question })}\n`);
    try {
      const answer = await waits.promise;
      if ("error" in answer) throw new Error(answer.error);
      return answer;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** Lets the driver close in its own way first, unless there is no time. */
  end({ atOnce = false } = {}): Promise<void> {
    if (atOnce) this.#child?.kill("SIGTERM");
    this.#ending ??= this.#end(atOnce);
    return this.#ending;
  }

  /** Without waiting: for the last moment of the runner itself. */
  killNow(): void {
    this.#tree.killNow();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #end(atOnce: boolean): Promise<void> {
    const child = this.#child;
    try {
      if (!atOnce && child?.exitCode === null && child.signalCode === null) {
        const ended = Promise.withResolvers<void>();
        const timer = setTimeout(ended.resolve, END_WITHIN_MS);
        child.once("exit", () => {
          ended.resolve();
        });
        child.stdin?.end();
        await ended.promise;
        clearTimeout(timer);
      }
    } finally {
      await this.#tree.end();
      await rm(this.#directory, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  #answered(line: string): void {
    // A library of the driver may print a line of its own.
    if (!line.startsWith('{"id"')) return;
    const answer = JSON.parse(line) as Answer & { id: number };
    this.#waiting.get(answer.id)?.resolve(answer);
  }

  #fail(message: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(message.trim()));
  }
}
