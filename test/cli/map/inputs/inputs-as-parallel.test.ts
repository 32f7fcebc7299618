// The inputs of `thence map` beside those of GNU Parallel, where as-parallel.test.ts leaves them out:
// the same line, and the same values in the same jobs. Both print the values of a job as <a><b>; the
// length of a command is that of `echo a b`.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { batches } from "../../../../cli/map/inputs/batches.ts";
import { parseMapCommand } from "../../../../cli/map/command-line/command-line.ts";
import type { Row } from "../../../../cli/map/jobs/job.ts";
import { slotsOn } from "../../../../cli/map/command-line/option-values.ts";
import { openInputs } from "../../../../cli/map/inputs/sources.ts";
import { hasParallel } from "../parallel.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "thence-inputs-"));
  writeFileSync(path.join(folder, "abc"), "a\nb\nc\n");
  writeFileSync(path.join(folder, "12"), "1\n2\n");
  writeFileSync(path.join(folder, "empty"), "");
  writeFileSync(path.join(folder, "table"), "n\tm\n1\tx\n2\ty\n");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Arguments, and the text of standard input. */
type Line = [args: string[], stdin?: string];

const lines: Line[] = [
  // Sources
  [[":::", "a", "b", "c", ":::+", "1", "2"]],
  [[":::", "a", ":::+", "1", "2", "3"]],
  [[":::", "a", "b", ":::+", "1", "2", ":::", "x", "y"]],
  [[":::", "x", "y", ":::", "a", "b", ":::+", "1", "2"]],
  [[":::", "x", "y", ":::", "a", "b", ":::+", "1", "2", "3", ":::+", "p", "q"]],
  [["--link", ":::", "1", "2", ":::", "a", "b", "c", "d", "e", ":::", "x"]],
  [[":::", "a", "b", ":::"]],
  [["::::", "abc", ":::", "x", "y"]],
  [["::::", "empty"]],
  [["::::", "empty", "abc"]],
  [["-aabc", ":::", "x", "y"]],
  [["--link", "::::", "-", "-"], "1\n2\n3\n4\n"],
  [["::::", "-", "-"], "1\n2\n3\n4\n"],
  [[], "a\n\n  \nb"],
  [[], "\n"],
  // Records
  [["-r", ":::", "a", "", "b", ":::", "x"]],
  [["--null"], "a\0\0c"],
  [["-d,"], "a,b,c\n"],
  [["-d", "\\001"], "a\u0001b"],
  [["-d", "\\1"], "a\u0001b"],
  [["-d", "XX"], "aXXXbXXc"],
  [["-d", "\\n\\n"], "a\nb\n\n\nc\n"],
  [["-d", ",", ":::", "a,b", "c"]],
  [[":::", "a\nb", "c"]],
  [["-E", "b", ":::", "a", "b", "c", ":::", "x"]],
  [["-E", "a", ":::", "a", "b", ":::", "x"]],
  [["-E", ""], "a\n\nb\n"],
  [["-l2"], "a \nb\nc\nd\n"],
  [["-rL2"], "a\n\nb \n\nc\n"],
  [["--trim", "lr", ":::", " a ", "\u00a0b\u00a0"]],
  // Columns
  [["--colsep", ","], " a , b \n\nc\n"],
  [["--colsep", "[,;]+"], "a,b;;c\n"],
  [["-C", "\\s+"], "a b\tc\n"],
  [["--colsep", "(,)|;"], "a,b;c\n"],
  [["--colsep", "-", ":::", "a-b", "c-d-e", "f", ":::", "x-y"]],
  [["--header", ":", "::::", "table"]],
  [["--header", ":", ":::", "n", "1", "2", ":::", "m", "3", "4"]],
  [["--header", ":", "--colsep", ";"], "n;m\na;b\n"],
  // Jobs
  [["-N", "1k", ":::", "a", "b", "c"]],
  [["-j3", "-X", "-N4", ":::", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]],
  [["-j0", "-X", ":::", "1", "2", "3", "4", "5"]],
  [["-P4", "-m", ":::", "a", "b", ":::", "1", "2", "3"]],
  [["-j2", "-X", "-L2"], "1\n2 \n3\n4\n5\n6\n7\n"],
];

describe.skipIf(!hasParallel)("the same jobs as GNU Parallel", () => {
  test.each(lines)("%j", { concurrent: true }, async (args, stdin = "") => {
    const at = args.findIndex((arg) => /^(:::|::::|,,|\/\/)\+?$/.test(arg));
    const options = at < 0 ? args : args.slice(0, at);
    const sources = at < 0 ? [] : args.slice(at);
    const command = "printf '<%s>' {} ; printf '|'";
    const theirs = await parallel(["-k", ...options, command, ...sources], stdin);
    const jobs = await ourJobs([...options, "echo", ...sources], stdin);
    const ours = jobs.map(
      (rows) =>
        rows
          .flat()
          .map((value) => `<${value}>`)
          .join("") || "<>",
    );
    expect(ours).toEqual(theirs.split("|").slice(0, -1));
  });

  test.each<Line>([
    [["-s", "20", "-j2", "-X", ":::", ...numbers(1, 14)]],
    [["-s", "20", "-j2", "-m", ":::", ...numbers(1, 40)]],
    [["-s", "30", "--xargs", ":::", ...numbers(1, 40)]],
    [["-s30", "-N3", ":::", ...numbers(95, 110)]],
    [["-s", "1k", "-j3", "-X"], numbers(1, 2_000).join("\n")],
    [["-j3", "-X"], numbers(1, 40_000).join("\n")],
  ])("the same lengths of commands: %j", { concurrent: true }, async (args, stdin = "") => {
    const at = args.indexOf(":::");
    const options = at < 0 ? args : args.slice(0, at);
    const sources = at < 0 ? [] : args.slice(at);
    const theirs = await parallel(["-k", "--dry-run", ...options, "echo", ...sources], stdin);
    const jobs = await ourJobs([...options, "echo", ...sources], stdin);
    expect(jobs.map((rows) => `echo ${rows.flat().join(" ")}\n`).join("")).toBe(theirs);
  });
});

function numbers(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => String(first + i));
}

async function ourJobs(args: readonly string[], stdin: string): Promise<(readonly Row[])[]> {
  const { options, sources } = parseMapCommand(args);
  const here = sources.map((source) =>
    "path" in source && source.path !== "-"
      ? { ...source, path: path.join(folder, source.path) }
      : source,
  );
  const { rows, close } = await openInputs(here, options.inputs, bytesOf(stdin));
  const { spread, ...rules } = options.batches;
  const spreadOver = spread ? slotsOn(2, options.slots) : undefined;
  const lengthOf = (batch: readonly Row[]) => "echo ".length + batch.flat().join(" ").length;
  const jobs: (readonly Row[])[] = [];
  for await (const batch of batches(rows, { ...rules, spreadOver }, { lengthOf })) jobs.push(batch);
  await close();
  return jobs;
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
}

function parallel(args: readonly string[], stdin: string): Promise<string> {
  const env = { ...process.env, HOME: folder, PARALLEL_SHELL: "/bin/sh", LC_ALL: "C" };
  return new Promise((resolve, reject) => {
    const child = execFile("parallel", args, { cwd: folder, env }, (error, stdout) => {
      if (error) reject(new Error(error.message));
      else resolve(stdout);
    });
    child.stdin!.end(stdin);
  });
}
