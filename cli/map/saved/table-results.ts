// Results in a table: a row for each job, with what the job log says, its values and its output, as
// CSV, TSV, or one JSON object a line. Bytes of the output that are no text are written as they are.

import type { Outcome } from "../jobs/outcome.ts";
import type { JobOutput } from "../output/printer.ts";
import type { Results, ResultsJob, ResultsOptions } from "./results.ts";
import { durationOf, startOf } from "./joblog-rows.ts";
import { RowFile } from "./row-file.ts";
import { bytesOf } from "../inputs/separators.ts";
import type { Sink } from "../output/standard-output.ts";

type Captured = { readonly stdout: Uint8Array[]; readonly stderr: Uint8Array[] };

const onStandardOutput = /^-\.(csv|tsv|json)$/;

export class TableResults implements Results {
  readonly #options: ResultsOptions;
  readonly #file: RowFile | undefined;
  /** What the jobs have printed that have no row yet. */
  readonly #captured = new Map<number, Captured>();
  /** The names of the columns are written. */
  #hasHead: boolean;

  constructor(options: ResultsOptions) {
    this.#options = options;
    const { path, append } = options;
    if (!onStandardOutput.test(path)) {
      this.#file = new RowFile("file of results", path, append ? "a" : "w");
    }
    this.#hasHead = append && this.#file !== undefined && !this.#file.isEmpty;
  }

  begin(job: ResultsJob): JobOutput {
    const { printer, stdout, stderr, mode } = this.#options;
    const captured: Captured = { stdout: [], stderr: [] };
    this.#captured.set(job.seq, captured);
    // Line by line, the output is printed too, unless the table is.
    const isPrinted = mode !== "group" && this.#file !== undefined;
    return printer.begin({
      ...(job.tag !== undefined && { tag: job.tag }),
      stdout: capturing(captured.stdout, isPrinted ? stdout : undefined),
      stderr: capturing(captured.stderr, isPrinted ? stderr : undefined),
    });
  }

  write(job: ResultsJob, outcome: Outcome): void {
    const { stdout, stderr } = this.#captured.get(job.seq)!;
    this.#captured.delete(job.seq);
    const fields: Fields = {
      ...fieldsOf(job, outcome),
      stdout: latin1(stdout),
      stderr: latin1(stderr),
    };
    this.#add(this.#options.format === "json" ? jsonRow(fields) : this.#separated(fields));
  }

  has(): boolean {
    return false;
  }

  close(): void {
    this.#file?.close();
  }

  #separated(fields: Fields): string {
    const separator = this.#options.format === "csv" ? "," : "\t";
    const { log, values, stdout, stderr } = fields;
    const row = separated([...log.map(([, value]) => value), ...values, stdout, stderr], separator);
    if (this.#hasHead) return row;
    this.#hasHead = true;
    const { headers } = this.#options;
    const names = values.map((_, i) =>
      headers.length > 0 ? bytesOf(headers[i] ?? "") : columnName(i),
    );
    const head = [...log.map(([name]) => name), ...names, "Stdout", "Stderr"];
    return separated(head, separator) + row;
  }

  #add(row: string): void {
    const bytes = Buffer.from(row, "latin1");
    if (this.#file) this.#file.add(bytes);
    else void this.#options.stdout.write(bytes);
  }
}

function capturing(chunks: Uint8Array[], sink: Sink | undefined): Sink {
  return {
    write: (bytes) => {
      chunks.push(bytes);
      return sink?.write(bytes);
    },
  };
}

/** The texts of a row, each byte as one character. */
type Fields = {
  readonly log: readonly (readonly [name: string, value: string])[];
  readonly values: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
};

function fieldsOf(job: ResultsJob, outcome: Outcome): Pick<Fields, "log" | "values"> {
  return {
    log: [
      ["Seq", String(job.seq)],
      ["Host", bytesOf(outcome.host)],
      ["Starttime", startOf(outcome)],
      ["JobRuntime", durationOf(outcome)],
      ["Send", String(outcome.sentBytes)],
      ["Receive", String(outcome.receivedBytes)],
      ["Exitval", String(outcome.exitCode)],
      ["Signal", String(outcome.signal)],
      ["Command", bytesOf(job.command)],
    ],
    values: job.rows.flat().map(bytesOf),
  };
}

function latin1(chunks: readonly Uint8Array[]): string {
  return Buffer.concat(chunks).toString("latin1");
}

function separated(texts: readonly string[], separator: string): string {
  const quoted = texts.map((text) =>
    /["\0 \t\n\r\f\v]/.test(text) || text.includes(separator)
      ? `"${text.replaceAll('"', '""')}"`
      : text,
  );
  return `${quoted.join(separator)}\n`;
}

/** V1 to V9, then W0 to W9, X0 and so on: how Perl counts, and so the names that scripts know. */
function columnName(index: number): string {
  const number = index + 1;
  const letters = Math.floor(number / 10);
  const first = "V".charCodeAt(0) - "A".charCodeAt(0) + letters;
  const letter = (at: number) => String.fromCharCode("A".charCodeAt(0) + at);
  const prefix =
    first < 26 ? letter(first) : letter(Math.floor(first / 26) - 1) + letter(first % 26);
  return `${prefix}${number % 10}`;
}

const textFields = new Set(["Host", "Command"]);

function jsonRow({ log, values, stdout, stderr }: Fields): string {
  const members = log.map(
    ([name, value]) => `"${name}": ${textFields.has(name) ? jsonText(value) : value}`,
  );
  members.push(
    `"V": [ ${values.map(jsonText).join(",")} ]`,
    `"Stdout": ${jsonText(stdout)}`,
    `"Stderr": ${jsonText(stderr)}`,
  );
  return `{ ${members.join(", ")} }\n`;
}

function jsonText(text: string): string {
  const escaped = text.replace(/["\\]/g, "\\$&").replace(
    // eslint-disable-next-line no-control-regex
    /[\0-\x1f]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `"${escaped}"`;
}
