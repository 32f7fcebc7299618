// Notices that no worker is coming, by the batch job that the scheduler runs in: when no worker is left, the
// steps in which workers ran have ended, and no other step has begun meanwhile, what waits need not wait for
// the end of its timeout. The batch system is asked only then, and never more often than every few seconds.

import type { Log } from "../src/log.ts";
import { clearInterval, setInterval } from "../src/timers.ts";
import type { JobStep } from "../src/wire/lifetimes.ts";
import type { Clockwork } from "./clockwork.ts";

/** The job of this process, and how to ask which of its steps run; that may fail. */
export type Steps = {
  readonly job: string;
  readonly running: () => Promise<ReadonlySet<string>>;
};

const lookEveryMs = 5_000;

/** Returns what stops it. */
export function watchSteps(options: {
  steps: Steps;
  clockwork: Pick<Clockwork, "missedSteps" | "handle">;
  log: Log;
  everyMs?: number;
}): () => void {
  const { steps, clockwork, log, everyMs = lookEveryMs } = options;
  /** The steps that ran at the look before this one. */
  let before: ReadonlySet<string> | undefined;
  let isAsking = false;
  let hasFailed = false;

  async function look(): Promise<void> {
    const missed = stepsOfJob(clockwork.missedSteps(), steps.job);
    if (missed === undefined) {
      before = undefined;
      return;
    }
    const running = await steps.running();
    const isOver = missed.every((step) => !running.has(step));
    const known = before;
    before = isOver ? running : undefined;
    // What has begun since the last look may be a step of workers.
    const isNew = (step: string) => known !== undefined && !known.has(step);
    if (!isOver || known === undefined || [...running].some(isNew)) return;
    // A worker may have joined while the batch system was asked.
    if (clockwork.missedSteps() === undefined) return;
    const which = missed.length === 1 ? `step ${missed[0]}` : `steps ${missed.join(", ")}`;
    const verb = missed.length === 1 ? "has" : "have";
    clockwork.handle({
      type: "no-worker-coming",
      why: `${which} of job ${steps.job}, where workers ran, ${verb} ended`,
    });
  }

  const timer = setInterval(() => {
    if (isAsking) return;
    isAsking = true;
    look()
      .catch((error: unknown) => {
        before = undefined;
        if (!hasFailed)
          log.warning(`cannot ask for the steps of job ${steps.job}: ${String(error)}`);
        hasFailed = true;
      })
      .finally(() => (isAsking = false));
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Undefined when a worker ran elsewhere: it may come back from there. */
function stepsOfJob(missed: readonly JobStep[] | undefined, job: string): string[] | undefined {
  if (missed === undefined || missed.some(({ id }) => id !== job)) return undefined;
  return [...new Set(missed.map(({ step }) => step))];
}
