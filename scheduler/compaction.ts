// Keeps the journal as small as what is alive: a thread makes the next snapshot of what is written so far,
// and everything before it is deleted. The scheduler goes on meanwhile, in the next segment.

import { Worker } from "node:worker_threads";
import type { Log } from "../src/log.ts";
import type { Journal } from "./journal/journal.ts";
import type { CompactionOrder } from "./compaction-thread.ts";

/** A smaller journal is not compacted. */
const smallestBytes = 16 * 1024 * 1024;

export class Compaction {
  readonly #directory: string;
  readonly #journal: Journal;
  readonly #log: Log;
  #running: Promise<void> | undefined;
  /** After a failure it waits until the journal has grown so much. */
  #notBelowBytes = 0;

  constructor(options: { directory: string; journal: Journal; log: Log }) {
    this.#directory = options.directory;
    this.#journal = options.journal;
    this.#log = options.log;
  }

  /** Begins when enough was written since the last snapshot: as much again as that, at least. */
  consider(): void {
    const { bytesSinceSnapshot, snapshotBytes } = this.#journal;
    const enough = Math.max(smallestBytes, snapshotBytes, this.#notBelowBytes);
    if (this.#running === undefined && bytesSinceSnapshot > enough) void this.#begin();
  }

  /** Makes a snapshot of everything written so far. Never rejects: without it the journal is only larger. */
  async run(): Promise<void> {
    while (this.#running) await this.#running;
    await this.#begin();
  }

  /** One at a time: each needs as much memory as the scheduler. */
  #begin(): Promise<void> {
    this.#running = this.#compact()
      .then(
        () => {
          this.#notBelowBytes = 0;
        },
        (error: unknown) => {
          this.#notBelowBytes = 2 * this.#journal.bytesSinceSnapshot;
          this.#log.warning(`the journal could not be compacted: ${(error as Error).message}`);
        },
      )
      .finally(() => {
        this.#running = undefined;
        // Much may have been written meanwhile, and perhaps nothing more comes.
        this.consider();
      });
    return this.#running;
  }

  async #compact(): Promise<void> {
    const upTo = this.#journal.rotate();
    const order: CompactionOrder = { directory: this.#directory, upTo };
    const thread = new Worker(entry, { workerData: order });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    thread.once("error", reject);
    thread.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`its thread ended with exit code ${code}`));
    });
    await promise;
    this.#journal.adopt(upTo);
  }
}

/** The file that the thread runs, as source or as built. */
const entry = new URL(
  `./compaction-thread${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
  import.meta.url,
);
