// Ends what the attempts of a worker have left running. What is known to run ends at once; what only its
// mark tells of is looked for in batches, since each look reads the whole table of processes.

import { endProcesses, type LeftProcesses } from "./end-processes.ts";

/** A look takes at most this part of the time of the main thread. */
const mostOfTime = 1 / 20;
const shortestPauseMs = 100;

export class EndedAttempts {
  #marks: string[] = [];
  #ids: number[] = [];
  #timer: NodeJS.Timeout | undefined = undefined;
  #pauseMs = shortestPauseMs;
  readonly #ending = new Set<Promise<void>>();

  /** An attempt has ended, and these of its processes run. */
  add(mark: string, ids: readonly number[]): void {
    this.#marks.push(mark);
    this.#ids.push(...ids);
    if (ids.length > 0) this.#look();
    else this.#timer ??= setTimeout(() => this.#look(), this.#pauseMs);
  }

  /** A thread ends, with all its attempts. Resolves when none of its processes is left. */
  async endThread(mark: string, ids: readonly number[]): Promise<void> {
    await this.#end({ marks: [mark], ids });
  }

  /** Resolves when nothing is left of what has ended so far. */
  async close(): Promise<void> {
    if (this.#timer !== undefined) this.#look();
    await Promise.all(this.#ending);
  }

  #look(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const begin = performance.now();
    void this.#end({ marks: this.#marks.splice(0), ids: this.#ids.splice(0) });
    this.#pauseMs = Math.max(shortestPauseMs, (performance.now() - begin) / mostOfTime);
  }

  async #end(left: LeftProcesses): Promise<void> {
    const ending = endProcesses(left);
    this.#ending.add(ending);
    await ending;
    this.#ending.delete(ending);
  }
}
