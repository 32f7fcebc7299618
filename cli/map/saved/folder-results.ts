// Results in a folder: for each job the files `stdout`, `stderr` and `seq`, in folders named by its
// values, or at the path that replacement strings make.

import { closeSync, existsSync, ftruncateSync, openSync, writeFileSync, writeSync } from "node:fs";
import path from "node:path";
import { messageOf, UsageError } from "../../exit-code.ts";
import { makeFolder } from "../../../src/make-folder.ts";
import type { Job, Row } from "../jobs/job.ts";
import type { JobOutput, OutputStream, PrinterOptions } from "../output/printer.ts";
import type { Results, ResultsJob, ResultsOptions } from "./results.ts";

/** The longest name of a file, in bytes. */
const longestName = 255;

export class FolderResults implements Results {
  readonly #options: ResultsOptions;

  constructor(options: ResultsOptions) {
    this.#options = options;
  }

  begin(job: ResultsJob): JobOutput {
    const { printer, mode } = this.#options;
    const files = this.#filesOf(job);
    let fds;
    try {
      makeFolder(path.dirname(files.stdout));
      writeFileSync(files.seq, String(job.seq));
      fds = { stdout: openSync(files.stdout, "w"), stderr: openSync(files.stderr, "w") };
    } catch (error) {
      throw new UsageError(`the results of job ${job.seq} cannot be saved: ${messageOf(error)}`);
    }
    // It has a turn to be printed only when nothing more can fail.
    const printed = printer.begin(job.tag === undefined ? {} : { tag: job.tag });
    // As in GNU Parallel, which prints what --files would.
    if (mode === "line") void printed.write("stdout", Buffer.from(`${files.stdout}\n`));
    return new SavedOutput(fds, mode, printed);
  }

  /** All is in the files when a job has ended. */
  write(): void {}

  has(job: Job): boolean {
    return existsSync(this.#filesOf(job).stdout);
  }

  close(): void {}

  #filesOf(job: Job): { stdout: string; stderr: string; seq: string } {
    const { path: given, render, headers } = this.#options;
    const rendered = render(job);
    const place = rendered === given ? `${given}/${folderOf(job.rows, headers)}/` : rendered;
    if (place.endsWith("/"))
      return { stdout: `${place}stdout`, stderr: `${place}stderr`, seq: `${place}seq` };
    return { stdout: place, stderr: `${place}.err`, seq: `${place}.seq` };
  }
}

class SavedOutput implements JobOutput {
  readonly #fds: Readonly<Record<OutputStream, number>>;
  readonly #bytes = { stdout: 0, stderr: 0 };
  readonly #mode: PrinterOptions["mode"];
  readonly #printed: JobOutput;
  #error: Error | undefined;

  constructor(
    fds: Readonly<Record<OutputStream, number>>,
    mode: PrinterOptions["mode"],
    printed: JobOutput,
  ) {
    this.#fds = fds;
    this.#mode = mode;
    this.#printed = printed;
  }

  get receivedBytes(): number {
    const { stdout, stderr } = this.#bytes;
    if (this.#mode === "none") return 0;
    return this.#mode === "line" ? stdout + stderr : stdout;
  }

  write(stream: OutputStream, bytes: Uint8Array): void {
    const start = this.#bytes[stream];
    this.#bytes[stream] += bytes.length;
    this.#try(() => {
      for (let at = 0; at < bytes.length;)
        at += writeSync(this.#fds[stream], bytes, at, bytes.length - at, start + at);
    });
  }

  startAgain(): void {
    for (const stream of ["stdout", "stderr"] as const) {
      this.#bytes[stream] = 0;
      this.#try(() => ftruncateSync(this.#fds[stream], 0));
    }
  }

  async end(printed?: () => void): Promise<void> {
    for (const fd of Object.values(this.#fds)) this.#try(() => closeSync(fd));
    if (this.#error) throw this.#error;
    await this.#printed.end(printed);
  }

  /** The first error is thrown when the job ends. */
  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#error ??= new Error(`the results cannot be saved: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}

/** The folders of a job: for each of its values one of the column's name and one of the value. */
function folderOf(rows: readonly Row[], headers: readonly string[]): string {
  return rows
    .flatMap((row) =>
      columnsInOrder(row.length, headers).flatMap(({ name, index }) => [name, nameOf(row[index]!)]),
    )
    .join("/");
}

/** Columns by the number that their name begins with, then by name; without a header by their number. */
function columnsInOrder(count: number, headers: readonly string[]) {
  const columns = Array.from({ length: count }, (_, index) => {
    const name = headers[index] ?? String(index + 1);
    return { index, name, number: parseFloat(name) || 0 };
  });
  return columns.sort(
    (a, b) => a.number - b.number || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
  );
}

/** The name of a folder for a value: without slashes, and no longer than a name may be. */
function nameOf(value: string): string {
  const name = value
    .replaceAll("\\", "\\\\")
    .replaceAll("\t", "\\t")
    .replaceAll("\0", "\\0")
    .replaceAll("/", "\\_");
  if (Buffer.byteLength(name) <= longestName) return name;
  // A character that would be cut in the middle is left out.
  const bytes = Buffer.from(name);
  let end = longestName;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}
