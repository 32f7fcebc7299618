// GNU Parallel as the reference: runs the installed program, for tests that compare with it.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** Tests that need the program are skipped without it, but not where everything must be tested. */
export const hasParallel = isThere("parallel", ["--version"], "parallel");

/** Its `--csv` needs a module of Perl. */
export const readsCsv = hasParallel && isThere("perl", ["-MText::CSV", "-e1"], "libtext-csv-perl");

function isThere(program: string, args: string[], debianPackage: string): boolean {
  if (spawnSync(program, args).status === 0) return true;
  const why = `not installed: apt-get install ${debianPackage}`;
  if (process.env["THENCE_TEST_PARALLEL"] === "required") throw new Error(why);
  console.warn(`Tests that compare with GNU Parallel are skipped: ${why}`);
  return false;
}

export type Run = { stdout: string; stderr: string; status: number | null };

/** Runs `parallel` with these arguments; its bytes are given as characters of Latin-1. */
export function parallel(
  args: readonly string[],
  {
    input = "",
    cwd,
    encoding = "latin1",
  }: { input?: string | Uint8Array; cwd?: string; encoding?: BufferEncoding } = {},
): Run {
  const { PATH, HOME } = process.env;
  const { stdout, stderr, status } = spawnSync("parallel", ["--will-cite", ...args], {
    input,
    encoding,
    maxBuffer: 2 ** 28,
    env: { PATH, HOME, SHELL: "/bin/sh", LC_ALL: "C" },
    ...(cwd !== undefined && { cwd }),
  });
  return { stdout, stderr, status };
}

/** Runs with a folder of its own, which is removed afterwards. */
export async function inFolder<T>(run: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), "thence-map-"));
  try {
    return await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The rows of a job log, with start and duration replaced by `T`. */
export function joblogRows(file: string): string[] {
  return readFileSync(file, "latin1")
    .split("\n")
    .map((row) => row.replace(/^(\d+\t[^\t]*)\t\d+\.\d{3}\t *\d+\.\d{3}\t/, "$1\tT\tT\t"));
}
