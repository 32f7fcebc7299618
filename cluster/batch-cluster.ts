// A cluster whose workers are jobs of a batch system: the scheduler runs beside the program, jobs are
// submitted and workers retired so that there are as many as asked for, or as the tasks need.

import { setTimeout as delay } from "node:timers/promises";
import { openSession } from "../client/connecting.ts";
import { checkedNames, number } from "../client/option-checks.ts";
import type { Session } from "../client/session.ts";
import { clearInterval, now, setInterval } from "../src/timers.ts";
import type { UntypedTasks } from "../client/types.ts";
import { limits } from "../src/wire/limits.ts";
import { Surplus, workersNeeded } from "./adaptive.ts";
import { BatchSystemError, type JobStatus } from "./batch-system.ts";
import { Client } from "./client.ts";
import type { RestartedChild } from "./restarted-child.ts";
import { WorkerJobs, type WorkerJobsOptions } from "./worker-jobs.ts";

/** How a cluster follows the work; see `adapt`. */
export type AdaptOptions = {
  /** Fewest worker jobs. Default: 0. */
  minimum?: number;
  /** Most worker jobs. */
  maximum: number;
  /**
   * A worker that has had nothing to do for so long is let go, in milliseconds. Default: 60,000. Choose
   * more where jobs wait long in the queue.
   */
  idleMs?: number;
  /**
   * Work that present workers do within this time is no reason to start more, in milliseconds. Default:
   * 5,000. Calls of a function whose duration is not known yet count as long ones.
   */
  targetMs?: number;
};

/** What a cluster is made of; for those who start one. */
export type BatchClusterParts = {
  readonly scheduler: RestartedChild;
  readonly url: string;
  readonly token: string;
  readonly schedulerFile: string;
  readonly jobs: WorkerJobsOptions;
  /** Tasks that a worker runs at once, as far as is known before the first has joined. */
  readonly slots: number;
  readonly say: (line: string) => void;
  /** Removes what the cluster has left in files. */
  readonly removeFiles: () => Promise<void>;
};

type Adapting = Required<AdaptOptions>;

const tickMs = 1_000;
/** How long workers may take to leave when the cluster is closed, in milliseconds. */
const leaveWithinMs = 15_000;
/** How long the batch system may take to end the jobs after that, in milliseconds. */
const endWithinMs = 60_000;
const mostJobs = 100_000;

export class BatchCluster<Tasks = UntypedTasks> {
  /** A client of the cluster's scheduler. It is closed with the cluster. */
  readonly client: Client<Tasks>;
  /** The path of the scheduler file, for other programs: `Client.connect(file)`, `thence status`. */
  readonly schedulerFile: string;
  readonly #parts: BatchClusterParts;
  readonly #jobs: WorkerJobs;
  /** Apart from the program's client, which may be closed, and whose tasks may be cancelled. */
  readonly #session: Session;
  readonly #timer: ReturnType<typeof setInterval>;
  #wanted = 0;
  #adapting: Adapting | undefined;
  readonly #surplus = new Surplus();
  /** What was done last; the next thing waits for it. */
  #turn: Promise<unknown> = Promise.resolve();
  #isTicking = false;
  /** What the scheduler was told of why no worker will come. */
  #told: string | undefined;
  #lastTrouble: string | undefined;
  #closed: Promise<void> | undefined;
  readonly #ended = Promise.withResolvers<void>();

  /** @internal Use `SlurmCluster.start`. */
  constructor(parts: BatchClusterParts, session: Session, client: Client<Tasks>) {
    this.#parts = parts;
    this.#session = session;
    this.client = client;
    this.schedulerFile = parts.schedulerFile;
    this.#jobs = new WorkerJobs(parts.jobs);
    this.#timer = setInterval(() => void this.#tick(), tickMs);
    // A client may have shut the scheduler down. What it was asked for is not answered any more.
    parts.scheduler.ended
      .then(() => Promise.all([session.close(), this.close()]))
      .catch(() => undefined);
  }

