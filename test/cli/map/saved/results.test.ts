// Results in folders and tables: names and contents of the files, compared with GNU Parallel.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { Row } from "../../../../cli/map/jobs/job.ts";
import type { Outcome } from "../../../../cli/map/jobs/outcome.ts";
import { Printer, type PrinterOptions } from "../../../../cli/map/output/printer.ts";
import { openResults, type ResultsOptions } from "../../../../cli/map/saved/results.ts";
import type { Sink } from "../../../../cli/map/output/standard-output.ts";
import { hasParallel, inFolder, parallel } from "../parallel.ts";

type Mode = PrinterOptions["mode"];
type Line = {
  /** The path, `%` for the folder of the test, and how its replacement strings are rendered. */
  path: string;
  render?: (values: readonly string[], seq: number) => string;
  jobs: readonly (readonly Row[])[];
  headers?: readonly string[];
  mode?: Mode;
  tag?: string;
  append?: boolean;
};

const outcome: Outcome = {
  exitCode: 2,
  signal: 0,
  startedAt: 1_700_000_000_123,
  ranMs: 7,
  host: ":",
  sentBytes: 0,
  receivedBytes: 0,
};

/** What every job writes. */
const out = 'out "q" \\ ä\n\tx';
const error = "error\n";

/** Saves the results of these jobs; returns what is printed, and the bytes received. */
async function save(folder: string, line: Line) {
  const shown = { stdout: "", stderr: "" };
  const sink = (name: "stdout" | "stderr"): Sink => ({
    write: (bytes) => void (shown[name] += Buffer.from(bytes).toString("latin1")),
  });
  const { mode = "group", headers = [], jobs, tag, render, append = false } = line;
  const given = line.path.replace("%", folder);
  const streams = { stdout: sink("stdout"), stderr: sink("stderr") };
  const printer = new Printer({ mode, keepOrder: true, ...streams });
  const results = openResults({
    path: given,
    format: (/\.(csv|tsv|json)$/.exec(given)?.[1] ?? "folder") as ResultsOptions["format"],
    render: ({ rows, seq }) => render?.(rows.flat(), seq).replace("%", folder) ?? given,
    headers,
    printer,
    mode,
    append,
    ...streams,
  });
  const received: number[] = [];
  const ends = jobs.map((rows, i) => {
    const job = { seq: i + 1, slot: 1, rows, command: "work", tag };
    const output = results.begin(job);
    void output.write("stdout", Buffer.from(out));
    void output.write("stderr", Buffer.from(error));
    return output.end(() => {
      received.push(output.receivedBytes);
      results.write(job, { ...outcome, receivedBytes: output.receivedBytes });
    });
  });
  await Promise.all(ends);
  results.close();
  await printer.close();
  return { ...shown, received };
}

/** The files in a folder with their contents, without times. */
function filesIn(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  const files = names.filter((name) => statSync(path.join(folder, name)).isFile());
  return Object.fromEntries(
    files.map((name) => [name, withoutTimes(readFileSync(path.join(folder, name), "latin1"))]),
  );
}

function withoutTimes(text: string): string {
  return text.replace(/\d{10}\.\d{3}/g, "START").replace(/(START\D+)\d+\.\d{3}/g, "$1TIME");
}

/** A command that writes the same, whatever its inputs; in a script, so that it needs no quoting. */
const work = ["sh", "-c", 'printf %s "$1"; printf %s "$2" >&2; exit 2', "sh", out, error];

