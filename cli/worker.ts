// `thence worker`: runs a worker in this process.

import { Command, Option } from "commander";
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { slurmStep } from "../cluster/slurm/step.ts";
import { execs, type Exec } from "../cluster/exec.ts";
import { workerCores, workerName } from "../cluster/slurm/environment.ts";
import { tellSupervisor, supervision } from "../cluster/supervise.ts";
import { workerShare } from "../cluster/worker-share.ts";
import { AuthenticationError, ProtocolError } from "../src/errors/errors.ts";
import { NameTakenError, RejectedError } from "../src/link/handshake.ts";
import { longestTimerMs } from "../src/duration.ts";
import { limits } from "../src/wire/limits.ts";
import { configureLog, createLog, type Log } from "../src/log.ts";
import type { Resources } from "../src/wire/protocol.ts";
import { isolations, type Isolation } from "../worker/isolation.ts";
import type { ModuleSource } from "../worker/main.ts";
import { StuckThreadError } from "../worker/stuck-thread.ts";
import { schedulerTarget, tokenFileHelp } from "./connection.ts";
import { runDaemon } from "./daemon.ts";
import { messageOf, UsageError } from "./exit-code.ts";
import { orSayWhy } from "./failed-start.ts";
import { tlsCaHelp, tlsOf, withTlsOptions, type TlsOptions } from "./tls.ts";
import { workerEnd } from "./worker-end.ts";
import {
  duration,
  endMarginOption,
  interfaceAddress,
  modules,
  resources,
  name,
  size,
  tags,
  wholeNumber,
  withExample,
  withLogOptions,
  type LogOptions,
  timerDuration,
} from "./options.ts";

type Options = LogOptions &
  TlsOptions & {
    schedulerFile?: string;
    tokenFile?: string;
    tlsCa?: string;
    module?: ModuleSource[];
    exec: Exec;
    threads?: number;
    concurrency: number;
    isolation: Isolation;
    name?: string;
    resources?: Resources;
    tags?: string[];
    interface?: string;
    memoryLimit?: number;
    localDirectory?: string;
    deathTimeout?: number;
    drainTimeout: number;
    lifetime?: number;
    lifetimeStagger: number;
    endMargin?: number;
  };

export function workerCommand(): Command {
  const slots = wholeNumber(1, limits.slots);
  const command = new Command("worker")
    .description("Start a worker: a process that runs the functions of your modules.")
    .argument("[address]", "address of the scheduler, ws://host:port; else $THENCE_ADDRESS")
    .option(
      "--scheduler-file <file>",
      "file of the scheduler, which may start later; else $THENCE_SCHEDULER_FILE",
    )
    .option("--token-file <file>", tokenFileHelp)
    .option("--tls-ca <file>", tlsCaHelp)
    .addOption(
      new Option(
        "--module <[name=]module>",
        "file or package with functions; a name makes them name.function",
      ).argParser(modules),
    )
    .addOption(
      new Option(
        "--exec <whether>",
        "run commands for clients, by thence.exec; only: and nothing else",
      )
        .choices(execs)
        .default("yes"),
    )
    .option("--threads <number>", "number of threads; default: the available cores", slots)
    .option("--concurrency <number>", "asynchronous tasks that share a thread", slots, 1)
    .addOption(
      new Option(
        "--isolation <kind>",
        "processes: a process for each thread, for chdir, crashes, and native addons",
      )
        .choices(isolations)
        .default("threads"),
    )
    .option(
      "--name <name>",
      "name of the worker; default: from Slurm, or host and process id",
      name,
    )
    .option(
      "--resources <name=amount,...>",
      "resources that tasks can request, gpu=1; default: the GPUs that Slurm gives to it",
      resources,
    )
    .option("--tags <tag,...>", "what it is fit for: tasks may ask for workers with tags", tags)
    .option(
      "--memory-limit <size>",
      "memory for results and inputs; default: 60 % of what Slurm or the machine gives to it",
      size,
    )
    .option(
      "--local-directory <path>",
      "directory for results that do not fit into memory; default: a temporary one",
    )
    .option(
      "--interface <name>",
      "connect from the address of this network interface; else $THENCE_INTERFACE",
    )
    .addOption(
      new Option(
        "--death-timeout <duration>",
        "end after this time without a scheduler (default: 60s; an hour when one with a journal is gone)",
      ).argParser(duration),
    )
    .addOption(
      new Option(
        "--drain-timeout <duration>",
        "how long running tasks may go on after SIGTERM or the lifetime; SIGUSR1 sets no limit",
      )
        .argParser(timerDuration)
        .default(10_000, "10s"),
    )
    .addOption(
      new Option(
        "--lifetime <duration>",
        "leave in good order after this time, before the time limit of a job",
      ).argParser(timerDuration),
    )
    .addOption(
      new Option(
        "--lifetime-stagger <duration>",
        "leave earlier by a random part of this time, so that workers do not leave together",
      )
        .argParser(timerDuration)
        .default(0, "0"),
    )
    .addOption(endMarginOption("take no new tasks"))
    // Read by launch.js, which starts this program.
    .option("--no-supervise", "do not restart the worker when its process dies")
    .action(run);
  return withExample(
    withLogOptions(withTlsOptions(command)),
    "thence worker --scheduler-file s.json --module ./tasks.ts",
    "thence worker ws://10.1.0.7:8786 --token-file t --module ./tasks.ts --resources gpu=1",
  );
}

