// A folder with a journal and a scheduler file, for tests that kill the scheduler on it and start the next one.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";
import { Client } from "../../src/index.ts";
import { thence, type Program } from "../processes.ts";
import { addCleanUp, patientMs } from "./daemons.ts";

export class DurableScheduler<Tasks> {
  readonly folder = mkdtempSync(path.join(tmpdir(), "thence-journal-"));
  readonly file = path.join(this.folder, "scheduler.json");
  readonly #modules: readonly string[];
  readonly #more: readonly string[];
  program!: Program;

  /**
   * @param modules of its workers
   * @param more arguments of the scheduler
   */
  constructor(modules: readonly string[], more: readonly string[] = []) {
    this.#modules = modules;
    this.#more = more;
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  /** Starts it, or its successor: on another port each time, unless one is given. */
  async start(port = 0, { isSupervised = false } = {}): Promise<void> {
    const where = ["--journal", path.join(this.folder, "journal"), "--scheduler-file", this.file];
    this.program = thence([
      ...["scheduler", "--port", `${port}`, ...where],
      ...(isSupervised ? [] : ["--no-supervise"]),
      ...this.#more,
    ]);
    addCleanUp(() => this.program.end("SIGKILL"));
    await this.program.wrote(/listening on/);
  }

  /** Kills it, and starts its successor. */
  async restart(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    await this.program.end(signal);
    await this.start();
  }

  /** With one thread, unless `more` says otherwise. */
  async worker(name: string, more: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Program> {
    const modules = this.#modules.flatMap((module) => ["--module", module]);
    const where = ["--scheduler-file", this.file, ...modules];
    const program = thence(
      ["worker", "--no-supervise", "--threads", "1", "--name", name, ...where, ...more],
      { env },
    );
    addCleanUp(() => program.end("SIGKILL"));
    await program.wrote(/joined the scheduler/);
    return program;
  }

  async connect(): Promise<Client<Tasks>> {
    const client = await Client.connect<Tasks>(this.file, { timeoutMs: patientMs });
    addCleanUp(() => client.close());
    return client;
  }
}
