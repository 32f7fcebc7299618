// The end of a scheduler that a batch script ends: a short program may be over before all workers have started.
// They would look for the scheduler until their patience ends, and keep their step and the job going. So the
// scheduler stays for them, for a short time, to send them home.

import { formatDuration } from "../../src/duration.ts";
import type { Log } from "../../src/log.ts";
import { clearTimeout, setTimeout } from "../../src/timers.ts";
import type { AskSlurm } from "./commands.ts";
import { tasksOfSteps } from "./steps.ts";

/** How long workers that still start are waited for, in milliseconds. */
const patienceMs = 10_000;

/** The workers of a job that have come to its scheduler, by their names. */
export class LateWorkers {
  readonly #names = new Set<string>();
  #expected = Infinity;
  readonly #over = Promise.withResolvers<void>();

  came(name: string): void {
    this.#names.add(name);
    this.#check();
  }

  /** Resolves when as many workers have come as the running steps of the job have tasks. Never rejects. */
  async wait(job: string, log: Log, ask?: AskSlurm): Promise<void> {
    this.#expected = await tasksOfSteps(job, ask).catch(() => 0);
    this.#check();
    const missing = this.#expected - this.#names.size;
    if (missing <= 0) return;
    const tasks = missing === 1 ? "a task" : `${missing} tasks`;
    const time = formatDuration(patienceMs);
    log.info(
      `waiting for ${tasks} of this job, which may be workers that start, for up to ${time}`,
    );
    const timer = setTimeout(() => this.#over.resolve(), patienceMs);
    await this.#over.promise;
    clearTimeout(timer);
  }

  #check(): void {
    if (this.#names.size >= this.#expected) this.#over.resolve();
  }
}
