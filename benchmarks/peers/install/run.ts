// Runs a command to its end, for what it prints.

import { spawn } from "node:child_process";

export type Ran = { ok: boolean; output: string };

export type RunOptions = {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Ends the command. */
  signal: AbortSignal;
};

/** `output` is standard output and standard error together; a command that is not there is not ok. */
export async function run(
  command: string,
  commandArguments: readonly string[],
  options: RunOptions,
): Promise<Ran> {
  const child = spawn(command, commandArguments, {
    ...options,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  return await new Promise((resolve, reject) => {
    child.once("error", (error) => {
      if (options.signal.aborted) reject(error);
      else resolve({ ok: false, output: error.message });
    });
    child.once("close", (code) => {
      resolve({ ok: code === 0, output });
    });
  });
}

/** The line that says why, out of all that a package client prints: its last error. */
export function reasonOf(output: string): string {
  const lines = output.split("\n").map((line) => line.trim());
  const told = lines.filter((line) => line !== "");
  const errors = told.filter((line) => /^(error|E:|npm error)/i.test(line));
  return (errors.at(-1) ?? told.at(-1) ?? "it said nothing").slice(0, 160);
}
