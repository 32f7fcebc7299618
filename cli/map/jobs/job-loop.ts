// The loop of `thence map`: starts jobs while there is room, tries failed ones again, and stops when
// the inputs end, a halt says so, or the user does.
//
// Jobs are counted and told by callbacks, without a promise for each, for there may be a million.

import { clearTimeout, setTimeout } from "../../../src/timers.ts";
import { hasFailed, type HaltRule } from "./halt.ts";
import type { JobTimeout } from "../command-line/option-values.ts";
import type { JobOutput } from "../output/printer.ts";
import { TimeLimit } from "./time-limit.ts";
import type { Window } from "./window.ts";
import { exitCodeOfKilled, exitCodeOfSkipped } from "./work.ts";
import type { Attempt, Ending, Prepare, PreparedJob, WaitingJob } from "./work.ts";

/** Jobs that have ended and wait for their turn to be printed. With more, none is started. */
const mostUnprinted = 16_384;
/** There are no more files, processes or memory for now. */
const shortages = new Set(["EMFILE", "ENFILE", "EAGAIN", "ENOMEM"]);

export type LoopOptions = {
  window: Window;
  /** Milliseconds between two starts; with `auto` they shrink, and grow while jobs fail. */
  delay: { ms: number; auto: boolean } | undefined;
  timeout: JobTimeout | undefined;
  /** How often a job may run. */
  runsOf: (job: PreparedJob) => number;
  halt: HaltRule;
  /** What is printed keeps the order of the jobs, so that one that never ends holds up all after it. */
  keepOrder: boolean;
};

/** What the loop tells of its jobs. */
export type LoopEvents = {
  /** Answers where its output goes. */
  started(job: PreparedJob): JobOutput;
  /** It has ended for good. The promise resolves when it is printed. */
  ended(job: PreparedJob, ending: Ending, output: JobOutput): Promise<void>;
  /** A line for people. */
  say(text: string): void;
};

type Running = {
  readonly job: PreparedJob;
  readonly output: JobOutput;
  runs: number;
  startedAt: number;
  attempt: Attempt | undefined;
  /** It was ended by a timeout or a halt. */
  killed: boolean;
  /** How the last run has ended. */
  ending: Ending | undefined;
};

export class JobLoop {
  readonly #prepare: Prepare;
  readonly #options: LoopOptions;
  readonly #events: LoopEvents;
  readonly #timeLimit: TimeLimit<Running> | undefined;
  readonly #running = new Set<Running>();
  /** Failed jobs that run again, before any new one. */
  readonly #again: Running[] = [];
  readonly #freeSlots: number[] = [];
  /** So many jobs have filled the system. */
  #mostRunning = Infinity;
  #slots = 0;
  /** Those that have ended and are not printed yet. */
  readonly #unprinted = new Set<PreparedJob>();
  /** What was killed by a halt is not printed, nor what has no ending. */
  #firstLost = Infinity;
  #delayMs: number;
  #lastStart = -Infinity;
  /** "soon": no job is started any more; "now": the running ones are killed, and not reported. */
  #stop: "soon" | "now" | undefined;
  #error: { readonly reason: unknown } | undefined;
  /** Whom to wake when something may have changed. */
  #sleeping: PromiseWithResolvers<void> | undefined;
  started = 0;
  ended = 0;
  failed = 0;

  constructor(prepare: Prepare, options: LoopOptions, events: LoopEvents) {
    this.#prepare = prepare;
    this.#options = options;
    this.#events = events;
    this.#delayMs = options.delay?.ms ?? 0;
    this.#timeLimit =
      options.timeout &&
      new TimeLimit(options.timeout, (running) => {
        events.say(`this job was killed because it timed out:\n${running.job.command}`);
        this.#kill(running);
      });
  }

