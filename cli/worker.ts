// `thence worker`: a process that runs tasks on its threads.

import { Command, Option } from "commander";
import { hostname } from "node:os";
import { workerName, workerThreads } from "../cluster/slurm-environment.ts";
import { signOfLife, upbringing } from "../cluster/supervise.ts";
import { addressOfInterface } from "../src/meeting/address.ts";
import { formatDuration } from "../src/duration.ts";
import { limits } from "../src/wire/limits.ts";
import { configureLog, createLog, type Log } from "../src/log.ts";
import type { Resources } from "../src/wire/protocol.ts";
import type { TargetFinder } from "../src/meeting/target.ts";
import type { ModuleSource } from "../worker/main.ts";
import { schedulerTarget } from "./connection.ts";
import { runDaemon } from "./daemon.ts";
import {
  duration,
  modules,
  resources,
  size,
  wholeNumber,
  withExample,
  withLogOptions,
  type LogOptions,
  timerDuration,
} from "./options.ts";

type Options = LogOptions & {
  schedulerFile?: string;
  tokenFile?: string;
  module: ModuleSource[];
  threads?: number;
  concurrency: number;
  name?: string;
  resources?: Resources;
  interface?: string;
  memoryLimit?: number;
  localDirectory?: string;
  deathTimeout: number;
  lifetime?: number;
};

export function workerCommand(): Command {
  const slots = wholeNumber(1, limits.slots);
  const command = new Command("worker")
    .description("Start a worker: a process that runs the functions of your modules.")
    .argument("[address]", "the scheduler's, ws://host:port; else $THENCE_ADDRESS")
    .option(
      "--scheduler-file <file>",
      "the file it writes, now or soon; else $THENCE_SCHEDULER_FILE",
    )
    .option("--token-file <file>", "read the token from here; else $THENCE_TOKEN, else that file's")
    .addOption(
      new Option("--module <[name=]path>", "the functions to run; with a name, as name.function")
        .argParser(modules)
        .makeOptionMandatory(),
    )
    .option("--threads <number>", "default: what Slurm or this machine gives", slots)
    .option("--concurrency <number>", "tasks that share a thread, for those that wait", slots, 1)
    .option("--name <name>", "default: from Slurm, or host and process id")
    .option("--resources <name=amount,...>", "what tasks can ask for, like gpu=1", resources)
    .option(
      "--memory-limit <size>",
      "for results and inputs in memory; default: its share of 60 %",
      size,
    )
    .option(
      "--local-directory <path>",
      "where results go that do not fit; default: temporary files",
    )
    .option("--interface <name>", "connect from the address of this network interface, like ib0")
    .addOption(
      new Option("--death-timeout <duration>", "give up looking for the scheduler after so long")
        .argParser(duration)
        .default(60_000, "60s"),
    )
    .addOption(
      new Option(
        "--lifetime <duration>",
        "leave after so long, before a time limit does it",
      ).argParser(timerDuration),
    )
    // What starts this program looks for it: see launch.js.
    .option("--no-supervise", "do not start it anew when its process dies")
    .action(run);
  return withExample(
    withLogOptions(command),
    "thence worker --scheduler-file s.json --module ./tasks.ts",
    "thence worker ws://10.1.0.7:8786 --token-file t --module ./tasks.ts --resources gpu=1",
  );
}

async function run(address: string | undefined, options: Options): Promise<void> {
  configureLog({ format: options.logFormat, level: options.logLevel });
  const log = createLog("worker");
  const kept = upbringing();
  const ownName = kept?.name ?? `${hostname()}-${process.pid}`;
  const name = options.name ?? workerName(process.env) ?? ownName;
  const target = schedulerTarget({ ...options, address });
  const deathTimeoutMs = options.deathTimeout;

  const worker = {
    target: sayingWhatItWaitsFor(target, deathTimeoutMs, log),
    modules: options.module,
    name,
    ...(kept && { supervisor: process.ppid }),
    ...(kept?.predecessor && { predecessor: kept.predecessor }),
    threads: options.threads ?? workerThreads(process.env),
    concurrency: options.concurrency,
    ...(options.resources && { resources: options.resources }),
    ...(options.interface !== undefined && { localAddress: addressOfInterface(options.interface) }),
    ...(options.memoryLimit !== undefined && { memoryBytes: options.memoryLimit }),
    ...(options.localDirectory !== undefined && { localDirectory: options.localDirectory }),
    deathTimeoutMs,
    log,
  };
  if (kept?.predecessor) {
    log.warning(`the worker before this one died: ${kept.predecessor.how}`, {
      pid: kept.predecessor.pid,
    });
  }
  const start = async (signal: AbortSignal) => {
    const { startWorker } = await import("../cluster/worker.ts");
    const running = await startWorker({ ...worker, signal }).catch((error: unknown) => {
      signOfLife("ending");
      throw error;
    });
    signOfLife("joined");
    running.ended.finally(() => signOfLife("ending")).catch(() => undefined);
    if (options.lifetime !== undefined) {
      const reason = `its lifetime of ${formatDuration(options.lifetime)} is over`;
      setTimeout(() => void running.stop(reason), options.lifetime).unref();
    }
    return running;
  };
  await runDaemon({ start, log });
}

/** Once, for a log that repeats itself every second hides what matters. */
function sayingWhatItWaitsFor(target: TargetFinder, timeoutMs: number, log: Log): TargetFinder {
  let said = false;
  const find = async () => {
    const found = await target.find();
    if (!found && !said) {
      log.info(`waiting for the ${target.describe}, for up to ${formatDuration(timeoutMs)}`);
      said = true;
    }
    return found;
  };
  return { ...target, find };
}
