// Random words over random values, rendered here and by GNU Parallel: the commands are the same.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Job, Row } from "../../../../cli/map/jobs/job.ts";
import {
  compileTemplate,
  plainSettings,
  type TemplateSettings,
} from "../../../../cli/map/template/template.ts";
import { hasParallel, parallel } from "../parallel.ts";

const ascii = [..."abcXYZ019'\"`$*?\\!#~-_=&|;<>()[]{} \t\n./:,%@+^"];
/** Empty values are frequent, so that missing and empty ones meet. */
const valuesOf = (characters: readonly string[]) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.string({ unit: fc.constantFrom(...characters), maxLength: 12 }) },
    { weight: 3, arbitrary: fc.stringMatching(/^[./a-c]{0,9}$/) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        "",
        "-",
        "~",
        "#a",
        "!x",
        "//",
        "a/",
        "/a/b/",
        "0",
        "''",
        "a.b.c.d",
      ),
    },
  );
const rowsOf = (columns: number, characters: readonly string[]) =>
  fc.array(fc.array(valuesOf(characters), { minLength: columns, maxLength: columns }), {
    minLength: 12,
    maxLength: 16,
  });

const texts = fc.string({
  unit: fc.constantFrom(..."ab0'\"$*\\;= \t\n./-{}é"),
  maxLength: 4,
});
const standard = ["{}", "{.}", "{/}", "{//}", "{/.}", "{#}", "{%}"];
const positional = [
  "{1}",
  "{2}",
  "{-1}",
  "{-2}",
  "{-3}",
  "{2.}",
  "{-1/}",
  "{1 //}",
  "{2/.}",
  "{9}",
];
const plus = [
  ..."{+/} {+.} {+..} {+...} {..} {...} {/..} {/...} {##} {0#} {0%} {slot} {host} {2+.} {-1..}".split(
    " ",
  ),
  ..."{:-ab} {:2} {:1:2} {#a} {#.*/} {##.*/} {%.*b} {%%.b*} {%\\.[a-c]+} {/a/b} {//./x}".split(" "),
  ..."{/#a/x} {/%a/x} {/#a*/} {^a} {^[ab]} {^^b} {,X} {,,[XY]} {2%.*b} {1:-z} {#a*} {#[*]b+}".split(
    " ",
  ),
];
const wordsOf = (...replacements: readonly string[][]) =>
  fc.array(
    fc
      .array(fc.oneof(texts, fc.constantFrom(...replacements.flat())), { maxLength: 5 })

      // Expressions are Perl there, and a text of a space and a newline is no end of a context.
      .map((parts) => parts.join("").replaceAll(/\{+=/g, "=").replaceAll(/ +\n/g, "\n")),
    { minLength: 15, maxLength: 30 },
  );

/** Each run is a process and has hundreds of words to compare; RUNS=10 takes a minute. */
const runs = { numRuns: Number(process.env["RUNS"] ?? 1), endOnFailure: true };

/** Cuts rows into the rows of jobs, `size` each. */
function jobs(rows: readonly Row[], size: number): Job[] {
  const count = Math.ceil(rows.length / size);
  return Array.from({ length: count }, (_, index) => ({
    seq: index + 1,
    rows: rows.slice(index * size, (index + 1) * size),
    slot: 1,
  }));
}

function render(
  words: readonly string[],
  all: readonly Job[],
  settings: Partial<TemplateSettings>,
): string {
  const template = compileTemplate(words, {
    ...plainSettings,
    totalJobs: () => all.length,
    ...settings,
  });
  return all.map((job) => `${template.render(job).text}\n`).join("");
}

/** The commands of GNU Parallel. It reads rows without any escape. */
function dryRun(
  options: readonly string[],
  words: readonly string[],
  rows: readonly Row[],
): string {
  const input = rows.map((row) => `${row.join("\x01")}\0`).join("");
  const columns = rows.some((row) => row.length > 1) ? ["--colsep", "\x01", "--trim", "n"] : [];
  const line = ["--dry-run", "-k", "-j1", "-0", ...columns, ...options, ...words];
  return parallel(line, { input, encoding: "utf8" }).stdout;
}

type Case = {
  readonly title: string;
  readonly options: readonly string[];
  readonly settings?: Partial<TemplateSettings>;
  readonly columns?: number;
  /** Rows in a job; 0: all of them. */
  readonly size?: number;
  readonly strings: readonly string[][];
};

const cases: readonly Case[] = [
  { title: "one value", options: [], strings: [standard, positional] },
  { title: "three columns", options: [], columns: 3, strings: [standard, positional] },
  {
    title: "-q",
    options: ["-q"],
    settings: { quoteWords: true },
    columns: 2,
    strings: [standard, positional],
  },
  { title: "--plus", options: ["--plus"], settings: { plus: true }, strings: [plus, standard] },
  {
    title: "-N3",
    options: ["-N3"],
    settings: { repeatContext: true },
    size: 3,
    strings: [standard, positional],
  },
  {
    title: "-N2 -q --plus of two columns",
    options: ["-N2", "-q", "--plus"],
    settings: { repeatContext: true, quoteWords: true, plus: true },
    columns: 2,
    size: 2,
    strings: [plus, standard, positional],
  },
  { title: "-n4", options: ["-n4"], size: 4, strings: [standard, positional] },
  {
    title: "-m -q of two columns",
    options: ["-m", "-q"],
    settings: { quoteWords: true },
    columns: 2,
    size: 0,
    strings: [standard, positional],
  },
  {
    title: "-X",
    options: ["-X"],
    settings: { repeatContext: true },
    size: 0,
    strings: [standard, positional],
  },
  {
    title: "-N0",
    options: ["-N0"],
    settings: { repeatContext: true, withoutValues: true },
    strings: [standard, positional],
  },
  {
    title: "-N0 -q",
    options: ["-N0", "-q"],
    settings: { repeatContext: true, withoutValues: true, quoteWords: true },
    strings: [standard, positional],
  },
];

/** Fills jobs as long as the measured command stays below a limit, as -m and -X with -s do. */
function fill(
  words: readonly string[],
  rows: readonly Row[],
  settings: Partial<TemplateSettings>,
  limit: number,
): Job[] {
  const template = compileTemplate(words, { ...plainSettings, ...settings });
  const all: { seq: number; slot: number; rows: Row[] }[] = [];
  let add: ((row: Row) => number) | undefined;
  for (const row of rows) {
    if (add === undefined || add(row) >= limit) {
      all.push({ seq: all.length + 1, slot: 1, rows: [] });
      add = template.measure(all.length, 1);
      add(row);
    }
    all.at(-1)!.rows.push(row);
  }
  return all;
}

const filled: readonly Case[] = [
  { title: "-m -s", options: ["-m"], strings: [standard, positional] },
  {
    title: "-X -s",
    options: ["-X"],
    settings: { repeatContext: true },
    strings: [standard, positional],
  },
  {
    title: "-X -q -s of two columns",
    options: ["-X", "-q"],
    columns: 2,
    settings: { repeatContext: true, quoteWords: true },
    strings: [standard, positional],
  },
];

describe.skipIf(!hasParallel)("jobs as full as in GNU Parallel", () => {
  test.each(filled)("$title", ({ options, settings = {}, columns = 1, strings }) => {
    fc.assert(
      fc.property(wordsOf(...strings), rowsOf(columns, [...ascii, "é", "日"]), (words, rows) => {
        const line = ["echo", ...words];
        // Room for the longest row, and for some more.
        const limit =
          1 +
          Math.max(
            ...rows.map(
              (row) =>
                compileTemplate(line, { ...plainSettings, ...settings }).measure(1, 1)(row) * 2,
            ),
          );
        const all = fill(line, rows, settings, limit);
        expect(render(line, all, settings)).toBe(dryRun([...options, `-s${limit}`], line, rows));
      }),
      runs,
    );
  });
});

describe.skipIf(!hasParallel)("the same commands as GNU Parallel", () => {
  test.each(cases)("$title", ({ options, settings = {}, columns = 1, size = 1, strings }) => {
    // --plus cuts and compares bytes there, and characters here.
    const characters = settings.plus ? ascii : [...ascii, "é", "ï", "日", "😀"];
    fc.assert(
      fc.property(wordsOf(...strings), rowsOf(columns, characters), (words, rows) => {
        const line = ["echo", ...words];
        const all = jobs(rows, size || rows.length);
        expect(render(line, all, settings)).toBe(dryRun(options, line, rows));
      }),
      runs,
    );
  });
});
