// A process and all that came of it, found so that they can be ended: those of its group or session, those
// started by one of these, and those that carry its mark in their environment. A peer's daemons may leave
// the group, rename themselves or outlive who started them, but hardly all at once.

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** Named in the environment of everything that a session starts. */
export const MARK = "THENCE_PEERS_SESSION";

const LOOK_AGAIN_MS = 20;
const TERM_WITHIN_MS = 3_000;
const KILL_WITHIN_MS = 10_000;

type Process = { pid: number; parent: number; group: number; session: number; started: string };

export class ProcessTree {
  readonly mark: string;
  readonly #roots = new Set<number>();
  /** With the time each started at, for the system gives a process id out again. */
  readonly #known = new Map<number, string>();

  constructor(mark: string) {
    this.mark = mark;
  }

  /** `pid` leads a process group: it was started detached. */
  add(pid: number): void {
    this.#roots.add(pid);
  }

  /** Asks all that still run to end, and ends what does not within 3 s. */
  async end(): Promise<void> {
    if (this.#look() === undefined) {
      this.#signalGroups("SIGKILL");
      this.#forget();
      return;
    }
    await this.#signalUntilGone("SIGTERM", TERM_WITHIN_MS);
    if (!(await this.#signalUntilGone("SIGKILL", KILL_WITHIN_MS))) {
      throw new Error(`Processes do not end: ${this.#look()?.join(", ")}.`);
    }
    this.#forget();
  }

  /** The system may give their ids to others now. */
  #forget(): void {
    this.#roots.clear();
    this.#known.clear();
  }

  /** Without waiting: for the last moment of the runner itself. */
  killNow(): void {
    this.#signalGroups("SIGKILL");
    for (const pid of this.#look() ?? []) signal(pid, "SIGKILL");
  }

  async #signalUntilGone(name: NodeJS.Signals, withinMs: number): Promise<boolean> {
    const until = performance.now() + withinMs;
    const told = new Set<number>();
    for (;;) {
      const running = this.#look() ?? [];
      if (running.length === 0) return true;
      if (performance.now() > until) return false;
      for (const pid of running) if (!told.has(pid)) signal(pid, name);
      for (const pid of running) told.add(pid);
      await delay(LOOK_AGAIN_MS);
    }
  }

  /** Where there is no /proc, only the groups are known. */
  #signalGroups(name: NodeJS.Signals): void {
    for (const pid of this.#roots) signal(-pid, name);
  }

  /** The ids of those that run; undefined where there is no /proc. */
  #look(): number[] | undefined {
    const all = processes();
    if (all === undefined) return undefined;
    const found = new Set<number>();
    for (const { pid, group, session, started } of all) {
      const ours =
        this.#known.get(pid) === started ||
        this.#roots.has(group) ||
        this.#roots.has(session) ||
        carries(pid, this.mark);
      if (ours) found.add(pid);
    }
    for (let before = -1; before < found.size;) {
      before = found.size;
      for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
    }
    for (const { pid, started } of all) if (found.has(pid)) this.#known.set(pid, started);
    return [...found];
  }
}

function processes(): Process[] | undefined {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return undefined;
  }
  return names.flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      const line = readFileSync(`/proc/${name}/stat`, "latin1");
      // The name in parentheses may hold anything; after it: state, parent, group, session, …
      const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
      // Dead, and only waiting for its parent to hear of it.
      if (fields[0] === "Z" || fields[0] === "X") return [];
      const [parent, group, session] = fields.slice(1, 4).map(Number);
      const started = fields[19] ?? "";
      return { pid: Number(name), parent: parent!, group: group!, session: session!, started };
    } catch {
      return [];
    }
  });
}

function carries(pid: number, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").includes(`${MARK}=${mark}\0`);
  } catch {
    return false;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
