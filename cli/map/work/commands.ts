// Commands: how the words of the command line and the values of a job become what a shell runs.

import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { resolve } from "node:path";
import type { Job } from "../jobs/job.ts";
import type { MapOptions } from "../command-line/map-options.ts";
import { shellQuote } from "../template/quote.ts";
import { compileTemplate, type Template, type TemplateSettings } from "../template/template.ts";
import { exitCodeOfSkipped } from "../jobs/work.ts";
import type { Attempt, AttemptEvents, Prepare, PreparedJob, WaitingJob } from "../jobs/work.ts";
import type { JobOutput } from "../output/printer.ts";

/** A job that is a command, without the way to run it. */
export type Command = Omit<PreparedJob, "start"> & {
  /** The whole text that the shell runs. */
  readonly line: string;
  /** Where it runs; it is made when it does not exist. A temporary one has a name only, and is removed. */
  readonly directory: { readonly path: string } | { readonly temporary: string } | undefined;
  /** Variables beside those of the process that starts it. */
  readonly env: Readonly<Record<string, string>>;
  /** Its standard input; default: none. */
  readonly input: Uint8Array | undefined;
};

export type MakeCommand = (job: WaitingJob, slot: number) => Command;

/** Makes the function that makes commands. */
export function commandMaker(
  template: Template,
  settings: TemplateSettings,
  { workingDirectory, env: names, pipe, template: { shellQuote: quotings } }: MapOptions,
): MakeCommand {
  const pid = String(process.pid);
  const directoryOf = directories(workingDirectory, settings);
  const handed: Record<string, string> = {};
  for (const name of names) {
    const value = process.env[name];
    if (value !== undefined) handed[name] = value;
  }
  return ({ seq, rows, input, command: logged, skipped: isSkipped }, slot) => {
    const job = { seq, rows, slot };
    const { text, skipped } =
      logged === undefined ? template.render(job) : { text: logged, skipped: false };
    let command = text;
    for (let i = 0; i < quotings; i++) command = shellQuote(command);
    return {
      ...job,
      command,
      line: pipe?.cat ? withInputFile(command) : command,
      skipped: skipped || isSkipped === true,
      directory: directoryOf?.(job),
      env: {
        ...handed,
        PARALLEL_SEQ: String(seq),
        PARALLEL_JOBSLOT: String(slot),
        PARALLEL_JOBSLOT0: String(slot - 1),
        PARALLEL_PID: pid,
      },
      input,
    };
  };
}

/** Where each job runs: a folder of the command line, or with `...` a temporary one of its own. */
function directories(
  given: string | undefined,
  settings: TemplateSettings,
): ((job: Job) => Command["directory"]) | undefined {
  if (given === undefined) return undefined;
  if (given === "...") {
    // Others may write where it is made, so nobody can foresee the name.
    const prefix = `thence-${hostname()}-${randomUUID()}`;
    return ({ seq }) => ({ temporary: `${prefix}-${seq}` });
  }
  const template = compileTemplate([given], { ...settings, appendValues: false });
  return (job) => ({ path: resolve(template.renderPlain(job)) });
}

/** The variable of the shell that `{}` stands for with `--cat`, as in GNU Parallel. */
export const inputFile = "$PARALLEL_TMP";

/** A line that runs the command with its standard input in a file, which is removed in the end. */
function withInputFile(command: string): string {
  return [
    'PARALLEL_TMP=$(mktemp "${TMPDIR:-/tmp}/thence-XXXXXX") || exit 255',
    "export PARALLEL_TMP",
    `trap 'rm -f "$PARALLEL_TMP"' EXIT; trap 'exit 143' TERM`,
    'cat > "$PARALLEL_TMP"',
    `(${command}`,
    ")",
  ].join("\n");
}

/** Prints jobs in place of running them, for `--dry-run` and `--shellquote`. */
export function onlyPrinted(
  make: (job: WaitingJob, slot: number) => Omit<PreparedJob, "start">,
): Prepare {
  return (waiting, slot) => {
    const job = make(waiting, slot);
    const { command, skipped } = job;
    const exitCode = skipped ? exitCodeOfSkipped : 0;
    // As a getter of a class, `command` would not be copied.
    return {
      ...job,
      command,
      // Skipped jobs are printed, too.
      skipped: false,
      start: (output, events) => print(command, exitCode, output, events),
    };
  };
}

function print(
  command: string,
  exitCode: number,
  output: JobOutput,
  { ended, broken }: AttemptEvents,
): Attempt {
  const ending = {
    exitCode,
    signal: 0,
    startedAt: Date.now(),
    ranMs: 0,
    host: ":",
    sentBytes: 0,
  };
  Promise.resolve(output.write("stdout", Buffer.from(`${command}\n`))).then(
    () => ended(ending),
    broken,
  );
  return { kill: () => undefined };
}
