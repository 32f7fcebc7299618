// Commands: how the words of the command line and the values of a job become what a shell runs.

import { resolve } from "node:path";
import type { MapOptions } from "./map-options.ts";
import { shellQuote } from "./quote.ts";
import { compileTemplate, type Template, type TemplateSettings } from "./template.ts";
import type { Attempt, AttemptEvents, Prepare, PreparedJob, WaitingJob } from "./work.ts";
import type { JobOutput } from "./printer.ts";

/** A job that is a command, without the way to run it. */
export type Command = Omit<PreparedJob, "start"> & {
  /** Where it runs; it is made when it does not exist. */
  readonly directory: string | undefined;
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
  { workingDirectory, env: names, template: { shellQuote: quotings } }: MapOptions,
): MakeCommand {
  const directory =
    workingDirectory === undefined
      ? undefined
      : compileTemplate([workingDirectory], { ...settings, appendValues: false });
  const pid = String(process.pid);
  const handed: Record<string, string> = {};
  for (const name of names) {
    const value = process.env[name];
    if (value !== undefined) handed[name] = value;
  }
  return ({ seq, rows, input, command: logged }, slot) => {
    const job = { seq, rows, slot };
    const { text, skipped } =
      logged === undefined ? template.render(job) : { text: logged, skipped: false };
    let command = text;
    for (let i = 0; i < quotings; i++) command = shellQuote(command);
    return {
      ...job,
      command,
      skipped,
      directory: directory && resolve(directory.renderPlain(job)),
      env: {
        ...handed,
        PARALLEL_SEQ: String(seq),
        PARALLEL_JOBSLOT: String(slot),
        PARALLEL_PID: pid,
      },
      input,
    };
  };
}

/** Prints jobs in place of running them, for `--dry-run` and `--shellquote`. */
export function onlyPrinted(
  make: (job: WaitingJob, slot: number) => Omit<PreparedJob, "start">,
): Prepare {
  return (waiting, slot) => {
    const job = make(waiting, slot);
    return { ...job, start: (output, events) => print(job.command, output, events) };
  };
}

function print(command: string, output: JobOutput, { ended, broken }: AttemptEvents): Attempt {
  const ending = {
    exitCode: 0,
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
