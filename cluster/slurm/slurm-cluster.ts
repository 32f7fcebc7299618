// A cluster from outside of Slurm's jobs: a scheduler beside the program, on a login node say, and workers
// that are jobs of their own. Which nodes they get, and when, is Slurm's decision.

import { mkdtemp, open, rm } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { dirname, join, resolve } from "node:path";
import { checkedNames, number, text, wrongType } from "../../client/option-checks.ts";
import type { UntypedTasks } from "../../client/types.ts";
import type { LogFormat, LogLevel } from "../../src/log.ts";
import { addressOfInterface, type Interfaces } from "../../src/meeting/address.ts";
import { checkSchedulerPath } from "../../src/meeting/scheduler-file.ts";
import { credentialsFor, tlsModes } from "../../src/meeting/tls.ts";
import { mintToken } from "../../src/meeting/token.ts";
import { refuseInModule } from "../../src/module-loading.ts";
import { parseSize } from "../../src/size.ts";
import { limits } from "../../src/wire/limits.ts";
import { BatchCluster, type BatchClusterParts } from "../batch-cluster.ts";
import { moduleSource } from "../module-source.ts";
import { program } from "../program.ts";
import { RestartedChild } from "../restarted-child.ts";
import { slurm } from "./jobs.ts";
import { sbatchOptions, workerNameOf, workerScript, type WorkerScript } from "./script.ts";
import { timeLimitMinutes } from "./time-limit.ts";

/**
 * The options of `SlurmCluster.start`.
 *
 * @example
 * // Four nodes for an hour, with eight cores each, and a GPU.
 * await SlurmCluster.start({
 *   modules: ["./tasks.ts"],
 *   workers: 4,
 *   cpusPerWorker: 8,
 *   time: "1h",
 *   interface: "ib0",
 *   extra: ["--gres=gpu:1"],
 * });
 */
export type SlurmClusterOptions = {
  /**
   * The modules with the functions to run, at least one: `[name=]module`, a path relative to the working
   * directory, a file URL, or a package. The nodes must see the same files under the same paths.
   */
  modules: readonly (string | URL)[];
  /** Worker jobs to keep, from 0 on; default 1. See `scale` and `adapt`. */
  workers?: number;
  /** Cores of each worker job, and as many threads; default 1. */
  cpusPerWorker?: number;
  /** Memory of each worker job, `16GiB` or a number of bytes. Default: the partition's. */
  memory?: string | number;
  /**
   * Time limit of each worker job: `1h30m`, Slurm's own `1:30:00`, or milliseconds. Slurm rounds it up to
   * minutes. Workers leave before it, and their jobs are replaced. Default: the partition's.
   */
  time?: string | number;
  /** Default: Slurm's. */
  partition?: string;
  /** The account that is charged. Default: yours. */
  account?: string;
  /**
   * The network between the nodes and this machine, like `ib0`: the scheduler listens on the address of
   * this interface, and workers use theirs of the same name. Default: this machine's only
   * network; where there are several, one must be named.
   */
  interface?: string;
  /** The address to listen on, when this machine's interface has another name than those of the nodes. */
  host?: string;
  /** The port to listen on. Default: a free one. */
  port?: number;
  /**
   * "off": nothing is encrypted between this machine and the nodes, so that whoever is on their network can read and
   * change arguments and results. Default "on", except on loopback.
   */
  tls?: "on" | "off";
  /** Further options of sbatch for each job: `["--gres=gpu:1", "--qos=short"]`. */
  extra?: readonly string[];
  /** Lines of shell that each job runs before its worker: `["module load cuda"]`. */
  setup?: readonly string[];
  /** Further options of `thence worker`: `["--concurrency=4"]`. */
  workerOptions?: readonly string[];
  /** The name of the jobs in Slurm's queue; default `thence-worker`. */
  jobName?: string;
  /**
   * A directory that the nodes see under the same path. The cluster makes one in it that only you can read, for
   * the scheduler file and what the jobs print, and removes it at the end. Default: the working directory.
   */
  directory?: string;
  /** Where to write the scheduler file, for other programs. Default: in that directory. */
  schedulerFile?: string;
  /** Hears, a line each, which jobs are submitted, wait and end, and why. Default: nobody does. */
  onLine?: (line: string) => void;
  /** The lowest level that the scheduler logs to standard error; default "error". */
  logLevel?: LogLevel;
  /** "text" for people, "json" for machines; default "text". */
  logFormat?: LogFormat;
};

