// `thence run`: runs a program with a scheduler and workers of its own, on this machine or, started by
// srun, on all nodes of a step.

import { Command, Option } from "commander";
import { hostname } from "node:os";
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { listenAddress } from "../cluster/listen-address.ts";
import { removeLeftFiles } from "../cluster/run/left-files.ts";
import { placeOfRun, type Place } from "../cluster/run/place.ts";
import { awaitFirstRank, superviseRank } from "../cluster/run/rank-worker.ts";
import { configureLog, createLog, logLevels, type LogLevel } from "../src/log.ts";
import type { Tls } from "../src/meeting/tls.ts";
import type { ModuleSource } from "../worker/main.ts";
import { outliveStandardStreams, writeErrorLine } from "../src/standard-streams.ts";
import { onEveryDrainRequest, onEveryEndRequest } from "./end-requests.ts";
import { jobEnd } from "../cluster/slurm/job-end.ts";
import { exitCodeOf, messageOf, UsageError } from "./exit-code.ts";
import { interfaceAddress, withExample, type LogOptions } from "./options.ts";
import { tlsOf, type TlsOptions } from "./tls.ts";
import { checkWork, workerCommand } from "./worker.ts";

type Options = LogOptions &
  TlsOptions & {
    schedulerFile?: string;
    interface?: string;
    module?: ModuleSource[];
    exec: string;
    endMargin?: number;
    deathTimeout: number;
  };

/** As that of a scheduler in a batch job. */
const workerTimeoutMs = 120_000;

/** Options of the worker that would be the same in every rank, or name another scheduler. */
const ownOptions = [
  "--scheduler-file",
  "--token-file",
  "--tls-ca",
  "--name",
  "--no-supervise",
  "--log-level",
];

export function runCommand(): Command {
  const command = new Command("run")
    .description("Run a program with a scheduler and workers that end with it, here or by srun.")
    .argument("<script>", "the program: it finds the scheduler by Client.connect()")
    .argument("[args...]", "its arguments")
    .passThroughOptions()
    .option(
      "--scheduler-file <file>",
      "where the ranks meet, on a file system of all nodes; default: in the working directory",
    )
    .addOption(
      new Option("--log-level <level>", "lowest level that is logged")
        .choices(logLevels)
        .default("warning"),
    )
    .addHelpText(
      "after",
      "\nOn every node of a job: srun -N2 -n4 thence run --module ./tasks.ts main.ts",
    )
    .action(run);
  for (const option of workerCommand().options) {
    if (!ownOptions.includes(option.long ?? "")) command.addOption(option);
  }
  // Every rank finds the same mistakes. One says them.
  if (placeOfRun(process.env, ".").rank > 0) command.configureOutput({ writeErr: () => undefined });
  return withExample(
    command,
    "thence run --module ./tasks.ts main.ts",
    "thence run --module ./tasks.ts --threads 4 main.ts --steps 100",
  );
}

async function run(
  script: string,
  args: readonly string[],
  options: Options,
  command: Command,
): Promise<void> {
  checkWork(options, command);
  outliveStandardStreams();
  configureLog({ format: options.logFormat, level: options.logLevel });
  // On every rank, so that none waits for a first one that cannot start.
  if (options.interface) interfaceAddress(options.interface);
  const place = placeOfRun(process.env, process.cwd());
  const schedulerFile =
    options.schedulerFile === undefined ? place.schedulerFile : resolve(options.schedulerFile);
  const tls = await tlsOf(options);
  const worker = workerOptions(command, options.logLevel);
  const code =
    place.rank === 0
      ? await runFirst({ ...place, schedulerFile }, [script, ...args], worker, options, tls)
      : await runOther({ ...place, schedulerFile: schedulerFile! }, worker, options);
  process.exit(code);
}

async function runFirst(
  place: Place,
  program: readonly string[],
  worker: readonly string[],
  options: Options,
  tls: Tls | undefined,
): Promise<number> {
  const log = createLog("run");
  const script = program[0]!;
  const wrong = isFile(script) ? undefined : `there is no file ${script} in ${process.cwd()}`;
  if (wrong !== undefined && place.ranks === 1) throw new UsageError(wrong);
  // The other ranks hear of it by the scheduler.
  if (wrong !== undefined) say(wrong);
  if (place.warning !== undefined) log.warning(place.warning);
  const { host, why, isUnreachable } = options.interface
    ? { host: interfaceAddress(options.interface), why: `listens on ${options.interface}` }
    : await listenAddress(place.nodes);
  if (isUnreachable) log.warning(why);
  else log.info(why);

  const end = await jobEnd(options, log);
  const { runFirstRank } = await import("../cluster/run/first-rank.ts");
  if (place.schedulerFile !== undefined) await removeLeftFiles(place.schedulerFile);
  const code = await runFirstRank({
    ...place,
    host,
    ...(tls !== undefined && { tls }),
    program: wrong === undefined ? program : undefined,
    worker,
    log: createLog("scheduler"),
    core: process.env.SLURM_JOB_ID ? { workerTimeoutMs } : {},
    onStart: (scheduler) => {
      end?.onNear(() => scheduler.endSoon(end.limit, Math.max(0, end.leftMs())));
    },
    say,
    onSignal: onEverySignal,
    isForTheDriver: (signal) => !hasReachedAll(signal, place),
  });
  return code ?? 2;
}

async function runOther(
  place: Place & { schedulerFile: string },
  worker: readonly string[],
  { deathTimeout }: Options,
): Promise<number> {
  // Slurm gives what srun reads to all ranks, and stops when one of them does not take it.
  process.stdin.resume();
  try {
    await awaitFirstRank(place.schedulerFile, deathTimeout);
  } catch (error) {
    const node = process.env.SLURMD_NODENAME ?? hostname();
    say(`rank ${place.rank} on ${node}: ${messageOf(error)}`);
    return exitCodeOf(error);
  }
  return superviseRank({
    schedulerFile: place.schedulerFile,
    options: worker,
    say,
    onEndRequest: onEveryEndRequest,
    onDrainRequest: onEveryDrainRequest,
  });
}

/** The options as they were written, for the command of the worker. */
function workerOptions(command: Command, logLevel: LogLevel): string[] {
  const written = process.argv.slice(3, process.argv.length - command.args.length);
  if (written.at(-1) === "--") written.pop();
  return ["--log-level", logLevel, ...written];
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function onEverySignal(listener: (signal: NodeJS.Signals) => void): void {
  onEveryEndRequest((why) => listener(why === "disconnect" ? "SIGTERM" : why));
  onEveryDrainRequest(listener);
  process.on("SIGQUIT", listener);
}

/**
 * Whether whoever sent the signal has sent it to the driver, too. Slurm signals every process of a step,
 * and a terminal every process in the foreground; a second signal would interrupt what the driver does at the first.
 */
function hasReachedAll(signal: NodeJS.Signals, { isStep }: Place): boolean {
  if (isStep) return true;
  return process.stdin.isTTY && ["SIGINT", "SIGQUIT", "SIGHUP"].includes(signal);
}

function say(line: string): void {
  writeErrorLine(`thence run: ${line}\n`);
}
