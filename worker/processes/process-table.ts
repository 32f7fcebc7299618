// The processes of this machine, as Linux lists them in /proc. Elsewhere the table is empty.

import { readdirSync, readFileSync } from "node:fs";
import { markVariable } from "../boundary/process-registry.ts";

export type ProcessEntry = {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  /** With the id, names the process for ever: ids are used again. */
  readonly startedAt: string;
};

export type ProcessTable = ReadonlyMap<number, ProcessEntry>;

/** The processes that have not ended; those that nobody has asked how they ended are left out. */
export function processTable(): ProcessTable {
  const entries = directories().flatMap((name) => entryOf(Number(name)) ?? []);
  return new Map(entries.map((entry) => [entry.pid, entry]));
}

/** Undefined when the process has ended, and where there is no /proc. */
export function entryOf(pid: number): ProcessEntry | undefined {
  const stat = textOf(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name of the program stands in brackets, and may hold any characters.
  const [state, parent, , session, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === "Z" || state === "X") return undefined;
  return { pid, parent: Number(parent), session: Number(session), startedAt: rest[15] ?? "" };
}

/** The mark of a process of this user; undefined when it has none. */
export function markOf(pid: number): string | undefined {
  const environment = `\0${textOf(`/proc/${pid}/environ`) ?? ""}`;
  const start = environment.indexOf(`\0${markVariable}=`);
  if (start === -1) return undefined;
  return environment.slice(start + markVariable.length + 2).split("\0", 1)[0];
}

function directories(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return undefined;
  }
}
