// Time for a whole simulated cluster: every timer of every process waits in one queue, and the next
// one is run when nothing else can go on. A process is a scope; what is of a dead one never runs, and
// what is of a frozen one waits until it thaws.

import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { Random } from "../processes/random.ts";

/** Taken before anything is made virtual: a turn of this lets every promise go on that can. */
const realNextTick = process.nextTick;

/** A process, or a thread of one. Everything that is started in it belongs to it. */
export class Scope {
  readonly name: string;
  readonly parent: Scope | undefined;
  /** The simulated thread that this is, if it is one. */
  thread: { die(): void } | undefined = undefined;
  #resource: AsyncResource | undefined;
  #dead = false;
  #frozen = false;
  /** What came due while it was frozen. */
  #held: Job[] = [];

  constructor(name: string, parent?: Scope) {
    this.name = name;
    this.parent = parent;
  }

  get dead(): boolean {
    return this.#dead || (this.parent?.dead ?? false);
  }

  get frozen(): Scope | undefined {
    return this.#frozen ? this : this.parent?.frozen;
  }

  /** The process that this is a part of. */
  get process(): Scope {
    return this.parent?.process ?? this;
  }

  /** What it starts goes on in it. Once made it costs far less than `AsyncLocalStorage.run`. */
  run<Result>(run: () => Result): Result {
    this.#resource ??= scopes.run(this, () => new AsyncResource("scope"));
    return this.#resource.runInAsyncScope(run);
  }

  kill(): void {
    this.#dead = true;
    this.#held = [];
  }

  freeze(): void {
    this.#frozen = true;
  }

  hold(job: Job): void {
    this.#held.push(job);
  }

  /** What it has missed, in order. */
  thaw(): Job[] {
    this.#frozen = false;
    return this.#held.splice(0);
  }
}

export type Job = {
  at: number;
  order: number;
  run: (() => void) | undefined;
  readonly scope: Scope;
};

const scopes = new AsyncLocalStorage<Scope>();

/** What a turn of a process costs, so that time goes on while it works. */
const turnMs = 0.002;

export class VirtualTime {
  readonly random: Random;
  readonly root = new Scope("outside");
  /** A moment of its own, so that absolute times are round and the same in every run. */
  #now = 1_000;
  #order = 0;
  readonly #ticks: Job[] = [];
  #heap: Job[] = [];
  /** How far the clock of the machine, which may be set, is ahead of the time that goes by. */
  wallAheadMs = 0;
  turns = 0;
  /** What code that ran by itself threw, which would have ended its process. */
  readonly uncaught: { scope: string; error: unknown }[] = [];

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  get now(): number {
    return this.#now;
  }

  get scope(): Scope {
    return scopes.getStore() ?? this.root;
  }

  /** Runs this as a part of that process. */
  within<Result>(scope: Scope, run: () => Result): Result {
    return scope.run(run);
  }

  /** Once the code that runs now is done. */
  tick(run: () => void): Job {
    const job = this.#job(run, this.scope, 0);
    this.#ticks.push(job);
    return job;
  }

  after(ms: number, run: () => void, scope = this.scope): Job {
    const job = this.#job(run, scope, Math.max(0, ms));
    this.#push(job);
    return job;
  }

  cancel(job: Job): void {
    job.run = undefined;
  }

  /** Runs what it missed, now. */
  thaw(scope: Scope): void {
    for (const job of scope.thaw()) {
      job.at = this.#now;
      job.order = this.#order++;
      this.#push(job);
    }
  }

  /** Timers that are still to come, by the process they are of: what would keep it alive. */
  pending(): { scope: Scope; at: number }[] {
    return this.#heap.filter(({ run, scope }) => run !== undefined && !scope.dead);
  }

  /**
   * Goes on until this holds, or nothing is left to do, or that moment has come. Whether it holds.
   */
  async run(done: () => boolean, untilMs: number): Promise<boolean> {
    await settled();
    while (!done()) {
      const job = this.#next(untilMs);
      if (job === undefined) return false;
      if (job === later) {
        this.#now = Math.max(this.#now, untilMs);
        return done();
      }
      const { run } = job;
      job.run = undefined;
      if (run === undefined || job.scope.dead) continue;
      const frozen = job.scope.frozen;
      if (frozen !== undefined) {
        job.run = run;
        frozen.hold(job);
        continue;
      }
      this.#now += turnMs;
      this.turns += 1;
      try {
        job.scope.run(run);
      } catch (error) {
        this.uncaught.push({ scope: job.scope.name, error });
      }
      await settled();
    }
    return true;
  }

  #job(run: () => void, scope: Scope, ms: number): Job {
    return { at: this.#now + ms, order: this.#order++, run, scope };
  }

  #next(untilMs: number): Job | typeof later | undefined {
    const tick = this.#ticks.shift();
    if (tick !== undefined) return tick;
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined) return undefined;
    if (first.at > untilMs) return later;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    this.#now = Math.max(this.#now, first.at);
    return first;
  }

  #push(job: Job): void {
    const heap = this.#heap;
    let index = heap.push(job) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent]!, job)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = job;
  }

  #sink(job: Job): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (isBefore(job, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = job;
  }
}

const later = Symbol("the next job is after the end");

function isBefore(a: Job, b: Job): boolean {
  return a.at === b.at ? a.order < b.order : a.at < b.at;
}

/** Every promise that can go on without a timer has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => realNextTick(resolve));
}
