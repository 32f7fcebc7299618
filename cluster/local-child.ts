// One process of a cluster on this machine: a scheduler or a worker, as its parent's first message
// says. It belongs to the parent: when the channel between them closes, because the parent asked
// for the end so or because it died in whatever way, this process stops what it runs and exits.

import { startScheduler } from "../scheduler/main.ts";
import { configureLog, createLog, type LogLevel } from "../src/log.ts";
import type { WorkerOptions } from "../worker/main.ts";
import { startWorker } from "./worker.ts";

/** From the parent, once. */
export type Order = { logLevel: LogLevel; token: string } & (
  { role: "scheduler" } | ({ role: "worker"; url: string } & WorkerParts)
);
type WorkerParts = Pick<
  WorkerOptions,
  "name" | "modules" | "threads" | "memoryBytes" | "localDirectory"
> & { concurrency: number };

/** To the parent, once: where it is when it is a scheduler, or why it could not start. */
export type Report = { url?: string | undefined } | { error: string };

/** Running tasks may go on so long after the end was asked for, in milliseconds. */
const drainTimeoutMs = 1_000;

/** What has not stopped in this time, in milliseconds, ends with the process. */
const stopWithinMs = 4_000;

type Running = { url?: string; stop(): Promise<void>; ended: Promise<unknown> };

let running: Promise<Running> | undefined;

// A Ctrl-C reaches every process of the terminal's group. How the cluster ends is the parent's affair.
process.on("SIGINT", () => undefined);
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
  const target = { describe: url, find: () => Promise.resolve({ url, token }) };
  return startWorker({ ...parts, target, drainTimeoutMs, log });
}

function report(message: Report): void {
  // The parent may be gone by now; the channel's end says so too.
  if (process.connected) process.send?.(message, () => undefined);
}

async function end(code = 0): Promise<void> {
  // The roles of a cluster that ends as a whole lose each other, which would read like an accident.
  configureLog({ write: () => undefined });
  setTimeout(() => process.exit(1), stopWithinMs).unref();
  await running?.then((role) => role.stop()).catch(() => undefined);
  process.exit(code);
}
