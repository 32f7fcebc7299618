// Requests to end this process: signals, and the death of the process that started it.

import { readFileSync } from "node:fs";
import { stepTask } from "../cluster/slurm/step.ts";

/** A repeated signal within this time, in milliseconds, is the same request. */
const sameRequestMs = 1_000;
/** The interval, in milliseconds, of checks whether the parent process has changed. */
const lookEveryMs = 250;

/** Signals that Slurm and others send ahead of the end, as `sbatch --signal=USR1@300` says. */
const drainSignals = ["SIGUSR1", "SIGUSR2"] as const;

export type EndRequest = NodeJS.Signals | "disconnect";

/**
 * Calls `onRequest` once, at the first request to end. A later signal ends the process at once, unless
 * it is a repetition: a terminal signals a whole group of processes, and launchers in the group forward
 * the signal, so one Ctrl-C may arrive twice.
 *
 * @param onAgain called before a later signal ends the process
 */
export function onEndRequest(
  onRequest: (why: EndRequest) => void,
  onAgain?: (why: EndRequest) => void,
): void {
  let requestedAt: number | undefined;
  onEveryEndRequest((why) => {
    if (requestedAt === undefined) {
      requestedAt = performance.now();
      onRequest(why);
    } else if (why !== "disconnect" && performance.now() - requestedAt > sameRequestMs) {
      onAgain?.(why);
      process.exit(1);
    }
  });
}

/**
 * Calls `onRequest` at every request to end: a signal, or "disconnect" when the parent process is gone.
 * The channel to the parent, if there is one, closes then, because a killed launcher forwards no signal.
 * Under `nohup` SIGHUP is no request; cli/signals.js found that out.
 */
export function onEveryEndRequest(onRequest: (why: EndRequest) => void): void {
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGQUIT", "SIGXCPU"];
  if (process.env["THENCE_SIGHUP"] !== "ignored") signals.push("SIGHUP");
  for (const signal of signals) process.on(signal, onRequest);
  process.once("disconnect", () => onRequest("disconnect"));
  // npx forwards signals to a shell, which may die without forwarding them.
  if (process.env.npm_command === "exec") whenOrphaned(() => onRequest("disconnect"));
  // Slurm does not end everything that a batch script has left running. In a step, the leader of the group is
  // another task.
  if (process.env.SLURM_JOB_ID && stepTask(process.env) === undefined) {
    whenScriptEnds(() => onRequest("disconnect"));
  }
  // The listener for "disconnect" would otherwise keep a process alive that has done its work.
  process.channel?.unref();
}

/** Calls `onRequest` at every signal that asks a worker to drain. Only workers act on these signals. */
export function onEveryDrainRequest(onRequest: (signal: NodeJS.Signals) => void): void {
  for (const signal of drainSignals) process.on(signal, onRequest);
}

function whenOrphaned(orphaned: () => void): void {
  const parent = process.ppid;
  whenTrue(() => process.ppid !== parent, orphaned);
}

/**
 * Calls `ended` when the script is gone that started this process in its background. Such a script is the leader
 * of its process group, even when a script that it called started this process.
 */
function whenScriptEnds(ended: () => void): void {
  const leader = processGroup();
  // Without a leader from the start, this was not started by a script that runs.
  if (leader === undefined || leader === process.pid || !isThere(leader)) return;
  whenTrue(() => !isThere(leader), ended);
}

function processGroup(): number | undefined {
  try {
    const stat = readFileSync("/proc/self/stat", "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
  } catch {
    return undefined;
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function whenTrue(condition: () => boolean, act: () => void): void {
  const timer = setInterval(() => {
    if (!condition()) return;
    clearInterval(timer);
    act();
  }, lookEveryMs);
  timer.unref();
}
