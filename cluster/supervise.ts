// Keeps a worker: its process is a child of this one, which does nothing but start it anew when it
// died and have the next tell the scheduler how. What ends in good order, cannot start or was asked
// to end is not started again.

import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import type { Predecessor } from "../src/wire/protocol.ts";
import { inheritedFlags } from "./inherited-flags.ts";
import { restartPauses } from "./restart-pauses.ts";

/** How the worker's process knows that it is kept, and what it is told: in its environment, as JSON. */
const variable = "THENCE_SUPERVISED";

/** To the worker's process. */
export type Upbringing = {
  /** When it is given none: the same for each that is started. */
  readonly name: string;
  readonly predecessor?: Predecessor;
};

/** From the worker's process: it is at work; it ends by itself, for a reason that it has said. */
export type SignOfLife = "joined" | "ending";

/** Deaths in a row before it has joined: then it is no use. */
const deathsBeforeJoining = 5;

/** What this process was told by the one that keeps it; undefined when nobody does. */
export function upbringing(): Upbringing | undefined {
  const text = process.env[variable];
  // What tasks start in turn is nobody's worker.
  Reflect.deleteProperty(process.env, variable);
  return text === undefined ? undefined : (JSON.parse(text) as Upbringing);
}

export function signOfLife(sign: SignOfLife): void {
  if (process.connected) process.send?.(sign, () => undefined);
}

/**
 * Runs this very program again, as a worker that is kept, for as long as it takes.
 *
 * @param options `onEndRequest` is given what ends the worker, by a signal or by closing its channel
 * @returns the exit code for this process: that of the worker
 */
export async function supervise(options: {
  name: string;
  onEndRequest: (forward: (why: NodeJS.Signals | "disconnect") => void) => void;
  /** For people, when it gives up. */
  say: (line: string) => void;
}): Promise<number> {
  const { name } = options;
  const asked = new AbortController();
  let child: ChildProcess | undefined;
  options.onEndRequest((why) => {
    asked.abort();
    if (why !== "disconnect") child?.kill(why);
    else if (child?.connected) child.disconnect();
  });
  let predecessor: Predecessor | undefined;
  let deaths = 0;
  const pause = restartPauses(asked.signal);
  for (;;) {
    child = start({ name, ...(predecessor && { predecessor }) });
    const end = await endOf(child);
    if (asked.signal.aborted || end.isOrderly) return end.code;
    deaths = end.hasJoined ? 0 : deaths + 1;
    if (deaths === deathsBeforeJoining) {
      const times = `${deaths} times in a row before it had joined`;
      options.say(`its process died ${times}, the last ${end.how}: giving up`);
      return end.code;
    }
    // Until one of them has joined, nobody has heard of the first.
    if (predecessor === undefined || end.hasJoined) {
      predecessor = { pid: child.pid ?? 0, how: end.how };
    }
    await pause();
    if (asked.signal.aborted) return 0;
  }
}

function start(told: Upbringing): ChildProcess {
  const args = [...inheritedFlags(process.execArgv), ...process.argv.slice(1)];
  return spawn(process.execPath, args, {
    // The channel closes when this process dies in whatever way, and the worker ends with it.
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, [variable]: JSON.stringify(told) },
  });
}

type End = { code: number; how: string; hasJoined: boolean; isOrderly: boolean };

async function endOf(child: ChildProcess): Promise<End> {
  const killsBefore = outOfMemoryKills();
  const signs = new Set<SignOfLife>();
  child.on("message", (sign: SignOfLife) => signs.add(sign));
  const { promise, resolve } = Promise.withResolvers<[number | null, NodeJS.Signals | null]>();
  child.once("exit", (...how) => resolve(how));
  child.once("error", () => resolve([1, null]));
  const [code, signal] = await promise;
  const hasJoined = signs.has("joined");
  // Before it has joined, what it says of itself is final: wrong usage, a module that does not load.
  const isOrderly = signs.has("ending") || code === 0 || code === 2;
  if (signal === null) {
    return { code: code ?? 1, how: `exited with code ${code}`, hasJoined, isOrderly };
  }
  const wasMemory = signal === "SIGKILL" && outOfMemoryKills() > killsBefore;
  const how = `killed by ${signal}${wasMemory ? ": out of memory" : (hints[signal] ?? "")}`;
  return { code: 128 + constants.signals[signal], how, hasJoined, isOrderly: false };
}

const hints: Partial<Record<NodeJS.Signals, string>> = {
  SIGKILL: ", by somebody or for lack of memory",
  SIGABRT: ", as Node is when its heap is full",
};

/** How many processes of this control group the system has killed for lack of memory; 0 when unknown. */
function outOfMemoryKills(): number {
  try {
    const [, group = ""] = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8")) ?? [];
    const events = readFileSync(`/sys/fs/cgroup${group}/memory.events`, "utf8");
    return Number(/^oom_kill (\d+)$/m.exec(events)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
