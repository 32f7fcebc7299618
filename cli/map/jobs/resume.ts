// Which jobs of a run that goes on are still to be done.

import type { Joblog } from "../saved/joblog.ts";
import type { Results } from "../saved/results.ts";
import type { Prepare, WaitingJob } from "./work.ts";

/** Leaves out the jobs that the log says are done. */
export async function* jobsLeft(
  jobs: AsyncIterable<WaitingJob>,
  joblog: Joblog,
  prepare: Prepare | undefined,
): AsyncGenerator<WaitingJob> {
  for await (const job of jobs) {
    if (!joblog.isDone(job.seq)) yield job;
    else if (prepare) joblog.expectSame(job.seq, prepare(job, 1).command);
  }
}

/** Leaves out the jobs of which an earlier run has left results. */
export async function* jobsWithoutResults(
  jobs: AsyncIterable<WaitingJob>,
  results: Results,
): AsyncGenerator<WaitingJob> {
  for await (const job of jobs) if (!results.has({ ...job, slot: 1 })) yield job;
}

/** Only the jobs that the log says have failed. Their commands are those of the log. */
export async function* failedJobs(joblog: Joblog): AsyncGenerator<WaitingJob> {
  for (const { seq, command } of joblog.failed ?? []) yield { seq, command, rows: [[]] };
}

/** Only the jobs that the log says have failed, of a function: their arguments are made again. */
export async function* failedCalls(
  jobs: AsyncIterable<WaitingJob>,
  joblog: Joblog,
): AsyncGenerator<WaitingJob> {
  const failed = new Set(joblog.failed?.map(({ seq }) => seq));
  for await (const job of jobs) if (failed.has(job.seq)) yield job;
}

/** Whether a command is the same in every run: it has no slot in it, and no code. */
export function isSteady(words: readonly string[]): boolean {
  return !words.some((word) => /\{%|slot|\{=/.test(word));
}
