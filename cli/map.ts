// `thence map`: GNU Parallel's grammar over commands or functions.

import { messageOf } from "./exit-code.ts";
import { statusOfFailedRun } from "./map/jobs/exit-status.ts";
import { optionsHelp, parseMapCommand } from "./map/command-line/command-line.ts";
import { runMap } from "./map/run.ts";
import { version } from "../src/version.ts";

/** Runs `thence map` with the arguments after `map`, and ends this process with its exit status. */
export async function map(args: readonly string[]): Promise<void> {
  // What nothing has caught, and a wait for what never comes, end the run too. What runs is killed at `exit`.
  const endWith = (error: unknown): void => {
    if (isClosedPipe(error)) process.exit(statusOfSigpipe);
    writeError(error);
    process.exit(statusOfFailedRun);
  };
  process.on("uncaughtException", endWith);
  process.once("beforeExit", () => endWith(new Error("the run came to no end: please report it")));
  let status: number;
  try {
    status = await run(args);
  } catch (error) {
    if (isClosedPipe(error)) process.exit(statusOfSigpipe);
    writeError(error);
    status = statusOfFailedRun;
  }
  // Standard input may still be open, and nobody reads it any more.
  process.stdout.write("", () => process.exit(status));
}

/** What a shell says of a program that nobody reads any more, as with `| head -1`. */
const statusOfSigpipe = 141;

function isClosedPipe(error: unknown): boolean {
  const { code, syscall } = error as Partial<NodeJS.ErrnoException>;
  return code === "EPIPE" && syscall === "write";
}

function writeError(error: unknown): void {
  process.stderr.write(`thence: ${messageOf(error)}\n`);
}

async function run(args: readonly string[]): Promise<number> {
  const command = parseMapCommand(args);
  const { help, version: wantsVersion } = command.options;
  if (help || wantsVersion) {
    process.stdout.write(help ? helpText() : `thence ${version}\n`);
    return 0;
  }
  return runMap(command);
}

function helpText(): string {
  const options = optionsHelp();
  const width = Math.max(...options.map(({ flags }) => flags.length));
  const lines = options.map(({ flags, help }) => `  ${flags.padEnd(width)}  ${help}`);
  return `${[
    "Usage: thence map [options] command [arguments] (::: values | :::: files)…",
    "       thence map [options] --module <module> function [arguments] (::: values | :::: files)…",
    "",
    "Run a command, or call a function, once for each input: in the grammar of GNU Parallel, on this",
    "machine or a cluster.",
    "",
    "Options:",
    ...lines,
    "",
    "Examples:",
    "  thence map gzip ::: *.log",
    "  thence map --link --module ./tasks.ts add ::: 1 2 3 ::: 10 11 12",
  ].join("\n")}\n`;
}
