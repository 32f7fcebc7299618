// A run of a benchmark: its processes and its folder, both gone when it is over, however it ends.

import { mkdtemp, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { Processes } from "./processes.ts";

export type Run = {
  processes: Processes;
  /** For scheduler files; removed afterwards. */
  directory: string;
  /** Aborted when the run was told to end. */
  signal: AbortSignal;
};

/** Runs `take` to its end, or to that of this process when it is told to end. */
export async function inRun<Value>(take: (run: Run) => Promise<Value>): Promise<Value> {
  const processes = new Processes();
  const directory = await mkdtemp(join(tmpdir(), "thence-bench-"));
  const interrupted = new AbortController();
  const interrupt = (name: NodeJS.Signals) => {
    interrupted.abort(new Interrupted(name));
    // What is under way does not wait for its end: its processes go, and so it fails.
    void processes.end();
  };
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    return await take({ processes, directory, signal: interrupted.signal });
  } catch (error) {
    // An interrupted sample fails for want of its processes; say why they went.
    interrupted.signal.throwIfAborted();
    throw error;
  } finally {
    await processes.end();
    await rm(directory, { recursive: true, force: true });
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

/** Runs a benchmark's main function; a run that was interrupted exits as its signal says. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 128 + constants.signals[error.signal];
  }
}

/** The run was told to end; everything that it had started has. */
export class Interrupted extends Error {
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`Interrupted by ${signal}.`);
    this.signal = signal;
  }
}
