// The worker jobs of a cluster: which there are, how they stand, which are too many, and whether they fail
// again and again. It knows the batch system by its interface, and workers by what the scheduler says.

import { now as systemNow } from "../src/timers.ts";
import type { WorkerInfo } from "../src/wire/facts.ts";
import type { BatchSystem, JobStatus } from "./batch-system.ts";

export type WorkerJobsOptions = {
  readonly system: BatchSystem;
  /** The batch script of every job. */
  readonly script: string;
  /** The name of the worker of a job. */
  readonly workerNameOf: (job: string) => string;
  /** The end of what a job printed; undefined when it printed nothing. */
  readonly lastOutputOf: (job: string) => Promise<string | undefined>;
  /** Hears what happens to jobs, a line each. */
  readonly say: (line: string) => void;
  /** Milliseconds, on a clock that never goes back. Default: the system's. */
  readonly now?: () => number;
};

type Job = {
  status: JobStatus;
  readonly submittedAt: number;
  /** Its worker, while that is with the scheduler. */
  worker: WorkerInfo | undefined;
  hasJoined: boolean;
  /** It was cancelled, its worker is asked to leave, or leaves by itself: it does not count any more. */
  isLeaving: boolean;
  /** Since when its worker has had nothing to do. */
  idleSince: number | undefined;
};

/** The batch system is asked no more often, and after a refusal asked again no sooner, in milliseconds. */
const askEveryMs = 5_000;
/** A new job that the batch system does not know yet, or any more, is over after this time, in milliseconds. */
const unknownForMs = 20_000;
/** Jobs in a row that end before their worker has joined, after which no more are submitted. */
const failuresInRow = 3;
/** Reasons to wait that are everyday. Others are said. */
const everydayReasons = new Set(["Priority", "Resources", "BeginTime", "JobHeldUser", "Cleaning"]);

export class WorkerJobs {
  readonly #options: WorkerJobsOptions;
  readonly #now: () => number;
  readonly #jobs = new Map<string, Job>();
  #askedAt = -Infinity;
  #refusedAt = -Infinity;
  #failures = 0;
  #failure: Error | undefined;

  constructor(options: WorkerJobsOptions) {
    this.#options = options;
    this.#now = options.now ?? systemNow;
  }