  /** @internal Connects to the scheduler twice: for the program, and to look after the jobs. */
  static async connect<Tasks>(
    parts: BatchClusterParts,
  ): Promise<{ session: Session; client: Client<Tasks> }> {
    const { url, token } = parts;
    const how = {
      target: () => Promise.resolve({ url, token }),
      describeTarget: "the scheduler of this program",
    };
    const session = await openSession({ ...how, name: "cluster" });
    return { session, client: await Client.open<Tasks>(how) };
  }

  /** The worker jobs that are not over, as the batch system described them at most some seconds ago. */
  get jobs(): readonly JobStatus[] {
    return this.#jobs.all;
  }

  /**
   * Why no more worker jobs are submitted: three in a row were refused or ended before their worker
   * had joined. Tasks that wait while no worker is there fail with it. `scale` and `adapt` try again.
   */
  get failure(): Error | undefined {
    return this.#jobs.failure;
  }

  /** Resolves when the cluster is over: by `close`, or because a client shut its scheduler down. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /**
   * Keeps so many worker jobs, from now on: those that end, at their time limit say, are replaced. When
   * there are too many, those still in the queue are cancelled first; then workers are retired, those with
   * the least to do first. They finish what they run and hand over what they hold.
   *
   * @param workers a whole number from 0 on
   * @returns once the jobs are submitted; `client.waitForWorkers(n)` waits until they have started
   * @throws {BatchSystemError} with the batch system's words, when a job is refused
   * @throws {RangeError} when the number is not one
   * @example await cluster.scale(8);
   */
  async scale(workers: number): Promise<void> {
    this.#wanted = count(workers, "workers");
    this.#adapting = undefined;
    this.#jobs.tryAgain();
    await this.#inTurn(() => this.#reconcile());
  }

