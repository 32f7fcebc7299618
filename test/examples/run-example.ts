// Runs an example as a user would: a process of its own, on the Node that runs the tests.

import { execFile } from "node:child_process";
import path from "node:path";

export const examples = path.join(import.meta.dirname, "..", "..", "examples");

export type Run = { code: number | null; stdout: string; stderr: string };

/** Runs `examples/<file>` to its end, whatever its exit code. */
export function runExample(file: string, ...args: readonly string[]): Promise<Run> {
  const { THENCE_ADDRESS: _address, THENCE_SCHEDULER_FILE: _file, ...env } = process.env;
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [path.join(examples, file), ...args],
      { env, timeout: 100_000, maxBuffer: 16 * 1024 * 1024 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}
