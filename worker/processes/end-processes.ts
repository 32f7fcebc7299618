// Ends processes that tasks have started, with all that these have started: by SIGTERM, and after a grace
// by SIGKILL. A process in a session of its own was detached on purpose, and is left alone.

import { setTimeout as sleep } from "node:timers/promises";
import { groupMark } from "../boundary/process-registry.ts";
import {
  entryOf,
  markOf,
  processTable,
  type ProcessEntry,
  type ProcessTable,
} from "./process-table.ts";

/** The sessions of executors that are processes of their own: what is in these was not detached. */
export const executorSessions = new Set<number>();

export type LeftProcesses = {
  /** `worker`, `worker/thread` or `worker/thread/attempt`: see `markVariable`. */
  readonly marks: readonly string[];
  /** Known processes; a negative id is that of a whole session. */
  readonly ids?: readonly number[];
};

/** How long a process may take to end when it is asked to, in milliseconds. */
const graceMs = 1_000;
const lookEveryMs = 20;
/** A process that forks without end may start another one while the others are killed. */
const mostKills = 10;

/** Resolves when none of the processes is left. Never rejects. */
export async function endProcesses(left: LeftProcesses): Promise<void> {
  let found = find(left);
  if (found.length === 0) return;
  signal(found, "SIGTERM");
  const killAt = performance.now() + graceMs;
  while (found.some(isRunning) && performance.now() < killAt) await sleep(lookEveryMs);
  for (let kills = 0; kills < mostKills; kills += 1) {
    const others = find({ ...left, ids: [] });
    found = [...found.filter(isRunning), ...others];
    if (found.length === 0) return;
    signal(found, "SIGKILL");
    await sleep(lookEveryMs);
  }
}

type Found = Pick<ProcessEntry, "pid"> & { readonly startedAt: string | undefined };

function find({ marks, ids = [] }: LeftProcesses): Found[] {
  const table = processTable();
  if (table.size === 0) return ids.map((id) => ({ pid: Math.abs(id), startedAt: undefined }));
  const own = table.get(process.pid);
  const childrenOf = Map.groupBy(table.values(), ({ parent }) => parent);
  const found = new Set<ProcessEntry>();
  const queue = [...roots(table, ids), ...marked(table, marks, own)];
  for (let entry = queue.pop(); entry; entry = queue.pop()) {
    if (found.has(entry) || entry.pid === process.pid) continue;
    const { pid, session } = entry;
    found.add(entry);
    queue.push(...(childrenOf.get(pid) ?? []).filter((child) => child.session === session));
  }
  return [...found];
}

function roots(table: ProcessTable, ids: readonly number[]): ProcessEntry[] {
  return ids.flatMap((id) => {
    if (id > 0) return table.get(id) ?? [];
    return [...table.values()].filter(({ session }) => session === -id);
  });
}

/** Only what is younger than this process, and in its session or a group that is not let go of, can be meant. */
function marked(
  table: ProcessTable,
  marks: readonly string[],
  own: ProcessEntry | undefined,
): ProcessEntry[] {
  if (marks.length === 0 || own === undefined) return [];
  const wanted = new Set(marks);
  const since = Number(own.startedAt);
  return [...table.values()].filter(({ pid, session, startedAt }) => {
    // An executor leads its session; what its tasks start is below it.
    if (executorSessions.has(pid) || Number(startedAt) < since) return false;
    const mark = markOf(pid);
    if (mark === undefined) return false;
    const [worker = "", thread = "", , group] = mark.split("/");
    const isOurs = session === own.session || executorSessions.has(session);
    if (!isOurs && group !== groupMark) return false;
    return wanted.has(mark) || wanted.has(`${worker}/${thread}`) || wanted.has(worker);
  });
}

function isRunning({ pid, startedAt }: Found): boolean {
  if (startedAt !== undefined) return entryOf(pid)?.startedAt === startedAt;
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function signal(found: readonly Found[], name: NodeJS.Signals): void {
  for (const { pid } of found) {
    try {
      process.kill(pid, name);
    } catch {
      // It has ended meanwhile, or belongs to somebody else.
    }
  }
}
