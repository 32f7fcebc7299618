// Why this worker takes no new tasks, as the scheduler and the log are told: its memory or its
// heap is full, or it has no thread to run them on. It takes tasks again when none of these is so.

import type { Log } from "../src/log.ts";
import type { Reports } from "./reports.ts";

export type PauseCause = "memory" | "heap" | "threads";

export class Pauses {
  readonly #reports: Pick<Reports, "paused" | "resumed">;
  readonly #log: Log;
  readonly #reasons = new Map<PauseCause, string>();

  constructor(reports: Pick<Reports, "paused" | "resumed">, log: Log) {
    this.#reports = reports;
    this.#log = log;
  }

  pause(cause: PauseCause, reason: string): void {
    this.#reasons.set(cause, reason);
    this.#log.warning(`taking no new tasks: ${reason}`);
    this.tell();
  }

  /** Ends the pause for this cause. */
  resume(cause: PauseCause): void {
    if (!this.#reasons.delete(cause)) return;
    if (this.#reasons.size > 0) return this.tell();
    this.#log.info("taking tasks again");
    this.#reports.resumed();
  }

  has(cause: PauseCause): boolean {
    return this.#reasons.has(cause);
  }

  /** Tells the scheduler of a pause that goes on: another reason is left, or it is another scheduler. */
  tell(): void {
    if (this.#reasons.size > 0) this.#reports.paused([...this.#reasons.values()].join("; "));
  }
}