  /** The commands that are running. */
  get running(): string[] {
    return Array.from(this.#running, ({ job }) => job.command);
  }

  /**
   * Runs all jobs. Resolves when the last one is printed, or everything was killed.
   *
   * @throws what the inputs, the work or the output failed with; nothing is running then
   */
  async run(jobs: AsyncIterator<WaitingJob>): Promise<void> {
    let next: Promise<IteratorResult<WaitingJob>> | undefined;
    let arrived: IteratorResult<WaitingJob> | undefined;
    while (this.#stop === undefined) {
      if (!this.#hasRoom()) await this.#change();
      else if (this.#again.length > 0) {
        const running = this.#again.shift()!;
        if (await this.#mayStart()) {
          this.#startAgain(running);
        } else if (this.#stop === "soon") this.#leave(running);
      } else if (arrived?.done) {
        if (this.#running.size === 0) break;
        await this.#change();
      } else if (arrived) {
        const job = arrived.value;
        if (!(await this.#mayStart())) break;
        arrived = undefined;
        this.#begin(job);
      } else if (next) await this.#change();
      else {
        next = jobs.next();
        next.then(
          (result) => {
            next = undefined;
            arrived = result;
            this.#wake();
          },
          (error: unknown) => this.#failSoon(error),
        );
        await this.#change();
      }
    }
    while (this.#running.size > 0 || this.#willPrint()) await this.#change();
    if (this.#error) throw this.#error.reason;
  }

  /** Starts no job any more. */
  stopSoon(): void {
    if (this.#stop) return;
    this.#stop = "soon";
    for (const running of this.#again.splice(0)) this.#leave(running);
    this.#wake();
  }

  /** Kills what runs. */
  stopNow(): void {
    if (this.#stop === "now") return;
    this.#stop = "now";
    for (const running of [...this.#again, ...this.#running]) {
      this.#firstLost = Math.min(this.#firstLost, running.job.seq);
      this.#kill(running);
    }
    this.#wake();
  }

  /** It does not run again, and ends as it was; one that has not run yet is not reported. */
  #leave(running: Running): void {
    if (running.ending) this.#finish(running, running.ending);
    else this.#lose(running);
  }

  #willPrint(): boolean {
    if (this.#firstLost === Infinity || !this.#options.keepOrder) return this.#unprinted.size > 0;
    return this.#unprinted.values().some(({ seq }) => seq < this.#firstLost);
  }

  #hasRoom(): boolean {
    const size = Math.min(this.#options.window.size, this.#mostRunning);
    return this.#running.size < size && this.#unprinted.size < mostUnprinted;
  }

  /** Waits for the time of the next start; false when there is none any more. */
  async #mayStart(): Promise<boolean> {
    while (this.#delayMs > 0) {
      const leftMs = this.#lastStart + this.#delayMs - performance.now();
      if (leftMs <= 0 || this.#stop) break;
      const timer = setTimeout(() => this.#wake(), leftMs);
      await this.#change();
      clearTimeout(timer);
    }
    return this.#stop === undefined;
  }

  #begin(waiting: WaitingJob): void {
    const slot = this.#freeSlots.shift() ?? ++this.#slots;
    try {
      const job = this.#prepare(waiting, slot);
      const output = this.#events.started(job);
      this.#start({
        job,
        output,
        runs: 0,
        startedAt: 0,
        attempt: undefined,
        killed: false,
        ending: undefined,
      });
    } catch (error) {
      this.#firstLost = Math.min(this.#firstLost, waiting.seq);
      this.#failSoon(error);
    }
  }

  #startAgain(running: Running): void {
    try {
      running.output.startAgain();
      this.#start(running);
    } catch (error) {
      this.#lose(running);
      this.#failSoon(error);
    }
  }

  /** It has no ending, and holds nothing up. */
  #lose(running: Running): void {
    this.#running.delete(running);
    this.#timeLimit?.jobEnded(running);
    this.#firstLost = Math.min(this.#firstLost, running.job.seq);
  }

  #start(running: Running): void {
    if (running.runs === 0) this.started++;
    running.runs++;
    running.startedAt = Date.now();
    running.killed = false;
    this.#lastStart = performance.now();
    this.#running.add(running);
    if (running.job.skipped) {
      this.#ended(running, skipped(running.startedAt));
      return;
    }
    this.#timeLimit?.jobStarted(running);
    const broken = (error: unknown) => {
      if (this.#postpone(running, error)) return;
      this.#lose(running);
      this.fail(error);
    };
    try {
      running.attempt = running.job.start(running.output, {
        ended: (ending) => {
          try {
            this.#ended(running, ending);
          } catch (error) {
            broken(error);
          }
        },
        broken,
      });
    } catch (error) {
      if (this.#postpone(running, error)) return;
      this.#lose(running);
      this.#failSoon(error);
    }
  }

  /** Where the system has no more room, a job starts when another one has ended; false when none runs. */
  #postpone(running: Running, error: unknown): boolean {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    const others = this.#running.size - Number(this.#running.has(running));
    if (!shortages.has(code) || others === 0 || this.#stop) return false;
    this.#running.delete(running);
    this.#timeLimit?.jobEnded(running);
    if (--running.runs === 0) this.started--;
    this.#again.unshift(running);
    if (this.#mostRunning === Infinity) {
      this.#events.say(`${code}: this system has no room for so many jobs at once: running fewer`);
    }
    // Those that start in the same moment count, and may fail too; and files are needed beside those of jobs.
    if (others < this.#mostRunning) this.#mostRunning = Math.max(1, others >> 1);
    this.#wake();
    return true;
  }

  #ended(running: Running, result: Ending): void {
    this.#running.delete(running);
    this.#timeLimit?.jobEnded(running);
    this.#wake();
    if (this.#stop === "now") return;
    // A job that ends by itself when it is asked to was killed all the same.
    const ending = running.killed ? { ...result, exitCode: exitCodeOfKilled } : result;
    const failed = hasFailed(ending);
    if (this.#options.delay?.auto) this.#delayMs *= failed ? 1.3 : 0.9;
    running.ending = ending;
    const mayRunAgain = failed && !this.#stop && !running.job.skipped;
    if (mayRunAgain && running.runs < this.#options.runsOf(running.job)) this.#again.push(running);
    else this.#finish(running, ending);
  }

  #finish({ job, output }: Running, ending: Ending): void {
    this.ended++;
    if (hasFailed(ending)) this.failed++;
    else this.#timeLimit?.addTime(ending.ranMs);
    this.#freeSlots.push(job.slot);
    this.#options.window.jobEnded();
    this.#unprinted.add(job);
    const lost = (error: unknown) => {
      this.#firstLost = Math.min(this.#firstLost, job.seq);
      this.#printed(job);
      this.fail(error);
    };
    try {
      this.#events.ended(job, ending, output).then(() => this.#printed(job), lost);
    } catch (error) {
      lost(error);
    }
    this.#applyHalt(job, ending);
  }

  #applyHalt(job: PreparedJob, ending: Ending): void {
    const { halt } = this.#options;
    const notice = halt.notice(ending);
    if (notice === undefined) return;
    this.#events.say(`${notice}:\n${job.command}`);
    const when = halt.jobEnded(ending, this);
    if (when === "now") this.stopNow();
    if (when !== "soon") return;
    const { size } = this.#running;
    if (size > 0) this.#events.say(`starting no more jobs; waiting for ${size} to end`);
    this.stopSoon();
  }

  #printed(job: PreparedJob): void {
    this.#unprinted.delete(job);
    this.#wake();
  }

  #kill(running: Running): void {
    running.killed = true;
    try {
      running.attempt?.kill();
    } catch (error) {
      this.#error ??= { reason: error };
      this.stopNow();
    }
  }

  /** Ends the run with an error: what runs is killed. */
  fail(reason: unknown): void {
    this.#error ??= { reason };
    this.stopNow();
  }

  #failSoon(reason: unknown): void {
    this.#error ??= { reason };
    this.stopSoon();
  }

  /** Resolves at the next call of `#wake`. */
  #change(): Promise<void> {
    this.#sleeping ??= Promise.withResolvers();
    return this.#sleeping.promise;
  }

  #wake(): void {
    this.#sleeping?.resolve();
    this.#sleeping = undefined;
  }
}

function skipped(startedAt: number): Ending {
  return {
    exitCode: exitCodeOfSkipped,
    signal: 0,
    startedAt,
    ranMs: 0,
    host: ":",
    sentBytes: 0,
  };
}
