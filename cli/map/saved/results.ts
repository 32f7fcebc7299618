// Where the output of jobs is saved (--results): in a folder, or in a table.

import { FolderResults } from "./folder-results.ts";
import type { Job } from "../jobs/job.ts";
import type { Outcome } from "../jobs/outcome.ts";
import type { JobOutput, Printer, PrinterOptions } from "../output/printer.ts";
import type { Sink } from "../output/standard-output.ts";
import { TableResults } from "./table-results.ts";

export type ResultsJob = Job & {
  readonly command: string;
  /** What each line of output begins with. */
  readonly tag?: string | undefined;
};

export type Results = {
  /** The output of a job that starts. It takes the place of one of the printer, and passes on to it. */
  begin(job: ResultsJob): JobOutput;
  /** To be called when the output is printed. */
  write(job: ResultsJob, outcome: Outcome): void;
  /** Whether an earlier run has left results of this job. Always false for tables. */
  has(job: Job): boolean;
  /** @throws {Error} when something could not be written */
  close(): void;
};

export type ResultsOptions = {
  /** The path as given; for a table, `-.csv` and the like are standard output. */
  readonly path: string;
  readonly format: "folder" | "csv" | "tsv" | "json";
  /** Renders the replacement strings of the path of a folder. */
  readonly render: (job: Job) => string;
  /** The names of columns, with --header. */
  readonly headers: readonly string[];
  readonly printer: Printer;
  readonly mode: PrinterOptions["mode"];
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Rows of a table are added to those of an earlier run. */
  readonly append: boolean;
};

/** @throws {UsageError} when the file of a table cannot be written */
export function openResults(options: ResultsOptions): Results {
  return options.format === "folder" ? new FolderResults(options) : new TableResults(options);
}
