// Detects the end of a process on this machine. A dropped link does not tell why; for a worker on the
// scheduler's machine this does, so the loss is known before the grace period is over.

import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { clearInterval, setInterval } from "../src/timers.ts";

/** The interval of the checks, in milliseconds. */
const lookEveryMs = 50;

/** Whether a peer is a process on this machine that this process can see. */
export function isLocalProcess({ host, pid }: { host: string; pid: number }): boolean {
  return host === hostname() && pid > 0 && isAlive(pid);
}

/** Calls `ended` once when the process has ended. The returned function stops the checks. */
export function watchProcess(pid: number, ended: () => void): () => void {
  const timer = setInterval(() => {
    if (isAlive(pid)) return;
    clearInterval(timer);
    ended();
  }, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: the process is alive and belongs to another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return !isZombie(pid);
}

/** Whether a process has ended but its parent has not collected it: it still accepts signals. */
function isZombie(pid: number): boolean {
  if (process.platform !== "linux") return false;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return false;
  }
}
