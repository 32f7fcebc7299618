// The program of one process of a local cluster: a scheduler or a worker, as the parent's first message
// says. When the channel to the parent closes, because the parent closed it or died, this process
// stops its role and exits.

import "./ignored-signals.ts";
import { startScheduler, type SchedulerOptions } from "../scheduler/main.ts";
import { longestTimerMs } from "../src/duration.ts";
import { configureLog, createLog, type Log, type LogFormat, type LogLevel } from "../src/log.ts";
import type { Predecessor } from "../src/wire/protocol.ts";
import type { WorkerOptions } from "../worker/main.ts";
import type { Exec } from "./exec.ts";
import { jobEnd } from "./slurm/job-end.ts";
import { startWorker } from "./worker.ts";
import { exitAtOnce, exitProcess } from "../src/process-exit.ts";
import { outliveStandardStreams } from "../src/standard-streams.ts";
import { setTimeout } from "../src/timers.ts";

/** From the parent, once. `predecessor`: the process of which this one is a restart. */
export type Order = {
  logLevel: LogLevel;
  logFormat?: LogFormat;
  token: string;
  predecessor?: Predecessor;
} & (({ role: "scheduler" } & SchedulerParts) | ({ role: "worker"; url: string } & WorkerParts));
type SchedulerParts = Pick<
  SchedulerOptions,
  "host" | "tls" | "schedulerFile" | "journal" | "durability"
> & {
  port: number;
  workerTimeoutMs?: number;
};
type WorkerParts = Pick<
  WorkerOptions,
  | "name"
  | "mark"
  | "modules"
  | "threads"
  | "isolation"
  | "memoryBytes"
  | "localDirectory"
  | "resources"
  | "devices"
  | "tls"
> & { concurrency: number; cores: number; drainTimeoutMs: number; exec: Exec };

/** To the parent, once: the URL when the role is a scheduler, or why it could not start. */
export type Report = { url?: string | undefined } | { error: string };

/** The process exits when its role has not stopped so long after the drain, in milliseconds. */
const stopWithinMs = 3_000;
let drainMs = 0;

type Running = { url?: string; stop(): Promise<void>; ended: Promise<unknown> };

/** A program that stands still, in a debugger say, is never given up: its end closes the channel. */
const neverGivenUp = { clientGraceMs: longestTimerMs };

let running: Promise<Running> | undefined;

outliveStandardStreams();
process.once("SIGTERM", () => void end());
process.once("disconnect", () => void end());
process.once("message", (order: Order) => {
  configureLog({ level: order.logLevel, format: order.logFormat ?? "text" });
  const log = createLog(order.role);
  running = start(order, log);
  running.then(
    ({ url, ended }) => {
      report({ url });
      ended.then(
        () => end(0),
        (error: Error) => {
          log.error(error.message);
          void end(1);
        },
      );
    },
    (error: Error) => {
      // The program hears of the first start by its promise, and of a restart by the log.
      if (order.predecessor === undefined) return report({ error: error.message });
      log.error(`it could not be restarted, and is tried again: ${error.message}`);
      void end(1);
    },
  );
});

async function start(
  { token, logLevel: _level, logFormat: _format, ...order }: Order,
  log: Log,
): Promise<Running> {
  const { predecessor } = order;
  if (order.role === "scheduler") {
    const { role: _role, predecessor: _predecessor, workerTimeoutMs, ...parts } = order;
    const scheduler = await startScheduler({
      ...parts,
      token,
      log,
      core: {
        // With a journal there may be clients of an earlier program, which never come back.
        ...(parts.journal === undefined && neverGivenUp),
        ...(workerTimeoutMs !== undefined && { workerTimeoutMs }),
      },
    });
    void jobEnd({}, log).then((end) => {
      end?.onNear(() => scheduler.endSoon(end.limit, Math.max(0, end.leftMs())));
    });
    if (predecessor && parts.journal !== undefined) {
      log.warning(`the scheduler died, and goes on from its journal: ${predecessor.how}`);
    } else if (predecessor) {
      log.error(`the scheduler died and was restarted, its tasks are lost: ${predecessor.how}`);
    }
    return scheduler;
  }
  const { role: _role, url, ...parts } = order;
  drainMs = parts.drainTimeoutMs;
  const target = { describe: url, find: () => Promise.resolve({ url, token }) };
  const worker = await startWorker({ ...parts, supervisor: process.ppid, target, log });
  if (predecessor) log.error(`${parts.name} died and was restarted: ${predecessor.how}`);
  return worker;
}

function report(message: Report): void {
  // The parent may be gone by now.
  if (process.connected) process.send?.(message, () => undefined);
}

async function end(code = 0): Promise<void> {
  // While a whole cluster ends, its roles lose each other; logs of that would look like faults.
  configureLog({ write: () => undefined });
  setTimeout(() => exitAtOnce(1), drainMs + stopWithinMs).unref();
  await running?.then((role) => role.stop()).catch(() => undefined);
  exitProcess(code);
}
