// Supervises a worker: runs it as a child process and restarts it when it dies. The next worker tells
// the scheduler how the last one died. A worker that ends in good order, cannot start the first time, or
// was asked to end is not restarted.

import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { childFlags } from "../src/child-flags.ts";
import type { Predecessor } from "../src/wire/protocol.ts";
import { endProcesses } from "../worker/processes/end-processes.ts";
import { removeLeftovers } from "../worker/results/local-directory.ts";
import { clearTimeout, now, setTimeout } from "../src/timers.ts";
import { processEnd, type ProcessEnd } from "./process-end.ts";
import { restartPauses } from "./restart-pauses.ts";

/** The environment variable with the JSON that the supervisor passes to the worker. */
const variable = "THENCE_SUPERVISED";

/** From the supervisor to the worker. */
export type Supervision = {
  /** The default name of the worker; it stays the same after a restart. */
  readonly name: string;
  readonly predecessor?: Predecessor;
  /** Marks the processes that tasks of the worker start. */
  readonly mark: string;
  /** A rank of `thence run`, the first of which says why workers could not start. */
  readonly isRank?: boolean;
  /** There is no next worker: tell the scheduler how the last one ended, and end. */
  readonly lastWords?: LastWords;
};

/** `pid`: the process of the worker, when that had joined. */
type LastWords = { readonly how: string; readonly pid?: number };

/** From the supervisor to the worker: take no new tasks, finish those that run, and end. `why`: the signal. */
type DrainMessage = { readonly type: "drain"; readonly why: NodeJS.Signals };

/**
 * From the worker to the supervisor: it has joined a scheduler, it ends in good order, or it has left and another
 * is to take its place. A scheduler says "joined" when it listens.
 */
export type WorkerStatus = "joined" | "ending" | "replace-me";

/** Deaths in a row before the worker has joined, after which the supervisor gives up. */
const deathsBeforeJoining = 5;
/** A worker that has joined once is restarted so long, in milliseconds: an outage of its files may pass. */
const longestOutageMs = 15 * 60_000;

/** What the supervisor told this process; undefined without a supervisor. */
export function supervision(): Supervision | undefined {
  const text = process.env[variable];
  // Processes that tasks start must not inherit the variable.
  Reflect.deleteProperty(process.env, variable);
  return text === undefined ? undefined : (JSON.parse(text) as Supervision);
}

export function tellSupervisor(status: WorkerStatus): void {
  if (process.connected) process.send?.(status, () => undefined);
}

/** Calls `onDrain` when the supervisor was asked to let the worker drain. */
export function onDrainMessage(onDrain: (why: NodeJS.Signals) => void): void {
  if (!process.connected) return;
  process.on("message", ({ why }: DrainMessage) => onDrain(why));
  // Waiting for the message must not keep a process alive that has done its work.
  process.channel?.unref();
}

type EndRequest = NodeJS.Signals | "disconnect";

export type Supervisor = {
  name: string;
  onEndRequest: (forward: (why: EndRequest) => void) => void;
  onDrainRequest: (forward: (why: NodeJS.Signals) => void) => void;
  /** Receives the reason, for people, when a restart fails or the supervisor gives up. */
  say: (line: string) => void;
  /** Whether it is a rank of `thence run`. */
  isRank?: boolean;
  /** The command of the worker and its environment. Default: those of this process. */
  worker?: { readonly args: readonly string[]; readonly env: NodeJS.ProcessEnv };
};

/**
 * Runs this program again as a supervised worker, and restarts it when it dies.
 *
 * @param options `onEndRequest` receives a function that ends the worker, by a signal or by closing
 * its channel; `onDrainRequest` one that lets it drain
 * @returns the exit code of the last worker, for this process
 */
