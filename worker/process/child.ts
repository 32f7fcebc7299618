// The main thread of an executor's process, before it loads the user's modules: makes for the runner what a
// thread is given by its worker, with a courier at the other end of the port.

import { MessageChannel, Worker } from "node:worker_threads";
import { toErrorRecord } from "../../src/errors/failure.ts";
import { createCells } from "../boundary/cells.ts";
import type { ThreadOptions } from "../boundary/messages.ts";
import { ProcessRegistry } from "../boundary/process-registry.ts";
import { startIoThreads } from "../boundary/io-threads.ts";
import { UnpostedResults } from "../boundary/unposted-results.ts";
import {
  stateFileFd,
  type CourierData,
  type Flush,
  type FromProcess,
  type ProcessOptions,
} from "./messages.ts";
import { stateWriter } from "./state-file.ts";

/** The longest time that the exit waits until the last messages have left, in milliseconds: a busy worker reads them late. */
const flushMs = 10_000;

/** Ways to end this process that are for its worker to take: sent to all that a terminal or Slurm has started. */
const leftToTheWorker = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;

/** Connects this process to the worker that started it. */
export async function connectToWorker(): Promise<ThreadOptions> {
  // The user's code does not find the options.
  const [given] = process.argv.splice(2);
  if (given === undefined) throw new Error("worker/thread/entry is started by a worker");
  const options = JSON.parse(given) as ProcessOptions;
  await startIoThreads(options.concurrency);
  const cells = createCells(options.cells);
  const unposted = new UnpostedResults().memory;
  const flushed = new Int32Array(new SharedArrayBuffer(4));
  const underWay = new Int32Array(new SharedArrayBuffer(4));
  const processes = new ProcessRegistry().memory;
  const { port1: port, port2 } = new MessageChannel();
  const data: CourierData = { cells, unposted, port: port2, flushed, underWay };
  new Worker(courier, { name: "courier", workerData: data, transferList: [port2] }).unref();

  for (const signal of leftToTheWorker) process.on(signal, () => undefined);
  // Taken before `process.exit` tells of its callers: this is not the user's code.
  const exit = process.exit.bind(process);
  process.on("uncaughtException", (error: unknown) => {
    // The user's code has a listener of its own, and decides.
    if (process.listenerCount("uncaughtException") > 1) return;
    port.postMessage({ type: "uncaught", error: toErrorRecord(error) } satisfies FromProcess);
    exit(1);
  });
  process.on("exit", () => {
    port.postMessage({ type: "flush" } satisfies Flush);
    Atomics.wait(flushed, 0, 0, flushMs);
  });
  return { ...options, cells, unposted, underWay, processes, port, note: stateWriter(stateFileFd) };
}

/** The file that the courier runs, as source or as built. */
const courier = new URL(
  `./courier${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
  import.meta.url,
);
