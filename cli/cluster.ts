// `thence cluster slurm`: runs a scheduler in this process's care, and keeps workers for it that are jobs
// of Slurm, until it is asked to end.

import { Command, InvalidArgumentError, Option } from "commander";
import { moduleSource } from "../cluster/module-source.ts";
import { timeLimitMinutes } from "../cluster/slurm/time-limit.ts";
import type { SlurmClusterOptions } from "../cluster/slurm/slurm-cluster.ts";
import { configureLog, createLog } from "../src/log.ts";
import { tlsModes } from "../src/meeting/tls.ts";
import { limits } from "../src/wire/limits.ts";
import { runDaemon, type Running } from "./daemon.ts";
import { messageOf, UsageError } from "./exit-code.ts";
import {
  duration,
  size,
  wholeNumber,
  withExample,
  withLogOptions,
  type LogOptions,
} from "./options.ts";

type Options = LogOptions & {
  module: string[];
  workers?: number;
  adapt?: { minimum: number; maximum: number };
  idle: number;
  cpusPerWorker: number;
  memory?: number;
  time?: string;
  partition?: string;
  account?: string;
  interface?: string;
  host?: string;
  port: number;
  tls?: "on" | "off";
  setup?: string[];
  workerOption?: string[];
  jobName?: string;
  directory?: string;
  schedulerFile?: string;
  print?: boolean;
};

export function clusterCommand(): Command {
  const command = new Command("cluster")
    .description("Start workers as jobs of a batch system, with a scheduler here.")
    .addCommand(slurmCommand());
  return withExample(command, "thence cluster slurm --workers 4 --time 1h --module ./tasks.ts");
}

function slurmCommand(): Command {
  const jobs = wholeNumber(0, 100_000);
  const command = new Command("slurm")
    .description(
      "Start a scheduler here and submit worker jobs to Slurm, until SIGINT or SIGTERM, which cancel the jobs.",
    )
    .argument("[sbatch-options...]", "after --: further options of sbatch for each job")
    .addOption(
      new Option("--module <[name=]module>", "file or package with functions; may be repeated")
        .argParser(module)
        .makeOptionMandatory(),
    )
    .option("--workers <number>", "worker jobs to keep (default: 1)", jobs)
    .addOption(
      new Option("--adapt <min:max>", "as many worker jobs as the waiting tasks need")
        .argParser(bounds)
        .conflicts("workers"),
    )
    .addOption(
      new Option("--idle <duration>", "with --adapt: let workers go that were idle for so long")
        .argParser(duration)
        .default(60_000, "60s"),
    )
    .option(
      "--cpus-per-worker <number>",
      "cores of each worker job, and threads",
      wholeNumber(1, limits.slots),
      1,
    )
    .option("--memory <size>", "memory of each worker job, like 16GiB", size)
    .option(
      "--time <limit>",
      "time limit of each worker job: 1h30m, or as sbatch has it",
      timeLimit,
    )
    .option("--partition <name>", "partition of the jobs")
    .option("--account <name>", "account that is charged")
    .option(
      "--interface <name>",
      "network interface between the nodes and this machine, like ib0; default: the only network",
    )
    .option("--host <address>", "address to listen on, where the interface has another name here")
    .option("--port <number>", "port to listen on; 0 for a free one", wholeNumber(0, 65_535), 0)
    .addOption(
      new Option(
        "--tls <whether>",
        "encrypt between this machine and the nodes (default: on, except on loopback)",
      ).choices(tlsModes),
    )
    .addOption(
      new Option(
        "--scheduler-file <file>",
        "write the URLs and the token to this file, which the nodes must see",
      ).env("THENCE_SCHEDULER_FILE"),
    )
    .option(
      "--directory <path>",
      "for the output of the jobs, which the nodes must see (default: .)",
    )
    .option("--setup <line>", "line of shell before each worker; may be repeated", repeated)
    .option("--worker-option <option>", "option of thence worker; may be repeated", repeated)
    .option("--job-name <name>", "name of the jobs (default: thence-worker)")
    .option("--print", "print the batch script of a worker, and submit nothing")
    .action(run);
  return withExample(
    withLogOptions(command),
    "thence cluster slurm --workers 4 --cpus-per-worker 8 --time 1h --module ./tasks.ts",
    "thence cluster slurm --adapt 0:20 --interface ib0 --module ./tasks.ts -- --gres=gpu:1",
  );
}

async function run(extra: string[], options: Options): Promise<void> {
  const { SlurmCluster, slurmScript, hostOf } = await import("../cluster/slurm/slurm-cluster.ts");
  configureLog({ format: options.logFormat, level: options.logLevel });
  const log = createLog("cluster");
  const of = clusterOptions(extra, options);
  if (options.print) {
    process.stdout.write(orUsageError(() => slurmScript(of)));
    return;
  }
  orUsageError(() => hostOf(of));
  const start = async (): Promise<Running> => {
    const cluster = await SlurmCluster.start({ ...of, onLine: log.info });
    if (options.adapt) await cluster.adapt({ ...options.adapt, idleMs: options.idle });
    log.info(`programs find the scheduler by THENCE_SCHEDULER_FILE=${cluster.schedulerFile}`);
    // Nobody is there to start workers by another way.
    const failed = new Promise<never>((_, reject) => {
      const look = setInterval(() => {
        if (cluster.failure === undefined || cluster.jobs.length > 0) return;
        clearInterval(look);
        reject(cluster.failure);
      }, lookEveryMs);
      look.unref();
    });
    const ended = cluster.ended.then(() => "its scheduler was shut down");
    return { stop: () => cluster.close(), ended: Promise.race([ended, failed]) };
  };
  await runDaemon({ start, log });
}

const lookEveryMs = 1_000;

function clusterOptions(extra: string[], options: Options): SlurmClusterOptions {
  const { module: modules, adapt, workers = adapt?.minimum ?? 1, workerOption, ...more } = options;
  const { cpusPerWorker, memory, time, partition, account, host, port, setup } = more;
  const { interface: network, tls, jobName, directory, schedulerFile, logLevel, logFormat } = more;
  return {
    modules,
    workers,
    cpusPerWorker,
    port,
    extra,
    logLevel,
    logFormat,
    ...(memory !== undefined && { memory }),
    ...(time !== undefined && { time }),
    ...(partition !== undefined && { partition }),
    ...(account !== undefined && { account }),
    ...(network !== undefined && { interface: network }),
    ...(host !== undefined && { host }),
    ...(tls !== undefined && { tls }),
    ...(setup !== undefined && { setup }),
    ...(workerOption !== undefined && { workerOptions: workerOption }),
    ...(jobName !== undefined && { jobName }),
    ...(directory !== undefined && { directory }),
    ...(schedulerFile && { schedulerFile }),
  };
}

function orUsageError<Result>(act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** Checks a module, and keeps it as it is written, for the command line of the workers. */
function module(text: string, earlier: string[] = []): string[] {
  moduleSource(text);
  return [...earlier, text];
}

function repeated(text: string, earlier: string[] = []): string[] {
  return [...earlier, text];
}

function timeLimit(text: string): string {
  try {
    timeLimitMinutes(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  return text;
}

function bounds(text: string): { minimum: number; maximum: number } {
  const [, minimum, maximum] = /^(\d{1,6}):(\d{1,6})$/.exec(text) ?? [];
  const read = { minimum: Number(minimum), maximum: Number(maximum) };
  if (read.minimum <= read.maximum) return read;
  throw new InvalidArgumentError("Expected min:max, like 0:20.");
}
