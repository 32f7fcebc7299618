// `thence scheduler`: runs a scheduler in this process.

import { Command, InvalidArgumentError, Option } from "commander";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { listenAddress } from "../cluster/listen-address.ts";
import { LateWorkers } from "../cluster/slurm/late-workers.ts";
import { jobNodes, slurmJob, slurmStep } from "../cluster/slurm/step.ts";
import { jobEnd } from "../cluster/slurm/job-end.ts";
import { runningSteps } from "../cluster/slurm/steps.ts";
import { durabilities, type Durability } from "../scheduler/journal/durability.ts";
import { JournalError, type JournalErrorKind } from "../scheduler/journal/journal-error.ts";
import { configureLog, createLog, type Log } from "../src/log.ts";
import { withoutPin } from "../src/link/pin.ts";
import { checkSchedulerPath } from "../src/meeting/scheduler-file.ts";
import { givenToken } from "../src/meeting/token.ts";
import { supervision, tellSupervisor } from "../cluster/supervise.ts";
import { runDaemon, type Running } from "./daemon.ts";
import { messageOf, UsageError } from "./exit-code.ts";
import {
  endMarginOption,
  interfaceAddress,
  size,
  timerDuration,
  wholeNumber,
  withExample,
  withLogOptions,
  type LogOptions,
} from "./options.ts";
import { tlsOf, withTlsOptions, type TlsOptions } from "./tls.ts";

type Options = LogOptions &
  TlsOptions & {
    host?: string;
    interface?: string;
    port: number;
    schedulerFile?: string;
    token?: string;
    tokenFile?: string;
    idleTimeout?: number;
    clientGrace?: number;
    workerTimeout?: number;
    endMargin?: number;
    journal?: string;
    durability?: Durability;
    memoryLimit?: number;
    pidFile?: string;
  };

export function schedulerCommand(): Command {
  const command = new Command("scheduler")
    .description("Start a scheduler: the process that workers and clients connect to.")
    .option(
      "--host <address>",
      "address to listen on; default: 127.0.0.1, or the network of a job",
      nonEmptyAddress,
    )
    .addOption(
      new Option(
        "--interface <name>",
        "listen on the address of this network interface, like ib0; else $THENCE_INTERFACE",
      ).conflicts("host"),
    )
    .option("--port <number>", "port to listen on; 0 for a free one", wholeNumber(0, 65_535), 8786)
    .addOption(
      new Option(
        "--scheduler-file <file>",
        "write the URLs and the token to this file, which only you can read",
      ).env("THENCE_SCHEDULER_FILE"),
    )
    .addOption(
      new Option(
        "--token <text>",
        "token of this scheduler; every user of this machine can see it here",
      ).conflicts("tokenFile"),
    )
    .option("--token-file <file>", "file with the token; else $THENCE_TOKEN, else a new token")
    .option(
      "--idle-timeout <duration>",
      "end after this time without clients, tasks and anything kept for others",
      timerDuration,
    )
    .option(
      "--client-grace <duration>",
      "how long a busy client may be silent on an open connection (default: 10m)",
      timerDuration,
    )
    .option(
      "--worker-timeout <duration>",
      "how long tasks wait while there is no worker (default: 2m in a batch job, else for ever)",
      timerDuration,
    )
    .addOption(endMarginOption("start no more tasks, and tell clients,"))
    .option(
      "--journal <directory>",
      "keep everything there for a successor, and start one when this scheduler dies",
    )
    .addOption(
      new Option(
        "--durability <strength>",
        "what the journal survives: a crash, or a loss of power (default: process)",
      ).choices(durabilities),
    )
    .option("--no-supervise", "with a journal: end when the scheduler dies, and start none anew")
    .option(
      "--memory-limit <size>",
      "memory for what is kept, beyond which new tasks are refused (default: 30% of the machine's)",
      size,
    )
    .option("--pid-file <file>", "write the process id to this file")
    .action(run);
  return withExample(
    withLogOptions(withTlsOptions(command)),
    "thence scheduler --scheduler-file s.json",
    "thence scheduler --interface ib0 --port 0 --scheduler-file scheduler-$SLURM_JOB_ID.json",
    "thence scheduler --journal ./journal --scheduler-file s.json",
  );
}

