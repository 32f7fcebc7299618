// The job log: a row for each job that has ended (--joblog), and what it says when a run goes on
// (--resume, --resume-failed, --retry-failed).

import { readFileSync } from "node:fs";
import { messageOf, UsageError } from "../../exit-code.ts";
import {
  isJoblogHead,
  joblogHead,
  joblogRow,
  parseJoblogRow,
  type LoggedJob,
} from "./joblog-rows.ts";
import type { Outcome } from "../jobs/outcome.ts";
import { RowFile } from "./row-file.ts";
import type { Sink } from "../output/standard-output.ts";

export type JoblogOptions = {
  /** `-` is standard output. */
  readonly path: string;
  /** Rows are added to what is there. */
  readonly append?: boolean;
  /** Jobs in the log do not run again. The two below go before this one. */
  readonly resume?: boolean;
  /** Jobs that succeeded do not run again. */
  readonly resumeFailed?: boolean;
  /** Only the jobs that failed run, by their commands in the log. */
  readonly retryFailed?: boolean;
  /** Nothing is written. */
  readonly dryRun?: boolean;
  readonly stdout: Sink;
};

export class Joblog {
  /** The jobs to run again with `retryFailed`, in their order; undefined when there is no log yet. */
  readonly failed: readonly { readonly seq: number; readonly command: string }[] | undefined;
  readonly #options: JoblogOptions;
  /** Failed jobs do not run again either. */
  readonly #skipsFailed: boolean;
  /** The jobs that do not run again, with a number made of the command of each. */
  readonly #done = new Map<number, number>();
  readonly #file: RowFile | undefined;

  /** @throws {UsageError} when the file is no job log, or cannot be read or written */
  constructor(options: JoblogOptions) {
    this.#options = options;
    const { path, append, resume, resumeFailed, retryFailed, dryRun } = options;
    this.#skipsFailed = resume === true && !resumeFailed && !retryFailed;
    const old = resume || resumeFailed || retryFailed ? readLog(path) : undefined;
    if (old) {
      const failed = new Map<number, string>();
      for (const { seq, failed: hasFailed, command } of old.jobs) {
        if (hasFailed && !this.#skipsFailed) {
          if (!this.#done.has(seq)) failed.set(seq, command);
          continue;
        }
        failed.delete(seq);
        this.#done.set(seq, numberOf(command));
      }
      this.failed = [...failed]
        .map(([seq, command]) => ({ seq, command }))
        .sort((a, b) => a.seq - b.seq);
    }
    if (dryRun) return;
    if (path !== "-") {
      this.#file = new RowFile("job log", path, append || old ? "a" : "w");
      // The row of a job that was cut off would be joined with the next one.
      if (old) this.#file.cut(old.bytes);
    }
    if (!append && !old) this.#add(joblogHead);
  }

  get doneCount(): number {
    return this.#done.size;
  }

  /** Whether the log says that a job need not run again. */
  isDone(seq: number): boolean {
    return this.#done.has(seq);
  }

  /**
   * Makes sure that a job that is done had this command: with `resume`, the log of another run would
   * silently leave out jobs. Not for commands that differ from run to run, as with `{%}`.
   *
   * @throws {UsageError} when it had another command
   */
  expectSame(seq: number, command: string): void {
    if (!this.#skipsFailed || this.#done.get(seq) === numberOf(command)) return;
    const { path } = this.#options;
    const logged = readLog(path)?.jobs.findLast((job) => job.seq === seq)?.command ?? "";
    throw new UsageError(
      `${path} is the job log of another run: there, job ${seq} is \`${logged}\`, and here \`${command}\`. ` +
        "Give another --joblog, or --resume-failed to run only the failed jobs by this command",
    );
  }

  /** @throws {Error} when the log could not be written before */
  write(seq: number, outcome: Outcome, command: string): void {
    this.#add(joblogRow(seq, outcome, command));
  }

  /** @throws {Error} when rows could not be written */
  close(): void {
    this.#file?.close();
  }

  #add(text: string): void {
    const { dryRun, path, stdout } = this.#options;
    if (dryRun) return;
    const row = Buffer.from(text);
    if (path === "-") void stdout.write(row);
    else this.#file!.add(row);
  }
}

type OldLog = {
  readonly jobs: readonly LoggedJob[];
  /** The length up to the end of the last whole row. */
  readonly bytes: number;
};

/** Reads what an earlier run has logged; undefined when there is nothing. */
function readLog(path: string): OldLog | undefined {
  const text = readOld(path);
  if (text === undefined || text.length === 0) return undefined;
  const jobs: LoggedJob[] = [];
  let start = 0;
  let number = 0;
  for (let end; (end = text.indexOf("\n", start)) >= 0; start = end + 1) {
    const line = text.toString("utf8", start, end);
    number++;
    const job = parseJoblogRow(line);
    if (job) jobs.push(job);
    else if (number > 1 || !isJoblogHead(line)) throw notARow(path, number, line);
  }
  // A file that is something else is not cut.
  if (number === 0) throw notARow(path, 1, text.toString("utf8", 0, 100));
  return { jobs, bytes: start };
}

function readOld(path: string): Buffer | undefined {
  if (path === "-") return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new UsageError(`the job log cannot be read: ${messageOf(error)}`);
  }
}

function notARow(path: string, number: number, line: string): UsageError {
  const shown = line.length > 60 ? `${line.slice(0, 60)}…` : line;
  const why =
    number === 1
      ? `${path} is no job log. Give another file to --joblog`
      : `the job log ${path} is damaged. Remove this line, and its job runs again, or give another --joblog`;
  return new UsageError(`${why}: line ${number} is ${JSON.stringify(shown)}`);
}

/** A number made of a text (FNV-1a), for it takes less memory. */
function numberOf(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return state;
}
