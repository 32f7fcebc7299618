// A real Slurm of several nodes on this machine, in one folder: munge, slurmctld, and one slurmd for
// each node, with ports, key and socket of their own, so that a Slurm or munge already there does
// not matter. Needs the packages slurm-wlm and munge, and root.

import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const programs = ["munged", "slurmctld", "slurmd", "srun", "sbatch", "scancel", "squeue", "sinfo"];
// Daemons live in sbin, which is not on every user's path.
const searchPath = `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;
const startTimeoutMs = 30_000;

export type SlurmCluster = {
  readonly directory: string;
  /** What a command needs in its environment to mean this cluster. */
  readonly env: Readonly<Record<string, string>>;
  readonly pids: readonly number[];
  /** Runs a Slurm command to its end, whatever its exit code. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<Outcome>;
  stop(): Promise<void>;
};
export type RunOptions = { cwd?: string; env?: Record<string, string>; timeoutMs?: number };
export type Outcome = { code: number; stdout: string; stderr: string };
export type SlurmOptions = {
  nodes?: number;
  cpusPerNode?: number;
  /** What Slurm takes for GPUs: any device file will do. */
  gpusPerNode?: number;
  /** Where it lives; a new folder under the system's temporary one by default. */
  directory?: string;
  /** Goes on when this process ends; `stopSlurm(directory)` ends it. */
  outlive?: boolean;
};

/** Why there can be no Slurm here, in words; undefined when there can. */
export function whyNoSlurm(): string | undefined {
  const missing = programs.filter((program) => !isOnPath(program));
  if (missing.length > 0) {
    return `${missing.join(", ")} not installed: apt-get install slurm-wlm munge`;
  }
  return process.getuid?.() === 0 ? undefined : "the Slurm daemons are started as root";
}

/** Starts the daemons, and resolves when every node is idle. */
export async function startSlurm(options: SlurmOptions = {}): Promise<SlurmCluster> {
  const { nodes = 4, cpusPerNode = 2, gpusPerNode = 0, outlive = false } = options;
  const directory = options.directory ?? (await mkdtemp(path.join(tmpdir(), "thence-slurm-")));
  await stopSlurm(directory);
  mkdirSync(directory, { recursive: true });
  // Munge serves every user through a socket in here, and refuses a folder that others may write.
  await chmod(directory, 0o755);

  const socket = path.join(directory, "munge.socket");
  const key = path.join(directory, "munge.key");
  const configuration = path.join(directory, "slurm.conf");
  const ports = await freePorts(nodes + 1);
  writeFileSync(key, randomBytes(128), { mode: 0o400 });
  writeFileSync(configuration, slurmConf({ directory, socket, ports, cpusPerNode, gpusPerNode }));
  writeFileSync(path.join(directory, "gres.conf"), gresConf(gpusPerNode));
  mkdirSync(path.join(directory, "state"));

  const env = { SLURM_CONF: configuration, PATH: searchPath };
  const daemons: ChildProcess[] = [];
  const start = (name: string, command: string, args: readonly string[]): void => {
    daemons.push(startDaemon({ directory, name, command, args, env, outlive }));
    writeFileSync(path.join(directory, "pids"), daemons.map(({ pid }) => pid).join("\n"));
  };
  try {
    const named = (what: string): string => path.join(directory, `munge.${what}`);
    start("munged", "munged", [
      "--foreground",
      `--socket=${socket}`,
      `--key-file=${key}`,
      `--log-file=${named("log")}`,
      `--pid-file=${named("pid")}`,
      `--seed-file=${named("seed")}`,
    ]);
    const run = (command: string, args: readonly string[], more: RunOptions = {}) =>
      runCommand(command, args, { ...more, env: { ...env, ...more.env } });
    await until("munge answers", daemons, directory, async () => {
      return (await run("munge", ["-n", `--socket=${socket}`])).code === 0;
    });
    start("slurmctld", "slurmctld", ["-D", "-f", configuration]);
    for (let node = 1; node <= nodes; node += 1) {
      start(`slurmd.n${node}`, "slurmd", ["-D", "-N", `n${node}`, "-f", configuration]);
    }
    await until(`${nodes} nodes are idle`, daemons, directory, async () => {
      const { stdout } = await run("sinfo", ["--noheader", "--Node", "--format=%T"]);
      return stdout.split("\n").filter((state) => state === "idle").length === nodes;
    });
    const pids = daemons.map(({ pid }) => pid).filter((pid) => pid !== undefined);
    const stop = () => stopSlurm(directory);
    return { directory, env, pids, run, stop };
  } catch (error) {
    await stopSlurm(directory);
    throw error;
  }
}

/**
 * Ends the jobs and the daemons of the cluster in this folder, by their process ids, and removes the
 * folder. Nothing there, or only what a killed run left, is no error.
 */
export async function stopSlurm(directory: string): Promise<void> {
  const ours = (): number[] => [...daemonsOf(directory), ...processesOfJobs(directory)];
  if (daemonsOf(directory).length > 0) {
    const env = { SLURM_CONF: path.join(directory, "slurm.conf"), PATH: searchPath };
    await runCommand("scancel", ["--full", "--user=root"], { env, timeoutMs: 5_000 });
    for (let waits = 0; waits < 40 && processesOfJobs(directory).length > 0; waits += 1) {
      await sleep(50);
    }
  }
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    for (const pid of ours()) kill(pid, signal);
    for (let waits = 0; waits < 100 && ours().length > 0; waits += 1) await sleep(50);
  }
  await rm(directory, { recursive: true, force: true });
}

/** Submits a job, and resolves with its exit code when it has ended. (`sbatch --wait` looks every ten seconds.) */
export async function runJob(
  { run }: Pick<SlurmCluster, "run">,
  args: readonly string[],
  options: RunOptions,
): Promise<number> {
  const submitted = await run("sbatch", ["--parsable", ...args], options);
  if (submitted.code !== 0) throw new Error(submitted.stderr);
  const job = submitted.stdout.trim();
  for (;;) {
    const { stdout } = await run("scontrol", ["--oneliner", "show", "job", job]);
    const states = [...stdout.matchAll(/JobState=(\w+)/g)].map(([, state]) => state!);
    if (states.length > 0 && states.every((state) => !/PENDING|RUNNING|COMPLETING/.test(state))) {
      return Math.max(...[...stdout.matchAll(/ ExitCode=(\d+)/g)].map(([, code]) => Number(code)));
    }
    await sleep(100);
  }
}

/** The processes that jobs of this cluster left or still run, told by their environment. */
export function processesOfJobs(directory: string): number[] {
  const mark = `SLURM_CONF=${path.join(directory, "slurm.conf")}`;
  const daemons = new Set(daemonsOf(directory));
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      const environment = readProcess(pid, "environ").split("\0");
      const isOfJob = environment.some((entry) => entry.startsWith("SLURM_JOB_ID="));
      const isStep = readProcess(pid, "cmdline").startsWith("slurmstepd");
      return !daemons.has(pid) && environment.includes(mark) && (isOfJob || isStep);
    });
}

type Layout = {
  directory: string;
  socket: string;
  ports: readonly number[];
  cpusPerNode: number;
  gpusPerNode: number;
};

/** Device files that are everywhere, in the place of GPUs. */
const deviceFiles = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random"];

function gresConf(gpus: number): string {
  return deviceFiles
    .slice(0, gpus)
    .map((file) => `Name=gpu File=${file}\n`)
    .join("");
}

function slurmConf({ directory, socket, ports, cpusPerNode, gpusPerNode }: Layout): string {
  const [controllerPort, ...nodePorts] = ports;
  const host = hostname().split(".")[0];
  const nodeLines = nodePorts.map(
    (port, index) =>
      `NodeName=n${index + 1} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${port}` +
      ` CPUs=${cpusPerNode}${gpusPerNode > 0 ? ` Gres=gpu:${gpusPerNode}` : ""} State=UNKNOWN`,
  );
  return `ClusterName=thence
