// The JavaScript of `{= … =}`, `--rpl` and `--filter`. An expression is compiled once and called for
// each value. It comes from the user's own command line and may do what the user may do, so it runs
// as a plain function without a sandbox.

import { UsageError } from "../../exit-code.ts";
import type { Job } from "../jobs/job.ts";
import { shellQuote } from "./quote.ts";

/** What is known of the whole run while one job is rendered. */
export type RunFacts = {
  /** The number of all jobs. It is asked only where `needsTotal` says so. */
  readonly totalJobs: () => number;
  /** How many jobs run at a time. */
  readonly slots: number;
};

/** The job that is being rendered, and what its expressions have asked for. */
export type Rendering = {
  readonly job: Job;
  /** The values of all rows, one after the other. */
  readonly values: readonly string[];
  /** Set by `skip()`: the job is not run. */
  skipped: boolean;
  /** Set by `uq()`: the text is not quoted for the shell. */
  unquoted: boolean;
};

/** Makes what takes the place of a replacement string from one value, the one at `index`. */
export type Replace = (value: string, rendering: Rendering, index: number) => string;

/** A compiled expression: takes the value and returns what it becomes. */
type Evaluate = (value: string) => unknown;

/**
 * Compiles an expression, in which `_` is the value. A changed `_` is the result, else the value of
 * the expression, else `_` as it was: `_ = _.trim()`, `_.trim()` and `if (seq() > 9) skip()` all work.
 * The texts of the groups in the replacement string are `$$1`, `$$2` and so on.
 */
export function compileExpression(
  code: string,
  facts: RunFacts,
  groups: readonly string[] = [],
): Replace {
  let current: Rendering;
  const helpers = helpersOf(() => current, facts);
  const run = compile(code, { ...helpers, ...groupNames(groups) });
  return (value, rendering) => {
    current = rendering;
    try {
      return String(run(value));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(
        `the expression "${code.trim()}" failed at job ${rendering.job.seq} for the value ` +
          `${JSON.stringify(value)}: ${why}`,
        { cause: error },
      );
    }
  };
}

/** Whether an expression asks for the number of all jobs. */
export function asksForTotal(code: string): boolean {
  return /\btotal_jobs\b/.test(code);
}

function compile(code: string, names: Readonly<Record<string, unknown>>): Evaluate {
  const body = code.replace(/[\s;]+$/, "");
  refusePerl(code);
  const make = (inner: string): Evaluate => {
    // eslint-disable-next-line @typescript-eslint/no-implied-eval
    const factory = new Function(
      ...Object.keys(names),
      `"use strict"; return (_) => {
        const before$ = _;
        const value$ = (() => ${inner})();
        return _ !== before$ || value$ === undefined || value$ === null ? _ : value$;
      };`,
    ) as (...values: unknown[]) => Evaluate;
    return factory(...Object.values(names));
  };
  if (body.trim() === "") return (value) => value;
  try {
    return make(`(${body}\n)`);
  } catch {
    // Statements, such as `if (…) skip()`.
  }
  try {
    return make(`{ ${body}\n }`);
  } catch (error) {
    throw new UsageError(
      `"${code.trim()}" is not JavaScript: ${(error as Error).message}. ` +
        `The value is \`_\`; an example is {= _.toUpperCase() =}`,
    );
  }
}

/** Refuses what is Perl, as some of it would run and mean something else. */
function refusePerl(code: string): void {
  const perl = /\$_(?![\w$])|\$job->|\$arg\[|^\s*(?:s|tr|y)([/:|,#]).*\1.*\1/.exec(code);
  if (perl === null) return;
  throw new UsageError(
    `"${code.trim()}" is Perl, and expressions are JavaScript here: the value is \`_\`, which is a ` +
      `string, as in {= _.replace(/a/, "b") =}, {= Number(_) + 1 =} or {= seq() =}`,
  );
}

function groupNames(groups: readonly string[]): Record<string, string> {
  return Object.fromEntries(groups.map((text, index) => [`$$${index + 1}`, text]));
}

/** The functions that expressions may call, named as in GNU Parallel. */
function helpersOf(current: () => Rendering, facts: RunFacts) {
  return {
    seq: () => current().job.seq,
    slot: () => current().job.slot,
    total_jobs: facts.totalJobs,
    /** A value of the job: the first is 1, the last is -1. */
    arg: (position: number) => current().values.at(position > 0 ? position - 1 : position) ?? "",
    args: () => [...current().values],
    skip: () => void (current().skipped = true),
    uq: () => void (current().unquoted = true),
    Q: (text: unknown) => shellQuote(String(text)),
    hash: (text: unknown) => hash(String(text)),
    ...clocks,
  };
}

/** A number made of the text (FNV-1a, 32 bits), the same in every run and on every machine. */
function hash(text: string): string {
  let state = 0x811c9dc5;
  for (const byte of Buffer.from(text)) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
  return `0x${state.toString(16)}`;
}

/** The local time in the forms that GNU Parallel has. */
const clocks = {
  yyyy_mm_dd_hh_mm_ss: () => `${date("-")}T${time(":", 3)}`,
  yyyy_mm_dd_hh_mm: () => `${date("-")}T${time(":", 2)}`,
  yyyy_mm_dd: () => date("-"),
  hh_mm_ss: () => time(":", 3),
  hh_mm: () => time(":", 2),
  yyyymmddhhmmss: () => date("") + time("", 3),
  yyyymmddhhmm: () => date("") + time("", 2),
  yyyymmdd: () => date(""),
  hhmmss: () => time("", 3),
  hhmm: () => time("", 2),
};

function date(separator: string): string {
  const now = new Date();
  return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map(padded).join(separator);
}

function time(separator: string, parts: number): string {
  const now = new Date();
  const all = [now.getHours(), now.getMinutes(), now.getSeconds()];
  return all.slice(0, parts).map(padded).join(separator);
}

function padded(number: number): string {
  return String(number).padStart(2, "0");
}