async function run(address: string | undefined, options: Options, command: Command): Promise<void> {
  checkWork(options, command);
  configureLog({ format: options.logFormat, level: options.logLevel });
  const log = createLog("worker");
  const share = workerShare(options);
  if (share.threads * options.concurrency > limits.slots) {
    throw new UsageError(
      `--threads ${share.threads} and --concurrency ${options.concurrency}: that is more than ${limits.slots} tasks at once`,
    );
  }
  const supervised = supervision();
  const ownName = supervised?.name ?? `${hostname()}-${process.pid}`;
  const mark = supervised?.mark ?? randomUUID();
  const defaultName = workerName(process.env) ?? ownName;
  // The mark is the same after a restart.
  const names = [defaultName, `${defaultName}-${mark.slice(0, 6)}`] as const;
  const target = schedulerTarget({ ...options, address, warn: log.warning });
  const chosenInterface = options.interface ?? (process.env.THENCE_INTERFACE || undefined);

  const job = slurmStep(process.env);
  const words = { target, name: options.name ?? defaultName, job };
  if (supervised?.lastWords) {
    const { sayLastWords } = await import("../worker/last-words.ts");
    await sayLastWords({ ...words, ...supervised.lastWords });
    process.exit(0);
  }
  const localAddress =
    chosenInterface === undefined
      ? undefined
      : await orSayWhy(words, () => interfaceAddress(chosenInterface));
  const tls = await orSayWhy(words, () => tlsOf(options));
  const { timeLeftMs, leaveInTime } = await workerEnd(options, log);
  const worker = {
    target,
    ...(job && { job }),
    timeLeftMs,
    modules: options.module ?? [],
    exec: options.exec,
    mark,
    ...(supervised && { supervisor: process.ppid }),
    ...(supervised?.predecessor && { predecessor: supervised.predecessor }),
    ...share,
    ...(options.tags && { tags: options.tags }),
    concurrency: options.concurrency,
    isolation: options.isolation,
    ...(localAddress !== undefined && { localAddress }),
    ...(tls !== undefined && { tls }),
    ...(options.localDirectory !== undefined && { localDirectory: options.localDirectory }),
    ...(options.deathTimeout !== undefined && { deathTimeoutMs: options.deathTimeout }),
    drainTimeoutMs: options.drainTimeout,
    log,
  };
  if (supervised?.predecessor) {
    log.warning(`the worker before this one died: ${supervised.predecessor.how}`, {
      pid: supervised.predecessor.pid,
    });
  }
  const { warning } = workerCores(process.env);
  if (warning !== undefined && options.threads === undefined) log.warning(warning);
  const start = async (signal: AbortSignal) => {
    const { startWorker } = await import("../cluster/worker.ts");
    const startAs = (name: string) => startWorker({ ...worker, name, signal });
    // The first rank of a run says it for all.
    const onHeard = () => supervised?.isRank && configureLog({ write: () => undefined });
    const starting = orSayWhy({ ...words, localAddress, signal, onHeard }, () =>
      options.name === undefined ? startByDefault(names, startAs, log) : startAs(options.name),
    );
    const running = await starting.catch((error: unknown) => {
      tellSupervisor("ending");
      throw isFinal(error) ? new UsageError(messageOf(error)) : error;
    });
    tellSupervisor("joined");
    running.ended.then(
      () => tellSupervisor("ending"),
      (error) => tellSupervisor(error instanceof StuckThreadError ? "replace-me" : "ending"),
    );
    const drain = (reason: string) => void running.stop(reason, longestTimerMs);
    leaveInTime(running);
    return { ...running, drain };
  };
  await runDaemon({ start, drains: true, log });
}

/** Ends a command whose workers would have nothing to run. */
export function checkWork(
  { module, exec }: { module?: unknown; exec: string },
  command: Command,
): void {
  if (module || exec === "only") return;
  command.error(
    "error: required option '--module <[name=]module>' not specified; without functions of your own, give --exec only",
  );
}

/** Whether the scheduler refuses what this worker was given. A name may be free at another time. */
function isFinal(error: unknown): boolean {
  if (error instanceof NameTakenError) return false;
  return [RejectedError, AuthenticationError, ProtocolError].some((kind) => error instanceof kind);
}

/** Starts a worker by the first of its names or, when another worker has that, by the second. */
function startByDefault<Started>(
  [name, otherName]: readonly [string, string],
  startAs: (name: string) => Promise<Started>,
  log: Log,
): Promise<Started> {
  return startAs(name).catch((error: unknown) => {
    if (!(error instanceof NameTakenError)) throw error;
    log.info(`another worker is named ${name}: this one is ${otherName}`);
    return startAs(otherName);
  });
}
