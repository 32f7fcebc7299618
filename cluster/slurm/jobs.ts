// Slurm as a batch system: submits the jobs of workers, and asks how they are.

import {
  BatchSystemError,
  type BatchSystem,
  type JobPhase,
  type JobStatus,
} from "../batch-system.ts";
import { runSlurm } from "./commands.ts";

/** Slurm's words for jobs that are over. What is in neither set has nodes, or is about to free them. */
const ended = new Set([
  "BOOT_FAIL",
  "CANCELLED",
  "COMPLETED",
  "DEADLINE",
  "FAILED",
  "NODE_FAIL",
  "OUT_OF_MEMORY",
  "PREEMPTED",
  "REVOKED",
  "TIMEOUT",
]);
/** Those that wait in the queue, for the first time or again. */
const pending = new Set([
  "PENDING",
  "REQUEUED",
  "REQUEUE_FED",
  "REQUEUE_HOLD",
  "RESV_DEL_HOLD",
  "SPECIAL_EXIT",
]);

/** Most ids on one command line. */
const idsAtOnce = 500;

/**
 * Slurm, through its commands.
 *
 * @param sbatchOptions for every job; they stand in the script too, but variables like SBATCH_PARTITION
 *   would go before what a script says
 */
export function slurm(sbatchOptions: readonly string[]): BatchSystem {
  return {
    name: "Slurm",
    async submit(script) {
      const output = await runSlurm("sbatch", ["--parsable", ...sbatchOptions], {
        input: script,
        environment: outsideOfJob(process.env),
      });
      // On a site with several clusters the id is followed by the name of the cluster.
      const [, id] = /^(\d+)(?:;\S*)?$/m.exec(output) ?? [];
      if (id !== undefined) return id;
      throw new BatchSystemError(`sbatch did not say the id of the job: ${output.trim()}`);
    },
    async jobs(ids) {
      const found = new Map<string, JobStatus>();
      for (const some of inParts(ids)) {
        for (const status of await statusesOf(some)) found.set(status.id, status);
      }
      return found;
    },
    describeEnd: (id) =>
      runSlurm("scontrol", ["--oneliner", "show", "job", id]).then(endInWords, () => "it is over"),
    async cancel(ids) {
      for (const some of inParts(ids)) await runSlurm("scancel", ["--quiet", ...some]);
    },
  };
}

async function statusesOf(ids: readonly string[]): Promise<JobStatus[]> {
  const list = ids.join(",");
  const args = ["--noheader", "--states=all", `--jobs=${list}`, "--format=%i|%T|%r"];
  const output = await runSlurm("squeue", args).catch((error: Error) => {
    // Of one job that is forgotten, squeue says so; of several it leaves it out.
    if (error.message.includes("Invalid job id")) return "";
    throw error;
  });
  return output.split("\n").flatMap((line) => {
    const [id = "", state = "", reason = ""] = line.trim().split("|");
    if (state === "") return [];
    return [{ id, phase: phaseOf(state), state, ...(reason !== "None" && { reason }) }];
  });
}

function phaseOf(state: string): JobPhase {
  if (ended.has(state)) return "ended";
  return pending.has(state) ? "pending" : "running";
}

/** From the line of `scontrol show job`: "FAILED (NonZeroExitCode), exit code 2". */
export function endInWords(line: string): string {
  const field = (name: string) => new RegExp(`(?:^|\\s)${name}=(\\S+)`).exec(line)?.[1];
  const state = field("JobState") ?? "over";
  const reason = field("Reason");
  const [code, signal] = (field("ExitCode") ?? "0:0").split(":");
  const because = reason === undefined || reason === "None" ? "" : ` (${reason})`;
  const how =
    signal !== undefined && signal !== "0"
      ? `, signal ${signal}`
      : code !== "0"
        ? `, exit code ${code}`
        : "";
  return state + because + how;
}

/**
 * The environment for a job that is not part of the one this process may be in: what Slurm said there
 * would contradict what the new job asks for. Nor does the job inherit a token.
 */
export function outsideOfJob(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !/^(SLURM|SRUN|THENCE)_/.test(name) || /^SLURM_(CONF|CLUSTERS)/.test(name),
    ),
  );
}

function inParts(ids: readonly string[]): string[][] {
  const parts: string[][] = [];
  for (let first = 0; first < ids.length; first += idsAtOnce) {
    parts.push(ids.slice(first, first + idsAtOnce));
  }
  return parts;
}
