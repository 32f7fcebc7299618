// The steps of a Slurm job that run.

import { askSlurm, type AskSlurm } from "./commands.ts";

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

/**
 * The number of tasks of all steps of a job that run, without the batch script.
 *
 * @throws when Slurm does not answer
 */
export async function tasksOfSteps(job: string, ask: AskSlurm = askSlurm): Promise<number> {
  const text = await ask("squeue", ["--noheader", "--steps", `--jobs=${job}`, "--format=%i %A"]);
  const tasks = text.matchAll(/\.\d+ +(\d+)/g);
  return [...tasks].reduce((sum, [, count]) => sum + Number(count), 0);
}