  /** Why no more jobs are submitted; undefined while they are. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Submitted jobs that are not over. */
  get all(): readonly JobStatus[] {
    return Array.from(this.#jobs.values(), ({ status }) => status);
  }

  /** How many there are or will be that take tasks. */
  get staying(): number {
    return this.#staying().length;
  }

  /** What the workers that have joined offer; undefined when there is none. */
  get example(): WorkerInfo | undefined {
    return this.#staying().find(({ worker }) => worker)?.worker;
  }

  /** Forgets earlier failures: jobs are submitted again. */
  tryAgain(): void {
    this.#failures = 0;
    this.#failure = undefined;
    this.#refusedAt = -Infinity;
  }

  /** What the scheduler says of the workers that it has now. */
  observe(workers: readonly WorkerInfo[]): void {
    const byName = new Map(workers.map((worker) => [worker.name, worker]));
    for (const [id, job] of this.#jobs) {
      const worker = byName.get(this.#options.workerNameOf(id));
      job.worker = worker;
      const isIdle = worker?.status === "up" && worker.tasks === 0;
      job.idleSince = isIdle ? (job.idleSince ?? this.#now()) : undefined;
      if (worker?.status === "leaving") job.isLeaving = true;
      if (worker === undefined || job.hasJoined) continue;
      job.hasJoined = true;
      if (this.#failure) this.#options.say(`the worker of job ${id} has joined: going on`);
      this.tryAgain();
    }
  }

  /** Asks the batch system how the jobs are, unless it was asked just now. */
  async refresh({ atOnce = false } = {}): Promise<void> {
    if (this.#jobs.size === 0 || (!atOnce && this.#now() - this.#askedAt < askEveryMs)) return;
    this.#askedAt = this.#now();
    const statuses = await this.#options.system.jobs([...this.#jobs.keys()]);
    for (const [id, job] of [...this.#jobs]) {
      const status = statuses.get(id);
      if (status && status.phase !== "ended") {
        this.#note(job, status);
        continue;
      }
      // A job that was just submitted may not be known everywhere yet.
      const isNew = !job.isLeaving && this.#now() - job.submittedAt < unknownForMs;
      if (status === undefined && isNew) continue;
      this.#jobs.delete(id);
      await this.#ended(id, job);
    }
  }

  /** Says once why a job waits, unless that is everyday. */
  #note(job: Job, status: JobStatus): void {
    const { id, phase, reason } = status;
    if (phase === "pending" && reason !== undefined && reason !== job.status.reason) {
      if (!everydayReasons.has(reason)) this.#options.say(`job ${id} waits: ${reason}`);
    }
    job.status = status;
  }

  async #ended(id: string, job: Job): Promise<void> {
    const { system, say } = this.#options;
    const end = await system.describeEnd(id);
    say(`job ${id} has ended: ${end}`);
    if (job.hasJoined || job.isLeaving) return;
    const output = await this.#options.lastOutputOf(id);
    this.#fail(
      `job ${id}: ${end}${output === undefined ? "" : `; its output ends with: ${output}`}`,
    );
  }

  #fail(last: string): void {
    this.#failures++;
    if (this.#failures < failuresInRow || this.#failure) return;
    const message =
      `${this.#failures} worker jobs in a row ended before their worker joined, so no more are ` +
      `submitted; the last, ${last}`;
    this.#failure = new Error(message);
    this.#options.say(message);
  }

  /**
   * Submits so many jobs. Does nothing soon after a refusal, and after too many failures in a row.
   *
   * @throws {BatchSystemError} with the batch system's words, when it refuses one
   */
  async grow(count: number): Promise<void> {
    const { system, script, say } = this.#options;
    if (this.#now() - this.#refusedAt < askEveryMs) return;
    for (let submitted = 0; submitted < count && !this.#failure; submitted++) {
      let id: string;
      try {
        id = await system.submit(script);
      } catch (error) {
        this.#refusedAt = this.#now();
        this.#fail(`which was refused: ${(error as Error).message}`);
        throw error;
      }
      say(`job ${id} is submitted`);
      this.#jobs.set(id, {
        status: { id, phase: "pending", state: "PENDING" },
        submittedAt: this.#now(),
        worker: undefined,
        hasJoined: false,
        isLeaving: false,
        idleSince: undefined,
      });
    }
  }

  /**
   * Chooses jobs that are too many: first those without a worker, which are cancelled, then those whose
   * workers have the least to do.
   *
   * @param idleMs when given, only workers that have had nothing to do for so long, and of those that hold
   *   results only as many as leave one to hand them to
   * @returns the names of the workers to retire
   */
  async shrink(count: number, idleMs?: number): Promise<string[]> {
    const staying = this.#staying();
    const withoutWorker = staying.filter(({ hasJoined }) => !hasJoined);
    // The youngest first: those before them have waited longer in the queue.
    const cancelled = withoutWorker.slice(Math.max(0, withoutWorker.length - count));
    await this.#cancel(cancelled);
    const joined = staying.filter(
      ({ worker }) => worker?.status === "up" || worker?.status === "paused",
    );
    const candidates = joined
      .filter(({ idleSince }) => {
        if (idleMs === undefined) return true;
        return idleSince !== undefined && this.#now() - idleSince >= idleMs;
      })
      .sort((a, b) => loadOf(a) - loadOf(b))
      .slice(0, count - cancelled.length);
    let left = joined.length;
    const names: string[] = [];
    for (const job of candidates) {
      const holdsTheLast = left === 1 && job.worker!.held.results > 0;
      if (idleMs !== undefined && holdsTheLast) continue;
      left--;
      job.isLeaving = true;
      names.push(job.worker!.name);
    }
    return names;
  }

  /** Cancels every job that is not over. */
  async cancelAll(): Promise<void> {
    await this.#cancel([...this.#jobs.values()]);
  }

  async #cancel(jobs: readonly Job[]): Promise<void> {
    if (jobs.length === 0) return;
    await this.#options.system.cancel(jobs.map(({ status }) => status.id));
    for (const job of jobs) job.isLeaving = true;
  }

  #staying(): Job[] {
    return [...this.#jobs.values()].filter(({ isLeaving }) => !isLeaving);
  }
}

/** Tasks weigh most; of two workers with as many, the one that holds less is the easier to let go. */
function loadOf({ worker }: Job): number {
  return worker === undefined ? 0 : worker.tasks * 2 ** 50 + worker.held.bytes;
}
