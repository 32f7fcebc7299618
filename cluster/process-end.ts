// How a child process ended, for its supervisor, the scheduler and people.

import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { killedBy } from "../src/killed-by.ts";

export type ProcessEnd = {
  /** The exit code, as a shell has it: after a signal 128 and its number. */
  readonly code: number;
  readonly signal: NodeJS.Signals | null;
  /** In words. */
  readonly how: string;
};

/** Resolves when the process has ended. Call it at its start: kills for lack of memory count from here. */
export async function processEnd(child: ChildProcess): Promise<ProcessEnd> {
  const killsBefore = outOfMemoryKills();
  const { promise, resolve } = Promise.withResolvers<ProcessEnd>();
  child.once("error", ({ message }) => resolve({ code: 1, signal: null, how: message }));
  child.once("exit", (code, signal) => {
    if (signal === null) {
      return resolve({ code: code ?? 1, signal, how: `exited with code ${code}` });
    }
    const wasMemory = signal === "SIGKILL" && outOfMemoryKills() > killsBefore;
    const how = wasMemory ? `killed by ${signal}: out of memory` : killedBy(signal);
    resolve({ code: 128 + constants.signals[signal], signal, how });
  });
  return promise;
}

/** The number of processes of this control group that were killed for lack of memory; 0 when unknown. */
function outOfMemoryKills(): number {
  try {
    const [, group = ""] = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8")) ?? [];
    const events = readFileSync(`/sys/fs/cgroup${group}/memory.events`, "utf8");
    return Number(/^oom_kill (\d+)$/m.exec(events)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