const optionNames: readonly (keyof SlurmClusterOptions)[] = [
  "modules",
  "workers",
  "cpusPerWorker",
  "memory",
  "time",
  "partition",
  "account",
  "interface",
  "host",
  "port",
  "tls",
  "extra",
  "setup",
  "workerOptions",
  "jobName",
  "directory",
  "schedulerFile",
  "onLine",
  "logLevel",
  "logFormat",
];

/**
 * A cluster whose workers are jobs of Slurm.
 *
 * When the program dies without closing it, its workers end at once, since its scheduler says goodbye to
 * them; when its whole machine dies, half a minute later. Jobs that still wait end when they
 * start.
 */
export class SlurmCluster<Tasks = UntypedTasks> extends BatchCluster<Tasks> {
  /**
   * Starts a scheduler on this machine and submits worker jobs with sbatch. Resolves once they are submitted:
   * they may wait long in the queue, and tasks wait for them. `client.waitForWorkers(n)` waits, too.
   *
   * @throws {BatchSystemError} with Slurm's words, when it refuses a job, or is not on this machine
   * @throws {TypeError | RangeError} when an option is wrong
   * @throws {Error} naming the interfaces of this machine, when one must be chosen
   * @example
   * await using cluster = await SlurmCluster.start<typeof import("./tasks.ts")>({
   *   modules: ["./tasks.ts"],
   *   workers: 4,
   *   cpusPerWorker: 8,
   *   time: "1h",
   *   interface: "ib0",
   * });
   * await cluster.client.gather(cluster.client.map("add", [1, 2], [10, 11])); // [11, 13]
   */
  static async start<Tasks = UntypedTasks>(
    options: SlurmClusterOptions,
  ): Promise<SlurmCluster<Tasks>> {
    refuseInModule("SlurmCluster.start");
    const { workers = 1, onLine: say = () => undefined } = options;
    number(workers, "workers", { type: "integer", minimum: 0 });
    // Refuses wrong options before anything is there.
    checkedScript(options, "x");
    const host = hostOf(options);
    const directory = await mkdtemp(join(resolve(options.directory ?? "."), "thence-"));
    const script = checkedScript(options, directory);
    const token = mintToken();
    // Made here, so that a scheduler that takes the place of a dead one has the same. It warns of none itself.
    const tls = (await credentialsFor(host, options.tls, () => undefined)) ?? "off";
    const { port = 0, logLevel = "error", logFormat = "text" } = options;
    const { schedulerFile } = script;
    const scheduler = new RestartedChild(
      "scheduler",
      Promise.resolve({
        role: "scheduler",
        token,
        logLevel,
        logFormat,
        host,
        port,
        tls,
        schedulerFile,
      }),
    );
    const removeFiles = () => rm(directory, { recursive: true, force: true });
    let cluster: SlurmCluster<Tasks> | undefined;
    try {
      const { url = "" } = await scheduler.ready;
      const parts: BatchClusterParts = {
        scheduler,
        url,
        token,
        schedulerFile,
        jobs: {
          system: slurm(sbatchOptions(script)),
          script: workerScript(script),
          workerNameOf,
          lastOutputOf: (job) => lastLinesOf(join(directory, `${job}.out`)),
          say,
        },
        slots: script.cpus,
        say,
        removeFiles,
      };
      const { session, client } = await this.connect<Tasks>(parts);
      cluster = new SlurmCluster<Tasks>(parts, session, client);
      await cluster.scale(workers);
      return cluster;
    } catch (error) {
      await (cluster?.close() ?? scheduler.stop()).catch(() => undefined);
      await removeFiles();
      throw error;
    }
  }
}

/**
 * The batch script that `SlurmCluster.start` would submit, without submitting anything. The scheduler
 * file that it names is not there.
 *
 * @throws {TypeError | RangeError} when an option is wrong
 */
export function slurmScript(options: SlurmClusterOptions): string {
  return workerScript(checkedScript(options, resolve(options.directory ?? ".", "thence-XXXXXX")));
}

