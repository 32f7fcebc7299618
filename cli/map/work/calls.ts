// Calls of functions: how the values of a job become arguments, and results become lines of text.

import { constants } from "node:os";
import type { Client } from "../../../client/client.ts";
import type { Future } from "../../../client/future.ts";
import type { Submitter } from "../../../client/submitter.ts";
import { TaskCancelledError, TaskTimeoutError } from "../../../src/errors/errors.ts";
import { messageOf, UsageError } from "../../exit-code.ts";
import { resultText, whyNotJson } from "../../output.ts";
import { argument } from "../../submit.ts";
import type { Job, Row } from "../jobs/job.ts";
import type { JobOutput } from "../output/printer.ts";
import { shellQuote } from "../template/quote.ts";
import { parseWords } from "../template/replacements.ts";
import { compileTemplate, type TemplateSettings } from "../template/template.ts";
import type { Attempt, AttemptEvents, Prepare, PreparedJob } from "../jobs/work.ts";

export type CallRules = {
  name: string;
  /** The templates of the arguments; without any, each value of a job is one. */
  words: readonly string[];
  /** Arguments are strings, even if they are JSON. */
  strings: boolean;
  /** Results are printed as JSON. */
  json: boolean;
  timeoutMs: number | undefined;
  /** ":", or "-" on a cluster, where it is not known which worker made a call. */
  host: string;
};

/** Makes calls. Without a client, they can only be printed. */
export class Calls {
  readonly rules: CallRules;
  readonly #submitter: Submitter | undefined;
  readonly #checkColumns: (seq: number, rows: readonly Row[]) => void;
  readonly #textsOf: (job: Job) => { text: readonly string[]; skipped: boolean };

  constructor(client: Client | undefined, rules: CallRules, settings: TemplateSettings) {
    const { words, timeoutMs } = rules;
    this.rules = rules;
    this.#submitter = client && (timeoutMs === undefined ? client : client.with({ timeoutMs }));
    this.#checkColumns = columnCheck(words, settings);
    const template =
      words.length > 0 ? compileTemplate(words, { ...settings, quoteValues: false }) : undefined;
    const valuesOf = ({ rows }: Job) => {
      if (settings.withoutValues) return [];
      return rows.length === 1 ? rows[0]! : rows.flat();
    };
    this.#textsOf = template
      ? (job) => template.renderWords(job)
      : (job) => ({ text: valuesOf(job), skipped: false });
  }

  submit(args: readonly unknown[]): Future {
    return this.#submitter!.submit(this.rules.name, ...args);
  }

  readonly prepare: Prepare = ({ seq, rows, skipped: isSkipped = false }, slot) => {
    this.#checkColumns(seq, rows);
    const { text, skipped } = this.#textsOf({ seq, rows, slot });
    return new Call(this, { seq, rows, slot }, text, skipped || isSkipped);
  };
}

class Call implements PreparedJob {
  readonly seq: number;
  readonly rows: readonly Row[];
  readonly slot: number;
  readonly skipped: boolean;
  readonly #calls: Calls;
  readonly #texts: readonly string[];

  constructor(calls: Calls, job: Job, texts: readonly string[], skipped: boolean) {
    ({ seq: this.seq, rows: this.rows, slot: this.slot } = job);
    this.#calls = calls;
    this.#texts = texts;
    this.skipped = skipped;
  }

  get command(): string {
    return [this.#calls.rules.name, ...this.#texts.map(shellQuote)].join(" ");
  }

  start(output: JobOutput, { ended, broken }: AttemptEvents): Attempt {
    const { strings, json, host } = this.#calls.rules;
    const startedAt = Date.now();
    const end = (exitCode: number, signal = 0): void =>
      ended({
        exitCode,
        signal,
        startedAt,
        ranMs: Date.now() - startedAt,
        host,
        sentBytes: 0,
      });
    const explain = (error: unknown): void => {
      const written = output.write("stderr", Buffer.from(`thence: ${messageOf(error)}\n`));
      if (written) written.then(() => end(1), broken);
      else end(1);
    };
    let future: Future;
    try {
      future = this.#calls.submit(strings ? this.#texts : this.#texts.map(argumentOf));
    } catch (error) {
      // An argument that no call can have. The other jobs go on.
      explain(new Error(`input ${this.seq}: ${messageOf(error)}`));
      return { kill: () => undefined };
    }
    const fail = (error: unknown): void => {
      if (future.status === "lost") return broken(error);
      if (error instanceof TaskTimeoutError || error instanceof TaskCancelledError) {
        return end(-1, constants.signals.SIGTERM);
      }
      explain(error);
    };
    const succeed = (value: unknown): void => {
      future.release();
      const text = json ? jsonOf(value) : typeof value === "string" ? value : resultText(value);
      if (text === undefined) return end(0);
      const written = output.write("stdout", Buffer.from(`${text}\n`));
      if (written) written.then(() => end(0), broken);
      else end(0);
    };
    future.result().then(succeed).catch(fail);
    return { kill: () => future.cancel("ended by thence map") };
  }
}

/**
 * Makes the check that the columns are there which the arguments name: else a function would be called with the
 * name itself, or with nothing.
 *
 * @throws {UsageError} when no column has a name that an argument has
 */
function columnCheck(
  words: readonly string[],
  settings: TemplateSettings,
): (seq: number, rows: readonly Row[]) => void {
  const pieces = parseWords(words, settings).flat();
  const { headers } = settings;
  let most = 0;
  for (const piece of pieces) {
    if (typeof piece !== "string") most = Math.max(most, Math.abs(piece.position));
    else if (headers.length > 0) {
      const name = /\{([A-Za-z_]\w*)\}/.exec(piece)?.[1];
      if (name === undefined) continue;
      throw new UsageError(`there is no column "${name}": the header has ${headers.join(", ")}`);
    }
  }
  return (seq, rows) => {
    const columns = rows.reduce((sum, row) => sum + row.length, 0);
    if (columns === 0 || most <= columns) return;
    throw new UsageError(`input ${seq} has no column ${most}: it has ${columns}`);
  };
}

/** Every call has a line: `null` for a function that returns nothing. */
function jsonOf(value: unknown): string {
  if (value === undefined) return "null";
  const why = whyNotJson(value, "result");
  if (why === undefined) return JSON.stringify(value);
  throw new Error(`the result is not JSON: ${why}; see it without --json`);
}

/**
 * Reads an argument as JSON, or as a plain string when it is not JSON. An integer that a number cannot
 * hold exactly, such as a long id, stays a string too.
 *
 * @throws {UsageError} for such an integer inside a list or an object
 */
function argumentOf(text: string): unknown {
  if (!couldBeJson(text)) return text;
  if (/^\s*-?\d+\s*$/.test(text) && !Number.isSafeInteger(Number(text))) return text;
  return argument(text);
}

/** Most strings are no JSON, and an error for each is slow: JSON starts with one of these, or white space. */
function couldBeJson(text: string): boolean {
  return /^[\s{["\-0-9tfn]/.test(text);
}
