// Whether a process of this machine still lives. A link that drops says nothing of why; for a worker
// beside the scheduler the answer is at hand, and nobody has to wait for its grace period.

import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/** How often a process whose link dropped is looked at, in milliseconds. */
const lookEveryMs = 50;

/** Whether the pid that a peer told can be trusted to be a process that is seen from here. */
export function isLocalProcess({ host, pid }: { host: string; pid: number }): boolean {
  return host === hostname() && pid > 0 && isAlive(pid);
}

/** Calls `ended` once when the process is gone; not after the returned function was called. */
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
    // EPERM: it lives, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return !isZombie(pid);
}

/** Ended, but its parent has not asked how: it answers signals and does nothing any more. */
function isZombie(pid: number): boolean {
  if (process.platform !== "linux") return false;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return false;
  }
}
