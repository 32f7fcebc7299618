// The owner of a lock: which process it is, and whether that process is still there.

import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { Type, type Static } from "typebox";
import { Compile } from "typebox/compile";
import { parsed } from "./file-head.ts";

const schema = Type.Object({
  host: Type.String(),
  /** The start of the machine and the container in which `pid` counts. */
  space: Type.String(),
  pid: Type.Integer(),
  /** When the process started, in ticks of the machine: ids are used again. Empty where that is unknown. */
  start: Type.String(),
  nonce: Type.String(),
  /** ISO 8601. */
  startedAt: Type.String(),
});
export type Owner = Static<typeof schema>;
const compiled = Compile(schema);

export function thisProcess(): Owner {
  return {
    host: hostname(),
    space: spaceOfThisMachine(),
    pid: process.pid,
    start: startOf(process.pid) ?? "",
    nonce: randomUUID(),
    startedAt: new Date().toISOString(),
  };
}

/** Undefined when the text is none, or half of one. */
export function ownerIn(text: string): Owner | undefined {
  const content = parsed(text);
  return compiled.Check(content) ? content : undefined;
}

/** `unknown`: this process cannot see the owner, so only the lock itself can tell. */
export function stateOf(owner: Owner): "alive" | "dead" | "unknown" {
  if (owner.space !== spaceOfThisMachine()) return "unknown";
  if (!exists(owner.pid)) return "dead";
  const start = startOf(owner.pid);
  if (start === undefined) return "unknown";
  return start === owner.start ? "alive" : "dead";
}

export function nameOf({ host, pid, startedAt }: Owner): string {
  return `process ${pid} on ${host} since ${startedAt}`;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process belongs to another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** "ended" for one that has ended but was not collected; undefined where /proc does not show the process. */
function startOf(pid: number): string | undefined {
  const stat = textOf(`/proc/${pid}/stat`);
  // The name of the program stands in brackets, and may hold any characters.
  const [state, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === "Z" || state === "X" ? "ended" : rest[18];
}

function spaceOfThisMachine(): string {
  const boot = textOf("/proc/sys/kernel/random/boot_id").trim() || hostname();
  try {
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return boot;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