export async function supervise(options: Supervisor): Promise<number> {
  const {
    name,
    isRank = false,
    worker = { args: process.argv.slice(2), env: process.env },
  } = options;
  const asked = new AbortController();
  let child: ChildProcess | undefined;
  let forwarded: NodeJS.Signals | undefined;
  const forward = endRequests(() => child);
  options.onEndRequest((why) => {
    asked.abort();
    if (why !== "disconnect") forwarded = why;
    forward(why);
  });
  const mark = randomUUID();
  options.onDrainRequest((why) => {
    asked.abort();
    // A message and not a signal: a worker that still starts would miss the signal, and finds the message.
    const message: DrainMessage = { type: "drain", why };
    if (child?.connected) child.send(message, () => undefined);
  });
  // By a process of its own: this one is small, and does not know where the scheduler is.
  const sayLastWords = async (lastWords: LastWords) => {
    const speaker = start(worker, { name, mark, lastWords });
    const timer = setTimeout(() => speaker.kill("SIGKILL"), lastWordsMs);
    await processEnd(speaker);
    clearTimeout(timer);
  };
  let predecessor: Predecessor | undefined;
  let deaths = 0;
  /** When a worker was last there that had joined. */
  let joinedAt = -Infinity;
  const pause = restartPauses(asked.signal);
  for (;;) {
    child = start(worker, { name, mark, isRank, ...(predecessor && { predecessor }) });
    const end = await endOf(child);
    // A worker that was killed could not end what its tasks had started.
    await endProcesses({ marks: [mark] });
    if (end.isOrderly || asked.signal.aborted) {
      // It was killed before it had left.
      if (!end.isOrderly && end.hasJoined && end.signal !== null) {
        await sayLastWords({ how: end.how, pid: child.pid ?? 0 });
      }
      // A worker that is started anew does this itself.
      await removeLeftovers().catch(() => undefined);
      // The signal came before the worker could listen, so there was nothing to put in order.
      return end.signal !== null && end.signal === forwarded ? 0 : end.code;
    }
    deaths = end.hasJoined ? 0 : deaths + 1;
    if (end.hasJoined) joinedAt = now();
    const mayPass = now() - joinedAt < longestOutageMs;
    // A module that does not load is a wrong argument, unless it has loaded before.
    if (end.code === wrongUsage && !mayPass) return end.code;
    if (deaths >= deathsBeforeJoining && !mayPass) {
      const times = `${deaths} times in a row before it joined a scheduler`;
      options.say(`giving up: the worker process died ${times}; the last one: ${end.how}`);
      // One that exits has said itself why.
      if (end.signal !== null) {
        await sayLastWords({ how: `its process died ${times}: ${end.how}` });
      }
      return end.code;
    }
    if (deaths === 1 && mayPass) {
      options.say(`the worker could not be restarted, and is tried again: it ${end.how}`);
    }
    // The scheduler does not know a worker that died before it joined.
    if (predecessor === undefined || end.hasJoined) {
      predecessor = { pid: child.pid ?? 0, how: end.isReplaced ? replacedHow : end.how };
    }
    await pause();
    if (asked.signal.aborted) return 0;
  }
}

/** Starts this program again under supervision, with other arguments perhaps. */
export function start(
  { args, env }: { args: readonly string[]; env: NodeJS.ProcessEnv },
  told: Supervision,
): ChildProcess {
  const all = [...childFlags(process.execArgv), process.argv[1]!, ...args];
  return spawn(process.execPath, all, {
    // The channel closes when this process dies, for whatever reason, and then the worker ends too.
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...env, [variable]: JSON.stringify(told) },
  });
}

/** How long the last words may take, with the start of their process, in milliseconds. */
const lastWordsMs = 4_000;

/** The exit code for wrong usage, and for a module that does not load. */
const wrongUsage = 2;

const replacedHow = "it left, for one of its threads could not be ended";

type End = ProcessEnd & { hasJoined: boolean; isOrderly: boolean; isReplaced: boolean };

/** How a supervised process ended, and whether it need not be restarted. */
export async function endOf(child: ChildProcess): Promise<End> {
  const statuses = new Set<WorkerStatus>();
  child.on("message", (status: WorkerStatus) => statuses.add(status));
  const end = await processEnd(child);
  const isWrong = end.signal !== null || end.code === wrongUsage;
  const isReplaced = statuses.has("replace-me");
  const isOrderly = !isWrong && !isReplaced && (statuses.has("ending") || end.code === 0);
  return { ...end, hasJoined: statuses.has("joined"), isOrderly, isReplaced };
}

/** A repeated signal within this time, in milliseconds, is the same request. */
const sameRequestMs = 1_000;
/** A child that was asked twice has this time to end, in milliseconds. */
const atOnceMs = 1_000;

/** Passes requests to end on to a child process. One that does not even end when it is asked again is killed. */
export function endRequests(current: () => ChildProcess | undefined): (why: EndRequest) => void {
  let askedAt: number | undefined;
  return (why) => {
    const child = current();
    if (why === "disconnect") {
      if (child?.connected) child.disconnect();
      return;
    }
    child?.kill(why);
    askedAt ??= now();
    if (now() - askedAt < sameRequestMs) return;
    setTimeout(() => child?.kill("SIGKILL"), atOnceMs).unref();
  };
}
