// When a worker leaves by itself: at the end of its lifetime, and before the time limit of its job.

import { jobEnd, type JobEnd } from "../cluster/slurm/job-end.ts";
import { formatDuration } from "../src/duration.ts";
import type { Log } from "../src/log.ts";
import { now, setTimeout } from "../src/timers.ts";
import type { RunningWorker } from "../worker/main.ts";

export type EndOptions = {
  endMargin?: number;
  lifetime?: number;
  lifetimeStagger: number;
  drainTimeout: number;
};

export type WorkerEnd = {
  /** Milliseconds until what still runs has to be given back; undefined when no end is known. */
  readonly timeLeftMs: () => number | undefined;
  /** Has the worker leave in time. */
  readonly leaveInTime: (worker: Pick<RunningWorker, "stop">) => void;
};

/** So long before the end of its job a worker gives back what still runs, and ends, in milliseconds. */
const handBackMs = 3_000;
/** The start of a worker waits no longer than this for the batch system, in milliseconds. */
const patienceMs = 1_000;

export async function workerEnd(options: EndOptions, log: Log): Promise<WorkerEnd> {
  const { lifetime, lifetimeStagger, drainTimeout } = options;
  const lifetimeMs =
    lifetime === undefined ? Infinity : Math.max(0, lifetime - Math.random() * lifetimeStagger);
  const lifeEndsAt = now() + lifetimeMs;
  let job: JobEnd | undefined;
  const asking = jobEnd(options, log).then((end) => (job = end));
  await Promise.race([
    asking,
    new Promise<void>((resolve) => {
      setTimeout(resolve, patienceMs).unref();
    }),
  ]);
  const timeLeftMs = () => {
    const ofLife = lifeEndsAt + drainTimeout - now();
    const ofJob = job === undefined ? Infinity : job.leftMs() - handBackMs;
    const leftMs = Math.min(ofLife, ofJob);
    return leftMs === Infinity ? undefined : leftMs;
  };
  function leaveInTime(worker: Pick<RunningWorker, "stop">): void {
    if (lifetimeMs < Infinity) {
      const reason = `its lifetime of ${formatDuration(lifetimeMs)} is over`;
      setTimeout(() => void worker.stop(reason), Math.max(0, lifeEndsAt - now())).unref();
    }
    void asking.then((end) => {
      end?.onNear(() => {
        // Its results stay where clients can fetch them, for as long as there is time.
        void worker.stop(`${end.limit} is near`, Math.max(0, end.leftMs() - handBackMs), true);
      });
    });
  }
  return { timeLeftMs, leaveInTime };
}