async function run(options: Options): Promise<void> {
  configureLog({ format: options.logFormat, level: options.logLevel });
  const log = createLog("scheduler");
  supervision();
  if (options.token !== undefined) {
    // Hides the token from the list of processes from now on.
    process.title = "thence scheduler";
    log.warning("--token shows the token to every user of this machine; prefer --token-file");
  }
  if (options.schedulerFile) {
    try {
      checkSchedulerPath(options.schedulerFile, { toRead: false });
    } catch (error) {
      throw new UsageError(messageOf(error));
    }
  }
  if (options.journal === "") throw new UsageError("--journal takes the path of a folder");
  if (options.durability !== undefined && options.journal === undefined) {
    throw new UsageError("--durability needs --journal: without one nothing is kept");
  }
  const job = slurmJob(process.env);
  const workerTimeoutMs = options.workerTimeout ?? (job === undefined ? undefined : 120_000);
  const given = await givenToken({ ...options, warn: log.warning }).catch((error: unknown) => {
    throw new UsageError(messageOf(error));
  });
  const host = await hostOf(options, log);
  const tls = await tlsOf(options);

  const lateWorkers = new LateWorkers();
  const isInBatchScript = job !== undefined && slurmStep(process.env) === undefined;

  const start = async (): Promise<Running> => {
    const { startScheduler } = await import("../scheduler/main.ts");
    // Without a scheduler file, nobody would know the new token.
    const isUntold = given === undefined && !options.schedulerFile;
    const directory =
      isUntold && options.journal === undefined
        ? await mkdtemp(join(tmpdir(), "thence-"))
        : undefined;
    const folder = directory ?? (isUntold ? options.journal : undefined);
    const schedulerFile = folder ? join(folder, "scheduler.json") : options.schedulerFile;
    const removeDirectory = async () => {
      if (directory !== undefined) await rm(directory, { recursive: true, force: true });
    };
    const scheduler = await startScheduler({
      host,
      port: options.port,
      ...(tls !== undefined && { tls }),
      ...(given !== undefined && { token: given }),
      ...(options.journal !== undefined && {
        journal: options.journal,
        ...(options.durability !== undefined && { durability: options.durability }),
      }),
      log,
      ...(schedulerFile !== undefined && { schedulerFile }),
      ...(options.memoryLimit !== undefined && { memoryLimit: options.memoryLimit }),
      core: {
        ...(options.clientGrace !== undefined && { clientGraceMs: options.clientGrace }),
        ...(workerTimeoutMs !== undefined && { workerTimeoutMs }),
      },
      onWorker: (name) => lateWorkers.came(name),
      ...(job !== undefined && { steps: { job, running: () => runningSteps(job) } }),
      ...(options.idleTimeout !== undefined && { idleTimeoutMs: options.idleTimeout }),
    }).catch(async (error: unknown) => {
      await removeDirectory();
      throw isWrongUsage(error as Error) ? new UsageError(messageOf(error)) : error;
    });

    void jobEnd(options, log).then((end) => {
      end?.onNear(() => scheduler.endSoon(end.limit, Math.max(0, end.leftMs())));
    });
    tellSupervisor("joined");
    log.info(`listening on ${scheduler.urls.map(withoutPin).join(" and ")}`);
    if (schedulerFile !== undefined) {
      log.info(`the token is in ${resolve(schedulerFile)}, which only you can read`);
    } else {
      log.info(`the token is the one from ${sourceOf(options)}`);
    }
    log.info(`connect a worker with: ${workerLine(scheduler.url, schedulerFile, options)}`);
    return {
      ended: scheduler.ended,
      stop: async (reason) => {
        const isSignal = reason === "SIGTERM" || reason === "SIGINT";
        if (isInBatchScript && isSignal) await lateWorkers.wait(job, log);
        await scheduler.stop();
        await removeDirectory();
      },
    };
  };
  await runDaemon({ start, log, pidFile: options.pidFile });
}

/** The address, the scheduler file or the journal is at fault, which another attempt would not mend. */
function isWrongUsage(error: Error): boolean {
  if (error instanceof JournalError && unusable.includes(error.kind)) return true;
  const { code = "" } = (error.cause ?? {}) as NodeJS.ErrnoException;
  return wrongUsage.includes(code);
}
const unusable: readonly JournalErrorKind[] = ["newer", "other-version", "damaged", "planted"];
const wrongUsage = [
  ...["EADDRNOTAVAIL", "ENOTFOUND", "EACCES", "EPERM", "EROFS"],
  ...["ENOENT", "ENOTDIR", "EISDIR"],
];

/** The address to listen on. In a job of several nodes, loopback would be out of reach for most of them. */
async function hostOf(options: Options, log: Log): Promise<string> {
  if (options.host !== undefined) return options.host;
  if (options.interface) return interfaceAddress(options.interface);
  const nodes = jobNodes(process.env);
  const { host, why, isUnreachable } = await listenAddress(nodes).catch((error: unknown) => {
    throw new UsageError(messageOf(error));
  });
  if (isUnreachable) log.warning(why);
  else if (nodes > 1 || process.env.THENCE_INTERFACE) log.info(why);
  return host;
}

function sourceOf({ token, tokenFile }: Options): string {
  if (token !== undefined) return "--token";
  if (tokenFile !== undefined) return tokenFile;
  return process.env.THENCE_TOKEN ? "$THENCE_TOKEN" : "$THENCE_TOKEN_FILE";
}

function workerLine(url: string, schedulerFile: string | undefined, options: Options): string {
  const module = "--module ./tasks.ts";
  if (schedulerFile !== undefined) {
    return `thence worker --scheduler-file ${quoted(resolve(schedulerFile))} ${module}`;
  }
  if (options.tokenFile !== undefined) {
    return `thence worker ${url} --token-file ${quoted(resolve(options.tokenFile))} ${module}`;
  }
  return `thence worker ${url} ${module}  (with the token in $THENCE_TOKEN)`;
}

function quoted(path: string): string {
  return /^[\w./:@%+=-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}

/** Refuses an empty address, from an unset variable: it would listen on all addresses. */
function nonEmptyAddress(text: string): string {
  if (text.trim() !== "") return text;
  throw new InvalidArgumentError(
    "Expected an address, like 127.0.0.1, or 0.0.0.0 for all of them.",
  );
}