function checkedScript(options: SlurmClusterOptions, directory: string): WorkerScript {
  checkedNames(options, optionNames, "SlurmCluster");
  const { modules, cpusPerWorker = 1, memory, time, jobName = "thence-worker" } = options;
  if (!Array.isArray(modules) || modules.length === 0) {
    throw new TypeError('give the modules with your functions: { modules: ["./tasks.ts"] }');
  }
  for (const name of ["partition", "account", "interface", "host", "jobName"] as const) {
    const value = options[name];
    if (value !== undefined) text(value, name, { minLength: 1 });
  }
  number(cpusPerWorker, "cpusPerWorker", { type: "integer", minimum: 1, maximum: limits.slots });
  if (options.port !== undefined) {
    number(options.port, "port", { type: "integer", minimum: 0, maximum: 65_535 });
  }
  if (options.tls !== undefined && !tlsModes.includes(options.tls)) {
    throw new TypeError(`tls is "on" or "off", not ${JSON.stringify(options.tls)}`);
  }
  if (options.schedulerFile !== undefined) {
    checkSchedulerPath(options.schedulerFile, { toRead: false });
  }
  const schedulerFile = resolve(options.schedulerFile ?? join(directory, "scheduler.json"));
  const script: WorkerScript = {
    jobName,
    cpus: cpusPerWorker,
    memoryBytes: memory === undefined ? undefined : bytesOf(memory),
    timeLimitMinutes: time === undefined ? undefined : timeLimitMinutes(time),
    partition: options.partition,
    account: options.account,
    // In the names of output files Slurm replaces what follows a percent sign.
    output: join(directory.replaceAll("%", "%%"), "%j.out"),
    extra: textsOf(options.extra, "extra"),
    setup: textsOf(options.setup, "setup"),
    program,
    nodeDirectory: dirname(process.execPath),
    schedulerFile,
    interface: options.interface,
    modules: modules.map((module) => checkedModule(module)),
    workerOptions: textsOf(options.workerOptions, "workerOptions"),
  };
  workerScript(script);
  return script;
}

/** As the worker will read it, in the same working directory. */
function checkedModule(module: unknown): string {
  const written = module instanceof URL ? module.href : module;
  if (typeof written !== "string") throw wrongType("a module", "a path or a file URL", module);
  moduleSource(written);
  return written;
}

function bytesOf(memory: unknown): number {
  if (typeof memory === "string") return parseSize(memory);
  return number(memory, "memory", { minimum: 1 });
}

function textsOf(value: unknown, name: string): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw wrongType(name, "an array of strings", value);
  return value.map((each, index) => text(each, `${name}[${index}]`, { minLength: 1 }));
}

/**
 * The address to listen on: as the options say; else that of the only network of this machine; without
 * any network loopback, for a Slurm on this one machine.
 *
 * @throws {Error} naming the networks, when there are several
 */
export function hostOf(
  options: Pick<SlurmClusterOptions, "host" | "interface">,
  interfaces: Interfaces = networkInterfaces(),
): string {
  if (options.host !== undefined) return options.host;
  if (options.interface !== undefined) return addressOfInterface(options.interface, interfaces);
  const networks = Object.entries(interfaces).flatMap(([name, addresses = []]) => {
    const outside = addresses.filter(({ internal }) => !internal);
    try {
      return outside.length === 0 ? [] : [{ name, address: addressOfInterface(name, interfaces) }];
    } catch {
      return [];
    }
  });
  const [only] = networks;
  if (only === undefined) return "127.0.0.1";
  if (networks.length === 1) return only.address;
  const list = networks.map(({ name, address }) => `${name} (${address})`).join(", ");
  throw new Error(
    `say on which network the nodes reach this machine, with the option "interface": there are ${list}`,
  );
}

const lastBytes = 4_096;
const lastLines = 5;

/** The last lines of a file, as one; undefined when there are none. */
async function lastLinesOf(path: string): Promise<string | undefined> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - lastBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(lastBytes), 0, lastBytes, start);
    const lines = buffer.toString("utf8", 0, bytesRead).trim().split("\n");
    return lines.slice(-lastLines).join(" ⏎ ") || undefined;
  } finally {
    await file.close();
  }
}
