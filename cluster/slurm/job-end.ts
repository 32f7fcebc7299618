// The end of the Slurm job that a scheduler or a worker runs in: known at its start, and acted on in time.

import { describeDuration, longestTimerMs } from "../../src/duration.ts";
import type { Log } from "../../src/log.ts";
import { now, setTimeout } from "../../src/timers.ts";
import { askJobTime, endMargin, jobTime } from "./job-time.ts";

export type JobEnd = {
  /** Names the limit: "the time limit of 1 hour of Slurm job 12". */
  readonly limit: string;
  leftMs(): number;
  readonly marginMs: number;
  /** Calls `near` once, the margin before the end. */
  onNear(near: () => void): void;
};

/** A limit that has become longer by more than this is a changed one. */
const noticedMs = 5_000;
/** The limit is looked at again so long before it matters, in milliseconds: Slurm may be slow. */
const lookBeforeMs = 6_000;

/** Undefined outside of a batch job, and when its end is not known. Never rejects. */
export async function jobEnd(
  given: { endMargin?: number | undefined },
  log: Log,
): Promise<JobEnd | undefined> {
  const time = await jobTime(process.env);
  if (time === undefined) return undefined;
  const marginMs = given.endMargin ?? endMargin(time);
  let endsAt = now() + time.leftMs;
  const leftMs = () => endsAt - now();
  const limit =
    time.limitMs === undefined
      ? `the time limit of Slurm job ${time.job}`
      : `the time limit of ${describeDuration(time.limitMs)} of Slurm job ${time.job}`;
  log.info(`${limit} is over in ${describeDuration(Math.max(0, leftMs()))}`);

  /** It may have been made longer meanwhile. */
  async function lookAgain(): Promise<void> {
    const newest = await askJobTime(time!.job);
    if (newest !== undefined && newest.leftMs > leftMs() + noticedMs) {
      endsAt = now() + newest.leftMs;
    }
  }

  function onNear(near: () => void): void {
    const after = (waitMs: number, then: () => void) => {
      setTimeout(then, Math.min(Math.max(0, waitMs), longestTimerMs)).unref();
    };
    const untilNear = () => leftMs() - marginMs;
    after(untilNear() - lookBeforeMs, () => {
      const looked = untilNear() > 0 ? lookAgain() : Promise.resolve();
      void looked.then(() => {
        if (untilNear() > lookBeforeMs + noticedMs) onNear(near);
        else after(untilNear(), near);
      });
    });
  }
  return { limit, leftMs, marginMs, onNear };
}
