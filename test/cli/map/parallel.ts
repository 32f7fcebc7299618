// Runs lines through GNU Parallel, to compare what it does with what the code does.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** GNU Parallel may be missing; tests that need it are skipped then. */
export const hasParallel =
  spawnSync("parallel", ["--version"], { encoding: "utf8" }).stdout?.includes("GNU parallel") ??
  false;

export type Run = { stdout: string; stderr: string; status: number | null };

/** Runs `parallel` with these arguments; its bytes are given as characters of Latin-1. */
export function parallel(
  args: readonly string[],
  { input = "", cwd }: { input?: string | Uint8Array; cwd?: string } = {},
): Run {
  const { stdout, stderr, status } = spawnSync("parallel", ["--will-cite", ...args], {
    input,
    encoding: "latin1",
    maxBuffer: 2 ** 28,
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
