// Commands that run on the workers of a cluster, each as a task `thence.exec`.

import { constants } from "node:os";
import type { Client } from "../../../client/client.ts";
import type { OutputSource } from "../../../client/outputs.ts";
import { TaskCancelledError, TaskTimeoutError } from "../../../src/errors/errors.ts";
import { messageOf } from "../../exit-code.ts";
import type { ExecOptions, ExecOutput, ExecResult } from "../../../worker/exec.ts";
import type { Command, MakeCommand } from "./commands.ts";
import type { JobOutput } from "../output/printer.ts";
import { shellQuote } from "../template/quote.ts";
import { exitCodeOfKilled } from "../jobs/work.ts";
import type { Attempt, AttemptEvents, Ending, Prepare } from "../jobs/work.ts";

/** How much output waits for the end of a command that is not printed before; what is more streams. */
const keptBytes = 64 * 1024;
/** The status of a shell whose command cannot be started. */
const cannotStart = 127;

export type ClusterCommandOptions = {
  shell: string;
  /** Output is passed on as it comes. */
  streams: boolean;
  /** A fixed limit on the time of a command, which starts when the worker starts it. */
  timeoutMs: number | undefined;
};

export class CommandsOnCluster {
  readonly #make: MakeCommand;
  readonly #client: Client;
  readonly #options: ClusterCommandOptions;

  constructor(make: MakeCommand, client: Client, options: ClusterCommandOptions) {
    this.#make = make;
    this.#client = client;
    this.#options = options;
  }

  readonly prepare: Prepare = (job, slot) => {
    const command = this.#make(job, slot);
    return { ...command, start: (output, events) => this.#start(command, output, events) };
  };

  #start(command: Command, output: JobOutput, { ended, broken }: AttemptEvents): Attempt {
    const { shell, streams, timeoutMs } = this.#options;
    const { env, input } = command;
    const startedAt = Date.now();
    let begun = 1;
    const listener = (value: unknown, { start }: OutputSource) => {
      // The worker was lost, and another one has begun anew.
      if (start > begun) {
        begun = start;
        output.startAgain();
      }
      const { stream, bytes } = value as ExecOutput;
      return output.write(stream, bytes);
    };
    const options: ExecOptions = {
      shell,
      env,
      keepBytes: streams ? 0 : keptBytes,
      ...(input !== undefined && { stdin: input }),
    };
    const future = this.#client
      .with({ output: listener, ...(timeoutMs !== undefined && { timeoutMs }) })
      .submit("thence.exec", lineInPlace(command), options);
    const ending = (given: Partial<Ending>): Ending => ({
      exitCode: exitCodeOfKilled,
      signal: 0,
      startedAt,
      ranMs: Date.now() - startedAt,
      host: "-",
      sentBytes: input?.length ?? 0,
      ...given,
    });
    const succeed = async (value: unknown) => {
      const { exitCode, signal, timedOut, stdout, stderr, ...result } = value as ExecResult;
      if (stdout.length > 0) await output.write("stdout", stdout);
      if (stderr.length > 0) await output.write("stderr", stderr);
      const number = signal === undefined ? 0 : constants.signals[signal as NodeJS.Signals];
      return ending({
        exitCode: number === 0 ? exitCode : timedOut ? exitCodeOfKilled : 0,
        signal: number,
        startedAt: result.startedAt,
        ranMs: result.ranMs,
        host: result.host,
      });
    };
    const fail = async (error: unknown) => {
      if (future.status === "lost") throw error;
      if (error instanceof TaskCancelledError || error instanceof TaskTimeoutError) {
        return ending({ signal: constants.signals.SIGTERM });
      }
      await output.write("stderr", Buffer.from(`thence: ${messageOf(error)}\n`));
      return ending({ exitCode: cannotStart });
    };
    future
      .result()
      .then(succeed, fail)
      .then(ended, broken)
      .finally(() => future.release());
    return { kill: () => future.cancel("ended by thence map") };
  }
}

/** The line of a command with what has to be done on the worker's machine before and after it. */
function lineInPlace({ line, directory }: Command): string {
  const placed = directory === undefined ? line : lineIn(directory, line);
  return /PARALLEL_SSH(?:HOST|LOGIN)/.test(line) ? `${setHost}\n${placed}` : placed;
}

function lineIn(directory: NonNullable<Command["directory"]>, line: string): string {
  if ("path" in directory) {
    const path = shellQuote(directory.path);
    return `mkdir -p ${path} && cd ${path} || exit ${cannotStart}\n${line}`;
  }
  return [
    `map_wd="\${TMPDIR:-/tmp}"/${shellQuote(directory.temporary)}`,
    `mkdir -m 700 "$map_wd" && cd "$map_wd" || exit ${cannotStart}`,
    `trap 'cd / && rm -rf "$map_wd"' EXIT; trap 'exit 143' TERM`,
    `(${line}`,
    ")",
  ].join("\n");
}

/** It costs a process, and few commands ask. */
const setHost =
  "PARALLEL_SSHHOST=$(uname -n) PARALLEL_SSHLOGIN=$(uname -n); export PARALLEL_SSHHOST PARALLEL_SSHLOGIN";
