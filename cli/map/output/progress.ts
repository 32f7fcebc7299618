// How far the jobs are: a bar (--bar), the time that is left (--eta), or the numbers of jobs
// (--progress), on standard error.

import { clearInterval, now, setInterval } from "../../../src/timers.ts";
import { StatusLine, type Terminal } from "./status-line.ts";

export type ProgressOptions = {
  /** Which one; the bar goes before the others, and `eta` before the numbers alone. */
  readonly bar: boolean;
  readonly eta: boolean;
  readonly slots: number;
  /** The number of all jobs; undefined while it is not known. */
  readonly total: () => number | undefined;
  readonly terminal?: Terminal;
  /** Milliseconds since a fixed moment. */
  readonly clock?: () => number;
};

/** Milliseconds between two states: a terminal shows them in one place, and elsewhere they are lines. */
const terminalPauseMs = 100;
const linePauseMs = 1000;

export class Progress {
  readonly #options: ProgressOptions;
  readonly #clock: () => number;
  readonly #line: StatusLine;
  readonly #startedAt: number;
  readonly #timer: NodeJS.Timeout;
  #running = 0;
  #ended = 0;
  #newest = "";

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#clock = options.clock ?? now;
    this.#line = new StatusLine(options.terminal);
    this.#startedAt = this.#clock();
    if (!options.bar) this.#explain(options.terminal?.stderr ?? process.stderr);
    const pauseMs = this.#line.isTerminal ? terminalPauseMs : linePauseMs;
    this.#timer = setInterval(() => this.draw(), pauseMs);
    this.#timer.unref();
  }

  /** @param input the values of the job, as people read them */
  jobStarted(input: string): void {
    this.#running++;
    this.#newest = input;
  }

  /** Call it once for each job that has started, also if it does not count as ended. */
  jobEnded(): void {
    this.#running--;
    this.#ended++;
  }

  draw(): void {
    const { bar, eta } = this.#options;
    if (bar) this.#drawBar();
    else this.#line.show((eta ? this.#timeLeft() : "") + this.#numbers());
  }

  /** Shows the last state, and lets the program write by itself again. */
  close(): void {
    clearInterval(this.#timer);
    this.draw();
    this.#line.close();
  }

  #explain(stderr: NodeJS.WritableStream): void {
    stderr.write(
      `Jobs run in ${this.#options.slots} slots\n` +
        "jobs running/jobs completed/% of started jobs/average seconds to complete\n",
    );
  }

  #drawBar(): void {
    const total = this.#options.total();
    const share = total === undefined ? 0 : total === 0 ? 1 : Math.min(1, this.#ended / total);
    const percent = Math.floor(share * 100);
    if (this.#line.isTerminal) {
      const left = total === undefined ? "?" : total - this.#ended;
      const text = `${percent}% ${this.#ended}:${left}=${timeOf(this.#leftMs())} ${this.#newest}`;
      this.#line.show(text, share);
      return;
    }
    // What zenity --progress reads: a text, and a percentage.
    const seconds = Math.ceil((this.#leftMs() ?? 0) / 1000);
    this.#line.show(`# ${seconds} sec ${this.#newest.replaceAll("\n", " ")}\n${percent}`);
  }

  #numbers(): string {
    const started = this.#running + this.#ended;
    const percent = started === 0 ? 0 : Math.floor((100 * this.#ended) / started);
    return `${this.#running}/${this.#ended}/${percent}%/${(this.#averageMs() / 1000).toFixed(1)}s`;
  }

  #timeLeft(): string {
    const total = this.#options.total();
    const left = total === undefined ? "?" : total - this.#ended;
    const average = (this.#averageMs() / 1000).toFixed(2);
    return `ETA: ${timeOf(this.#leftMs())} Left: ${left} AVG: ${average}s  `;
  }

  /** How long it takes from one end of a job to the next. */
  #averageMs(): number {
    return this.#ended === 0 ? 0 : (this.#clock() - this.#startedAt) / this.#ended;
  }

  #leftMs(): number | undefined {
    const total = this.#options.total();
    if (total === undefined || (this.#ended === 0 && total > 0)) return undefined;
    return (total - this.#ended) * this.#averageMs();
  }
}

/** Writes a time as `5s`, `2m05s` or `1h02m`. */
function timeOf(ms: number | undefined): string {
  if (ms === undefined) return "?";
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  const two = (number: number) => String(number).padStart(2, "0");
  return minutes < 60
    ? `${minutes}m${two(seconds % 60)}s`
    : `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
}