  /**
   * Follows the work from now on: as many worker jobs as the tasks that are ready or running could use,
   * within bounds. Only workers that have had nothing to do for `idleMs` are let go, and the last
   * one only when it holds no results.
   *
   * Tasks for certain workers by name start none.
   *
   * @throws {BatchSystemError} with the batch system's words, when a job for the minimum is refused
   * @throws {RangeError | TypeError} when an option is wrong
   * @example await cluster.adapt({ minimum: 0, maximum: 20, idleMs: 5 * 60_000 });
   */
  async adapt(options: AdaptOptions): Promise<void> {
    const { minimum = 0, idleMs = 60_000, targetMs = 5_000 } = options;
    checkedNames(options, ["minimum", "maximum", "idleMs", "targetMs"], "adapt");
    count(minimum, "minimum");
    const maximum = count(options.maximum, "maximum");
    if (minimum > maximum) {
      throw new RangeError(`minimum must be at most maximum: ${minimum} is more than ${maximum}`);
    }
    number(idleMs, "idleMs", { minimum: 0 });
    number(targetMs, "targetMs", { minimum: 1 });
    this.#adapting = { minimum, maximum, idleMs, targetMs };
    this.#jobs.tryAgain();
    this.#surplus.restart();
    await this.#inTurn(async () => {
      this.#wanted = await this.#needed(this.#adapting!);
      await this.#reconcile();
    });
  }

  /**
   * Ends the cluster: closes the client, cancels every job and ends the scheduler. What has not settled is
   * cancelled. `await using` does the same.
   *
   * @returns once no job is left
   * @throws {BatchSystemError} when jobs could not be cancelled; it names them
   */
  close(): Promise<void> {
    this.#closed ??= this.#close().finally(() => this.#ended.resolve());
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#turn.catch(() => undefined);
    await this.client.close();
    let trouble = await this.#jobs.cancelAll().catch((error: unknown) => error as Error);
    await this.#workersLeft();
    await this.#session.close();
    await this.#parts.scheduler.stop();
    trouble ??= await this.#jobsEnded().catch((error: unknown) => error as Error);
    await this.#parts.removeFiles();
    if (!trouble) return;
    const ids = this.jobs.map(({ id }) => id).join(" ");
    throw new BatchSystemError(`cancel these jobs by hand, ${ids}: ${trouble.message}`, {
      cause: trouble,
    });
  }

  /** Workers hand nothing over any more, and leave within seconds when their jobs are cancelled. */
  async #workersLeft(): Promise<void> {
    const deadline = now() + leaveWithinMs;
    while (now() < deadline && this.jobs.length > 0) {
      const workers = await this.#session.request("workers", {}).catch(() => []);
      if (workers.length === 0) return;
      await delay(100);
    }
  }

  async #jobsEnded(): Promise<void> {
    const deadline = now() + endWithinMs;
    for (let pauseMs = 500; this.jobs.length > 0; pauseMs = 5_000) {
      if (now() > deadline) throw new Error("they have not ended within a minute");
      await delay(pauseMs);
      await this.#jobs.refresh({ atOnce: true });
    }
  }

  async #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    if (this.#closed) throw new Error("the cluster is closed: start another one");
    const turn = this.#turn.then(act, act);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #tick(): Promise<void> {
    // One that takes long is not followed by a crowd of others.
    if (this.#isTicking || this.#closed) return;
    this.#isTicking = true;
    try {
      await this.#inTurn(() => this.#lookAround());
      this.#lastTrouble = undefined;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#lastTrouble && !this.#closed) this.#parts.say(message);
      this.#lastTrouble = message;
    } finally {
      this.#isTicking = false;
    }
  }

  async #lookAround(): Promise<void> {
    this.#jobs.observe(await this.#session.request("workers", {}));
    await this.#jobs.refresh();
    try {
      if (this.#adapting) this.#wanted = await this.#needed(this.#adapting);
      await this.#reconcile();
    } finally {
      await this.#tellWhetherWorkersCome();
    }
  }

  async #needed({ minimum, maximum, targetMs }: Adapting): Promise<number> {
    const demand = await this.#session.request("demand", { targetMs });
    const { slots = this.#parts.slots, resources } = this.#jobs.example ?? {};
    const amounts =
      resources &&
      Object.fromEntries(Object.entries(resources).map(([name, { total }]) => [name, total]));
    const needed = workersNeeded(demand, { slots, resources: amounts });
    return Math.min(maximum, Math.max(minimum, needed));
  }

  /** Submits the jobs that are missing, or lets go those that are too many. */
  async #reconcile(): Promise<void> {
    const { staying } = this.#jobs;
    const missing = this.#wanted - staying;
    const idleMs = this.#adapting?.idleMs;
    if (idleMs === undefined) {
      if (missing < 0) this.#retire(await this.#jobs.shrink(-missing));
    } else {
      const surplus = this.#surplus.observe(staying, this.#wanted, { now: now(), idleMs });
      if (surplus > 0) this.#retire(await this.#jobs.shrink(surplus, idleMs));
    }
    if (missing > 0) await this.#jobs.grow(missing);
  }

  #retire(workers: string[]): void {
    if (workers.length === 0) return;
    this.#parts.say(`${workers.join(", ")} may leave`);
    this.#surplus.restart();
    // One that is gone already needs no answer.
    for (const worker of workers) {
      this.#session.request("retire", { workers: [worker] }).catch(() => undefined);
    }
  }

  /** What waits must not wait for ever, when jobs fail again and again and none is left. */
  async #tellWhetherWorkersCome(): Promise<void> {
    const { failure } = this.#jobs;
    const reason = this.jobs.length === 0 ? failure?.message : undefined;
    if (reason === undefined && this.#told === undefined) return;
    this.#told = reason;
    // Said again each time: the next scheduler, after a crash, knows nothing of it.
    await this.#session.request("expect-no-workers", {
      ...(reason !== undefined && { reason: reason.slice(0, limits.textLength) }),
    });
  }
}

function count(value: number, name: string): number {
  return number(value, name, { type: "integer", minimum: 0, maximum: mostJobs });
}
