// The program of one process of a local cluster: a scheduler or a worker, as the parent's first message
// says. When the channel to the parent closes, because the parent closed it or died, this process
// stops its role and exits.

import "./ignored-signals.ts";
import { startScheduler } from "../scheduler/main.ts";
import { configureLog, createLog, type LogLevel } from "../src/log.ts";
import type { WorkerOptions } from "../worker/main.ts";
import type { Exec } from "./exec.ts";
import { startWorker } from "./worker.ts";
import { setTimeout } from "../src/timers.ts";

/** From the parent, once. */
export type Order = { logLevel: LogLevel; token: string } & (
  { role: "scheduler" } | ({ role: "worker"; url: string } & WorkerParts)
);
type WorkerParts = Pick<
  WorkerOptions,
  "name" | "mark" | "modules" | "threads" | "isolation" | "memoryBytes" | "localDirectory"
> & { concurrency: number; drainTimeoutMs: number; exec: Exec };

/** To the parent, once: the URL when the role is a scheduler, or why it could not start. */
export type Report = { url?: string | undefined } | { error: string };

/** The process exits when its role has not stopped so long after the drain, in milliseconds. */
const stopWithinMs = 3_000;
let drainMs = 0;

type Running = { url?: string; stop(): Promise<void>; ended: Promise<unknown> };

let running: Promise<Running> | undefined;

process.once("SIGTERM", () => void end());
process.once("disconnect", () => void end());
process.once("message", (order: Order) => {
  running = start(order);
  running.then(
    ({ url, ended }) => {
      report({ url });
      ended.then(
        () => end(0),
        () => end(1),
      );
    },
    (error: Error) => report({ error: error.message }),
  );
});

async function start({ token, logLevel, ...order }: Order): Promise<Running> {
  configureLog({ level: logLevel });
  const log = createLog(order.role);
  if (order.role === "scheduler") return startScheduler({ port: 0, token, log });
  const { role: _, url, ...parts } = order;
  drainMs = parts.drainTimeoutMs;
  const target = { describe: url, find: () => Promise.resolve({ url, token }) };
  return startWorker({ ...parts, target, log });
}

function report(message: Report): void {
  // The parent may be gone by now.
  if (process.connected) process.send?.(message, () => undefined);
}

async function end(code = 0): Promise<void> {
  // While a whole cluster ends, its roles lose each other; logs of that would look like faults.
  configureLog({ write: () => undefined });
  setTimeout(() => process.exit(1), drainMs + stopWithinMs).unref();
  await running?.then((role) => role.stop()).catch(() => undefined);
  process.exit(code);
}
