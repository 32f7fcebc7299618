// The first rank of a run: a scheduler in this process, the driver and a worker in processes of their own.
// All ends with the driver.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  startScheduler,
  type RunningScheduler,
  type SchedulerOptions,
} from "../../scheduler/main.ts";
import type { Log } from "../../src/log.ts";
import type { Tls } from "../../src/meeting/tls.ts";
import { clearTimeout, queueMicrotask, setInterval, setTimeout } from "../../src/timers.ts";
import { startDriver } from "./driver.ts";
import { environmentOfRun, superviseRank } from "./rank-worker.ts";
import { RollCall } from "./roll-call.ts";

export type FirstRank = {
  /** Undefined: in a temporary directory. */
  readonly schedulerFile: string | undefined;
  /** The address that the scheduler listens on. */
  readonly host: string;
  readonly tls?: Tls;
  readonly ranks: number;
  /** The script and its arguments; undefined when it cannot run, and the other ranks only have to hear of it. */
  readonly program: readonly string[] | undefined;
  /** The options of the worker. */
  readonly worker: readonly string[];
  readonly log: Log;
  readonly core: NonNullable<SchedulerOptions["core"]>;
  readonly onStart: (scheduler: RunningScheduler) => void;
  readonly say: (line: string) => void;
  /** Calls the listener with every signal to this process. */
  readonly onSignal: (listener: (signal: NodeJS.Signals) => void) => void;
  /** Whether such a signal has not reached the driver already. */
  readonly isForTheDriver: (signal: NodeJS.Signals) => boolean;
};

/** How long, in milliseconds, the worker here may take to end after the goodbye. */
const workerEndMs = 5_000;
/** How often the scheduler is told that no worker is coming, in milliseconds. */
const tellEveryMs = 1_000;

/**
 * Runs the driver to its end.
 *
 * @returns the exit code of the driver; undefined when there is none
 * @throws {ConnectionError} when the scheduler cannot listen, or another one uses the file
 * @throws {Error} when the scheduler file cannot be written
 */
export async function runFirstRank(run: FirstRank): Promise<number | undefined> {
  const { log, program } = run;
  const directory =
    run.schedulerFile === undefined ? await mkdtemp(join(tmpdir(), "thence-run-")) : undefined;
  const schedulerFile = run.schedulerFile ?? join(directory!, "scheduler.json");
  const rollCall = new RollCall(program ? run.ranks : run.ranks - 1, log);
  const unstarted = new Set<string>();
  void rollCall.over.then(() => sayWhoIsMissing([...unstarted], run));
  try {
    const scheduler: RunningScheduler = await startScheduler({
      host: run.host,
      ...(run.tls !== undefined && { tls: run.tls }),
      port: 0,
      schedulerFile,
      log,
      core: run.core,
      onWorker: (name, how) => {
        if (how === "could not start") unstarted.add(name);
        else unstarted.delete(name);
        if (how === "joined") rollCall.came(name);
        else if (rollCall.gone(name)) queueMicrotask(allAreGone);
      },
    });
    // In a step of its own, since the core is in the middle of one.
    const tell = () => scheduler.noWorkerComing("those of all ranks have ended");
    const allAreGone = () => {
      tell();
      // Again, for what the program submits later.
      setInterval(tell, tellEveryMs).unref();
    };
    run.onStart(scheduler);
    if (program) return await runDriver({ ...run, program, schedulerFile }, scheduler, rollCall);
    run.onSignal(() => rollCall.giveUp());
    await rollCall.wait();
    await scheduler.stop("the program cannot run");
    return undefined;
  } finally {
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }
}

/** Once for all ranks. The scheduler has logged why; without any worker the driver hears it, too. */
function sayWhoIsMissing(names: readonly string[], { ranks, say }: FirstRank): void {
  if (names.length === 0 || names.length >= ranks) return;
  const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : "";
  const who = names.toSorted().slice(0, mostNames).join(", ") + more;
  say(`${names.length} of ${ranks} ranks ${names.length === 1 ? "has" : "have"} no worker: ${who}`);
}
const mostNames = 10;

async function runDriver(
  run: FirstRank & { program: readonly string[]; schedulerFile: string },
  scheduler: RunningScheduler,
  rollCall: RollCall,
): Promise<number> {
  const { schedulerFile } = run;
  let endWorker: ((why: NodeJS.Signals) => void) | undefined;
  const worker = superviseRank({
    schedulerFile,
    options: run.worker,
    say: run.say,
    // It ends when the scheduler does; until then every signal is for the driver.
    onEndRequest: (end) => (endWorker = end),
    onDrainRequest: () => undefined,
  });
  void worker.then(() => {
    if (run.ranks === 1) scheduler.noWorkerComing("the only one of this run has ended");
  });
  const driver = startDriver(run.program, environmentOfRun(schedulerFile));
  let isOver = false;
  run.onSignal((signal) => {
    if (isOver) {
      rollCall.giveUp();
      endWorker?.("SIGTERM");
    } else if (run.isForTheDriver(signal)) driver.signal(signal);
  });
  const code = await driver.ended;
  isOver = true;
  await rollCall.wait();
  await scheduler.stop("the driver has ended");
  const ending = setTimeout(() => endWorker?.("SIGTERM"), workerEndMs);
  await worker;
  clearTimeout(ending);
  return code;
}