SlurmctldHost=${host}(127.0.0.1)
SlurmctldPort=${controllerPort}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=${socket}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
# Nodes have the cores they are said to have, whatever this machine has.
SlurmdParameters=config_overrides
ReturnToService=2
StateSaveLocation=${directory}/state
SlurmdSpoolDir=${directory}/spool.%n
SlurmctldPidFile=${directory}/slurmctld.pid
SlurmdPidFile=${directory}/slurmd.%n.pid
SlurmctldLogFile=${directory}/slurmctld.log
SlurmdLogFile=${directory}/slurmd.%n.log
MailProg=/bin/true
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
KillWait=5
${nodeLines.join("\n")}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`;
}

type Daemon = {
  directory: string;
  name: string;
  command: string;
  args: readonly string[];
  env: Record<string, string>;
  outlive: boolean;
};

function startDaemon({ directory, name, command, args, env, outlive }: Daemon): ChildProcess {
  const output = path.join(directory, `${name}.out`);
  // A test run that is killed must not leave a Slurm behind: the kernel tells its daemons.
  const leash = outlive || !isOnPath("setpriv") ? "" : "setpriv --pdeathsig KILL ";
  const child = spawn("sh", ["-c", `exec ${leash}"$@" >"$0" 2>&1`, output, command, ...args], {
    cwd: directory,
    env: { ...withoutSlurm(process.env), ...env },
    stdio: "ignore",
    detached: outlive,
  });
  if (outlive) child.unref();
  return child;
}

/** Waits for a condition, unless a daemon dies or it takes too long; says then what was logged. */
async function until(
  what: string,
  daemons: readonly ChildProcess[],
  directory: string,
  condition: () => Promise<boolean>,
): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  while (!(await condition())) {
    const died = daemons.some(
      ({ exitCode, signalCode }) => exitCode !== null || signalCode !== null,
    );
    if (died || Date.now() > deadline) {
      throw new Error(`no Slurm: waited until ${what}\n${lastWords(directory)}`);
    }
    await sleep(100);
  }
}

function lastWords(directory: string): string {
  return readdirSync(directory)
    .filter((file) => file.endsWith(".log") || file.endsWith(".out"))
    .map((file) => {
      const lines = readFileSync(path.join(directory, file), "utf8").trimEnd().split("\n");
      return [`── ${file}`, ...lines.slice(-8)].join("\n");
    })
    .join("\n");
}

function runCommand(
  command: string,
  args: readonly string[],
  { cwd, env, timeoutMs = 60_000 }: RunOptions,
): Promise<Outcome> {
  return promisify(execFile)(command, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...withoutSlurm(process.env), ...env },
    timeout: timeoutMs,
    maxBuffer: 64 * 1024 * 1024,
  }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Error & { code?: number | string | null; stdout?: string; stderr?: string }) => ({
      code: typeof error.code === "number" ? error.code : 1,
      stdout: error.stdout ?? "",
      stderr: error.stderr || error.message,
    }),
  );
}

/** The daemons started in this folder that still run; a number reused by another is not one. */
function daemonsOf(directory: string): number[] {
  const file = path.join(directory, "pids");
  if (!existsSync(file)) return [];
  const pids = readFileSync(file, "utf8").split("\n").map(Number);
  return pids.filter((pid) => readProcess(pid, "cmdline").includes(directory));
}

function readProcess(pid: number, file: "cmdline" | "environ"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

function isOnPath(program: string): boolean {
  return searchPath.split(":").some((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The environment without what a surrounding Slurm job says, when the tests run inside one. */
function withoutSlurm(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(SLURM|SRUN|SBATCH)_/.test(name)),
  );
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => new Promise((done) => server.once("listening", done))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