describe.skipIf(!hasParallel)("as in GNU Parallel:", () => {
  const one = (...values: string[]) => values.map((value) => [[value]]);
  const odd = ["a/b", "", "x\ty", "back\\slash", " sp", "ä", "*", "a", "new\nline", "-"];
  const simple: [string, string[], Line][] = [
    ["a folder", [":::", "a", "b"], { path: "%/r", jobs: one("a", "b") }],
    ["a folder with a slash", [":::", "a"], { path: "%/r/", jobs: one("a") }],
    ["a folder in a folder", [":::", "a"], { path: "%/r/deep/er", jobs: one("a") }],
    ["odd values", ["-0", ":::", ...odd], { path: "%/r", jobs: one(...odd) }],
    ["this folder and the one above", [":::", ".", ".."], { path: "%/r", jobs: one(".", "..") }],
    ["a value twice", [":::", "a", "a"], { path: "%/r", jobs: one("a", "a") }],
    [
      "a value longer than a name",
      [":::", "x".repeat(300)],
      { path: "%/r", jobs: one("x".repeat(300)) },
    ],
    [
      "two sources",
      [":::", "A", "B", ":::", "1"],
      { path: "%/r", jobs: [[["A", "1"]], [["B", "1"]]] },
    ],
    [
      "headers in another order",
      ["--header", ":", ":::", "foo", "A", ":::", "bar", "1", ":::", "10", "x", ":::", "9", "y"],
      { path: "%/r", headers: ["foo", "bar", "10", "9"], jobs: [[["A", "1", "x", "y"]]] },
    ],
    [
      "a header with a slash",
      ["--header", ":", ":::", "a/b", "x"],
      { path: "%/r", headers: ["a/b"], jobs: one("x") },
    ],
    [
      "several inputs",
      ["-N", "2", ":::", "a", "b", "c"],
      { path: "%/r", jobs: [[["a"], ["b"]], [["c"]]] },
    ],
    ["columns", ["--colsep", ",", ":::", "a,b"], { path: "%/r", jobs: [[["a", "b"]]] }],
    [
      "a replacement string",
      [":::", "a", "b"],
      { path: "%/r/x{}", render: ([value]) => `%/r/x${value}`, jobs: one("a", "b") },
    ],
    [
      "a replacement string with a slash",
      [":::", "a", "b"],
      { path: "%/r/x{#}/", render: (_, seq) => `%/r/x${seq}/`, jobs: one("a", "b") },
    ],
    [
      "a value with slashes in a replacement string",
      [":::", "a/b//c"],
      { path: "%/r/{}", render: ([value]) => `%/r/${value}`, jobs: one("a/b//c") },
    ],
  ];
  const tables = ["csv", "tsv", "json"].flatMap((format): [string, string[], Line][] => [
    [
      format,
      [":::", "a b", 'q"q', "back\\slash", "x\ty", "ä", "à", "c,d"],
      { path: `%/r.${format}`, jobs: one("a b", 'q"q', "back\\slash", "x\ty", "ä", "à", "c,d") },
    ],
    [
      `${format} with headers`,
      ["--header", ":", ":::", "foo", "a", ":::", "b r", "1"],
      { path: `%/r.${format}`, headers: ["foo", "b r"], jobs: [[["a", "1"]]] },
    ],
    [
      `${format} of several inputs`,
      ["-N", "12", ":::", ..."abcdefghijkl"],
      { path: `%/r.${format}`, jobs: [[..."abcdefghijkl"].map((value) => [value])] },
    ],
    [
      `${format} with tags`,
      ["--tagstring", "t", ":::", "a"],
      { path: `%/r.${format}`, tag: "t", jobs: one("a") },
    ],
    [
      `${format} on standard output`,
      [":::", "a", "b"],
      { path: `-.${format}`, jobs: one("a", "b") },
    ],
    [
      `${format} on standard output, line by line`,
      ["--lb", ":::", "a", "b"],
      { path: `-.${format}`, mode: "line", jobs: one("a", "b") },
    ],
  ]);
  const lines: [string, string[], Line][] = [
    ...simple,
    ...tables.filter(([name]) => name !== "json on standard output, line by line"),
    [
      "a folder, line by line",
      ["--lb", "--tagstring", "t", ":::", "a", "b"],
      { path: "%/r", mode: "line", tag: "t", jobs: one("a", "b") },
    ],
    [
      "csv, line by line",
      ["--lb", "--tagstring", "t", ":::", "a", "b"],
      { path: "%/r.csv", mode: "line", tag: "t", jobs: one("a", "b") },
    ],
    [
      "a folder, at once",
      ["-u", ":::", "a", "b"],
      { path: "%/r", mode: "none", jobs: one("a", "b") },
    ],
  ];

  test.each(lines)("%s", async (_, args, line) => {
    await inFolder(async (theirs) => {
      await inFolder(async (ours) => {
        await inFolder(async (logs) => {
          const log = path.join(logs, "log");
          const given = line.path.replace("%", theirs);
          const values = args.indexOf(":::");
          const options = ["-k", "-j1", "--joblog", log, "--results", given];
          // No value is part of the command.
          const command = ["-q", ...work, "{=$_='' =}"];
          const run = parallel([
            ...options,
            ...args.slice(0, values),
            ...command,
            ...args.slice(values),
          ]);
          const shown = await save(ours, line);
          const normal = (text: string, folder: string) =>
            withoutTimes(text.replaceAll(folder, "FOLDER"))
              // The command is another one there.
              .replace(/("Command": ")(?:[^"\\]|\\.)*"/g, '$1work"')
              .replace(/(START[,\t]TIME[,\t]0[,\t]\d+[,\t]2[,\t]0[,\t])"(?:[^"]|"")*"/g, "$1work");
          const files = (folder: string) =>
            Object.fromEntries(
              Object.entries(filesIn(folder)).map(([name, text]) => [name, normal(text, folder)]),
            );
          expect(files(ours)).toEqual(files(theirs));
          expect(normal(shown.stdout, ours)).toBe(normal(run.stdout, theirs));
          const rows = readFileSync(log, "utf8").split("\n").slice(1, -1);
          expect(shown.received).toEqual(rows.map((row) => Number(row.split("\t")[5])));
        });
      });
    });
  });
});

