// The steps of Slurm jobs: the one that a process runs in, and those of a job that run.

import type { JobStep } from "../../src/wire/lifetimes.ts";
import { askSlurm, type AskSlurm } from "./ask.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The id of the job that this process runs in. */
export function slurmJob({ SLURM_JOB_ID: id }: Environment): string | undefined {
  return id !== undefined && /^\d{1,20}$/.test(id) ? id : undefined;
}

/** The step that this process runs in; undefined in the batch script, which is no step, and outside of Slurm. */
export function slurmStep(environment: Environment): JobStep | undefined {
  const id = slurmJob(environment);
  const { SLURM_STEP_ID: step } = environment;
  if (id === undefined || step === undefined || !/^\d{1,20}$/.test(step)) return undefined;
  return { system: "slurm", id, step };
}

/**
 * The numbers of the steps of a job that run, without the batch script's. None when Slurm does not know the
 * job any more.
 *
 * @throws when Slurm does not answer
 */
export async function runningSteps(
  job: string,
  ask: AskSlurm = askSlurm,
): Promise<ReadonlySet<string>> {
  const text = await ask("squeue", ["--noheader", "--steps", `--jobs=${job}`, "--format=%i"]);
  // `12.0`, and `12_3.0` in a job array.
  const steps = text.split("\n").map((line) => line.trim().split(".").at(-1) ?? "");
  return new Set(steps.filter((step) => /^\d+$/.test(step)));
}
