// The time limit of the Slurm job that this process runs in: how long it is, and how much of it is left.

import { timestamp } from "../../src/timers.ts";
import { askSlurm, type AskSlurm } from "./commands.ts";
import { slurmJob, type Environment } from "./step.ts";

export type JobTime = {
  readonly job: string;
  /** The limit; undefined when only its end is known. */
  readonly limitMs: number | undefined;
  readonly leftMs: number;
};

/**
 * Undefined outside of a job, for a job without a limit, and when Slurm does not answer. Newer versions of Slurm
 * tell by environment variables; else `squeue` is asked.
 *
 * @param now milliseconds since 1970
 */
export async function jobTime(
  environment: Environment,
  { now = timestamp(), ask = askSlurm }: { now?: number; ask?: AskSlurm } = {},
): Promise<JobTime | undefined> {
  const job = slurmJob(environment);
  if (job === undefined) return undefined;
  const endsAt = seconds(environment.SLURM_JOB_END_TIME);
  // A shell may outlive the allocation that its variables are of.
  if (endsAt !== undefined && endsAt > now) {
    const startedAt = seconds(environment.SLURM_JOB_START_TIME);
    const limitMs = startedAt === undefined ? undefined : endsAt - startedAt;
    return { job, limitMs, leftMs: endsAt - now };
  }
  return askJobTime(job, ask);
}

/** As Slurm says it now: a limit can be changed while a job runs. */
export async function askJobTime(
  job: string,
  ask: AskSlurm = askSlurm,
): Promise<JobTime | undefined> {
  const args = ["--noheader", `--jobs=${job}`, "--format=%L %l"];
  const text = await ask("squeue", args).catch(() => "");
  const [left, limit] = text.trim().split(/\s+/);
  const leftMs = parseSlurmTime(left);
  return leftMs === undefined ? undefined : { job, limitMs: parseSlurmTime(limit), leftMs };
}

/** Reads `2-03:04:05`, `3:04:05` or `4:05`; undefined for `UNLIMITED` and the like. */
export function parseSlurmTime(text: string | undefined): number | undefined {
  const [, days = "0", hours = "0", minutes, rest] =
    /^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)$/.exec(text ?? "") ?? [];
  if (minutes === undefined) return undefined;
  const total = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(rest);
  return total * 1_000;
}

/** A moment in seconds since 1970, as milliseconds. */
function seconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) * 1_000 : undefined;
}

const leastMarginMs = 10_000;
const mostMarginMs = 2 * 60_000;

/** How long before the end it is time to come to one: a tenth of the limit, from 10 s to 2 min. */
export function endMargin({ limitMs, leftMs }: JobTime): number {
  const tenth = (limitMs ?? leftMs) / 10;
  return Math.min(Math.max(tenth, leastMarginMs), mostMarginMs);
}