test("results of an earlier run are found by the file of standard output", async () => {
  await inFolder(async (folder) => {
    const line: Line = { path: "%/r", jobs: [[["a"]]] };
    await save(folder, line);
    const results = openResults({
      path: `${folder}/r`,
      format: "folder",
      render: () => `${folder}/r`,
      headers: [],
      printer: new Printer({ mode: "group", keepOrder: false, stdout: nowhere, stderr: nowhere }),
      mode: "group",
      stdout: nowhere,
      stderr: nowhere,
      append: false,
    });
    const job = { seq: 1, slot: 1 };
    expect(results.has({ ...job, rows: [["a"]] })).toBe(true);
    expect(results.has({ ...job, rows: [["b"]] })).toBe(false);
    expect(existsSync(`${folder}/r/1/b`)).toBe(false);
  });
});

const nowhere: Sink = { write: () => undefined };

test("a run that goes on adds rows to a table, without a second head", async () => {
  await inFolder(async (folder) => {
    const line: Line = { path: "%/r.csv", jobs: [[["a"]]] };
    await save(folder, line);
    await save(folder, { ...line, append: true });
    const rows = readFileSync(`${folder}/r.csv`, "utf8").match(/^(Seq|1,:)/gm);
    expect(rows).toEqual(["Seq", "1,:", "1,:"]);
  });
});

test("a job that begins again leaves nothing of the attempt before", async () => {
  await inFolder(async (folder) => {
    const printer = new Printer({
      mode: "group",
      keepOrder: false,
      stdout: nowhere,
      stderr: nowhere,
    });
    const results = openResults({
      path: `${folder}/r`,
      format: "folder",
      render: () => `${folder}/r`,
      headers: [],
      printer,
      mode: "group",
      stdout: nowhere,
      stderr: nowhere,
      append: false,
    });
    const output = results.begin({ seq: 1, slot: 1, rows: [["a"]], command: "" });
    void output.write("stdout", Buffer.from("a long first attempt\n"));
    output.startAgain();
    void output.write("stdout", Buffer.from("second\n"));
    await output.end();
    expect(readFileSync(`${folder}/r/1/a/stdout`, "utf8")).toBe("second\n");
    expect(output.receivedBytes).toBe(7);
  });
});

test.each(["/proc/nowhere/r", "/proc/nowhere.csv"])(
  "a path that cannot be written is an error: %s",
  async (given) => {
    const saved = inFolder((folder) => save(folder, { path: given, jobs: [[["a"]]] }));
    await expect(saved).rejects.toThrow(/cannot be (saved|written): ENOENT/);
  },
);
