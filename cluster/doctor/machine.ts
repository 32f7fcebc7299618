// The machine that `thence doctor` runs on, and what Slurm says of the job there.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { promisify } from "node:util";
import { usableAddresses } from "../../src/meeting/address.ts";
import { formatDuration } from "../../src/duration.ts";
import { timestamp } from "../../src/timers.ts";
import { version } from "../../src/version.ts";
import { stepTask } from "../slurm/step.ts";
import { Subject, type Finding } from "./findings.ts";

/** Fewer open files than this are not enough for a scheduler of a few hundred workers. */
const fewFiles = 1_024;

export function examineMachine(): Finding[] {
  const subject = new Subject("this machine");
  subject.ok(`${hostname()}: thence ${version} on Node ${process.versions.node}`);
  const interfaces = Object.entries(networkInterfaces()).flatMap(([name, addresses]) => {
    const usable = usableAddresses(addresses);
    return usable.length > 0 ? [`${name} ${usable.join(" and ")}`] : [];
  });
  subject.ok(`network interfaces: ${interfaces.join(", ")}`);
  const files = openFilesLimit();
  if (files === undefined) return subject.findings;
  if (files > fewFiles) subject.ok(`at most ${files} open files in a process`);
  else {
    subject.warn(
      `at most ${files} open files in a process`,
      "a scheduler needs one for each worker, a worker one for each that it fetches from: ulimit -n 65536",
    );
  }
  return subject.findings;
}

/** The soft limit; undefined where it is not known. */
export function openFilesLimit(): number | undefined {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const [, soft] = /^Max open files\s+(\S+)/m.exec(limits) ?? [];
    return soft === "unlimited" ? Infinity : Number(soft);
  } catch {
    return undefined;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

export async function examineJob(environment: Environment = process.env): Promise<Finding[]> {
  const subject = new Subject("Slurm");
  const { SLURM_JOB_ID: job, SLURMD_NODENAME: node } = environment;
  if (!job) return [];
  const task = stepTask(environment);
  const where = node ? ` on ${node}` : "";
  if (task) subject.ok(`job and step ${task.step}${where}, task ${task.rank} of ${task.tasks}`);
  else subject.ok(`job ${job}${where}, outside of a step`);
  const told = [
    tell("nodes in the job", environment.SLURM_JOB_NUM_NODES),
    tell("cpus on this node", environment.SLURM_CPUS_ON_NODE),
    tell("cpus for a task", environment.SLURM_CPUS_PER_TASK),
    tell("memory of a cpu in MiB", environment.SLURM_MEM_PER_CPU),
    tell("memory of a node in MiB", environment.SLURM_MEM_PER_NODE),
  ].filter((each) => each !== undefined);
  if (told.length > 0) subject.ok(told.join(", "));
  const endsAt = Number(environment.SLURM_JOB_END_TIME) * 1_000 || (await endOf(job));
  if (endsAt === Infinity) subject.ok("the job has no time limit");
  else if (endsAt) {
    const left = formatDuration(Math.max(0, Math.round((endsAt - timestamp()) / 1_000) * 1_000));
    subject.ok(`the time limit is at ${new Date(endsAt).toISOString()}, in ${left}`);
  } else subject.warn("the time limit of the job is not known: squeue does not say");
  return subject.findings;
}

function tell(what: string, value: string | undefined): string | undefined {
  return value ? `${what}: ${value}` : undefined;
}

/** The end of a job, in milliseconds since 1970; infinite without a time limit; undefined when Slurm does not say. */
async function endOf(job: string): Promise<number | undefined> {
  try {
    const args = ["--noheader", `--jobs=${job}`, "--format=%e"];
    const { stdout } = await promisify(execFile)("squeue", args, { timeout: 5_000 });
    if (stdout.trim() === "N/A") return Infinity;
    const at = Date.parse(stdout.trim());
    return Number.isNaN(at) ? undefined : at;
  } catch {
    return undefined;
  }
}
