// The rows of a job log, in the format of GNU Parallel.

import type { Outcome } from "../jobs/outcome.ts";

/** The head of the table, which is the first line of a log. */
export const joblogHead =
  "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

export function joblogRow(seq: number, outcome: Outcome, command: string): string {
  const { host, sentBytes, receivedBytes, exitCode, signal } = outcome;
  const times = `${startOf(outcome)}\t${durationOf(outcome).padStart(10)}`;
  // A row is one line, and no command contains NUL.
  const line = command.includes("\n") ? command.replaceAll("\n", "\0") : command;
  return `${seq}\t${host}\t${times}\t${sentBytes}\t${receivedBytes}\t${exitCode}\t${signal}\t${line}\n`;
}

/** The start in seconds since 1970. */
export function startOf({ startedAt }: Outcome): string {
  return (startedAt / 1000).toFixed(3);
}

/** The duration in seconds, cut after the milliseconds. */
export function durationOf({ ranMs }: Outcome): string {
  return (Math.floor(ranMs) / 1000).toFixed(3);
}

/** What a log tells of a job. */
export type LoggedJob = {
  readonly seq: number;
  readonly failed: boolean;
  readonly command: string;
};

const row = /^(\d+)\t[^\t]*\t\d+\.\d+\t *-?\d+\.\d+\t-?\d+\t-?\d+\t(-?\d+)\t(\d+)\t([^]*)$/;

/** Reads a row without its newline; undefined when it is none. */
export function parseJoblogRow(line: string): LoggedJob | undefined {
  const [, seq, exitCode, signal, command] = row.exec(line) ?? [];
  if (seq === undefined) return undefined;
  const failed = exitCode !== "0" || signal !== "0";
  return { seq: Number(seq), failed, command: command!.replaceAll("\0", "\n") };
}

export function isJoblogHead(line: string): boolean {
  return line.startsWith("Seq\tHost\t");
}
