// Notices the end of the steps in which workers run, by asking the batch system: a worker whose link is down
// is lost when its step has ended. When no worker is left, the steps in which workers ran have ended, and no
// other step has begun meanwhile, no worker is coming, and what waits need not wait for the end of its timeout.
// The batch system is asked only in these cases, and never more often than every few seconds.

import type { Log } from "../src/log.ts";
import { clearInterval, setInterval } from "../src/timers.ts";
import type { Clockwork } from "./clockwork.ts";

/** The job of this process, and how to ask which of its steps run; that may fail. */
export type Steps = {
  readonly job: string;
  readonly running: () => Promise<ReadonlySet<string>>;
};

const lookEveryMs = 5_000;

type Core = Pick<Clockwork, "awaySteps" | "missedSteps" | "handle">;

/** Returns what stops it. */
export function watchSteps(options: {
  steps: Steps;
  clockwork: Core;
  log: Log;
  everyMs?: number;
}): () => void {
  const { everyMs = lookEveryMs, log } = options;
  const watch = new StepWatch(options.steps, options.clockwork);
  let isLooking = false;
  let hasFailed = false;
  const failed = (error: unknown) => {
    if (!hasFailed) log.warning(`cannot ask for the steps of this job: ${String(error)}`);
    hasFailed = true;
  };
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    void watch
      .look()
      .catch(failed)
      .finally(() => (isLooking = false));
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

export class StepWatch {
  readonly #steps: Steps;
  readonly #core: Core;
  /** The steps that ran at the last look, when that found all steps of workers ended. */
  #before: ReadonlySet<string> | undefined;

  constructor(steps: Steps, core: Core) {
    this.#steps = steps;
    this.#core = core;
  }

  async look(): Promise<void> {
    const { job } = this.#steps;
    const before = this.#before;
    this.#before = undefined;
    const away = this.#core.awaySteps().filter(({ id }) => id === job);
    if (away.length === 0 && this.#missed() === undefined) return;
    const running = await this.#steps.running();
    for (const step of away) {
      if (!running.has(step.step)) this.#core.handle({ type: "step-ended", step });
    }
    // Asked again: a worker may have joined while the batch system was asked.
    const missed = this.#missed();
    if (missed === undefined || missed.some((step) => running.has(step))) return;
    // What has begun since the last look may be a step of workers.
    if (before === undefined || [...running].some((step) => !before.has(step))) {
      this.#before = running;
      return;
    }
    const what = missed.length === 1 ? `step ${missed[0]}` : `steps ${missed.join(", ")}`;
    const verb = missed.length === 1 ? "has" : "have";
    const why = `${what} of job ${job}, where workers ran, ${verb} ended`;
    this.#core.handle({ type: "no-worker-coming", why });
  }

  /** Undefined when a worker ran elsewhere, too: it may come back from there. */
  #missed(): string[] | undefined {
    const missed = this.#core.missedSteps();
    if (missed === undefined || missed.some(({ id }) => id !== this.#steps.job)) return undefined;
    return [...new Set(missed.map(({ step }) => step))];
  }
}
