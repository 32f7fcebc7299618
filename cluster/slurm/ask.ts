// Asks Slurm something: runs one of its commands, within a short time.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

const timeoutMs = 5_000;

/** Asks Slurm, and returns what the command wrote. Rejects when it fails or takes too long. */
export type AskSlurm = (command: string, args: readonly string[]) => Promise<string>;

export const askSlurm: AskSlurm = async (command, args) => {
  const { stdout } = await promisify(execFile)(command, args, {
    timeout: timeoutMs,
    killSignal: "SIGKILL",
    env: { ...process.env, LC_ALL: "C" },
  });
  return stdout;
};
