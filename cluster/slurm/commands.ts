// Runs the commands of Slurm, within bounds of time and output. What Slurm refuses becomes an error with
// its own words.

import { execFile } from "node:child_process";
import { describeDuration } from "../../src/duration.ts";
import { BatchSystemError } from "../batch-system.ts";

export type SlurmCommand = "sbatch" | "squeue" | "scancel" | "scontrol";

export type CommandOptions = {
  /** Standard input. Default: none. */
  readonly input?: string;
  /** Default: `process.env`. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Milliseconds after which the command is killed. Default: 30,000. A busy controller is slow. */
  readonly timeoutMs?: number;
};

const mostOutputBytes = 16 * 2 ** 20;
/** Of what a command says when it fails, for an error. */
const mostWords = 2_000;

/**
 * Runs a command and returns its standard output.
 *
 * @throws {BatchSystemError} with what the command wrote to standard error
 * @example await runSlurm("squeue", ["--noheader", "--jobs=12", "--format=%T"]); // "RUNNING\n"
 */
export async function runSlurm(
  command: SlurmCommand,
  args: readonly string[],
  { input, environment = process.env, timeoutMs = 30_000 }: CommandOptions = {},
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = execFile(
    command,
    args,
    {
      // Slurm's words in English, for those who look an error up.
      env: { ...environment, LC_ALL: "C" },
      timeout: timeoutMs,
      killSignal: "SIGKILL",
      maxBuffer: mostOutputBytes,
    },
    (error, stdout, stderr) => {
      if (error) reject(failureOf(command, { error, stderr, timeoutMs }));
      else resolve(stdout);
    },
  );
  // A command that ends without reading its input closes the pipe.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input ?? "");
  return promise;
}

/** Asks Slurm, and returns what the command wrote. Rejects when it fails or takes too long. */
export type AskSlurm = (command: SlurmCommand, args: readonly string[]) => Promise<string>;

/** For what can be done without: a controller that is busy is not waited for. */
const askTimeoutMs = 5_000;

export const askSlurm: AskSlurm = (command, args) =>
  runSlurm(command, args, { timeoutMs: askTimeoutMs });

type Failed = {
  error: Error & { code?: number | string | null; killed?: boolean };
  stderr: string;
  timeoutMs: number;
};

function failureOf(command: SlurmCommand, { error, stderr, timeoutMs }: Failed): BatchSystemError {
  const { code, killed } = error;
  if (code === "ENOENT") {
    return new BatchSystemError(
      `run this where Slurm's commands are, on a login node: there is no ${command} on the PATH`,
      { cause: error },
    );
  }
  const words = stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join("; ")
    .slice(0, mostWords);
  if (killed && code !== "ERR_CHILD_PROCESS_STDIO_MAXBUFFER") {
    const said = words && `: ${words}`;
    const message = `${command} did not answer within ${describeDuration(timeoutMs)}${said}`;
    return new BatchSystemError(message, { cause: error, retriable: true });
  }
  return new BatchSystemError(words || `${command}: ${error.message}`, { cause: error });
}
