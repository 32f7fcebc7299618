// The threads of a worker and the queue of calls that wait for one. Decides which thread gets which
// calls, and how many at once; replaces threads that end.

import { nanoid } from "nanoid";
import { setTimeout as sleep } from "node:timers/promises";
import type { ModuleSource } from "../boundary/module-source.ts";
import type { Call } from "../calls/call.ts";
import { EndedAttempts } from "../processes/ended-attempts.ts";
import { CallQueue } from "./call-queue.ts";
import type { CallEvents, ThreadEnd } from "./events.ts";
import { Pace, unknownMicros } from "./pace.ts";
import { Thread } from "./thread.ts";

export type PoolOptions = {
  readonly modules: readonly ModuleSource[];
  readonly threads: number;
  /** Calls at once on each thread. */
  readonly concurrency: number;
  /** The worker's name. */
  readonly name: string;
  /** The module that makes the clients inside tasks. Default: tasks have no client. */
  readonly taskClient?: URL | undefined;
  /** Heap of each thread, in bytes. Default: what Node gives. */
  readonly heapBytes?: number | undefined;
  /** Marks the processes that tasks start; see `markVariable`. Default: a new one. */
  readonly mark?: string | undefined;
};

/** Events of calls pass the pool by: threads report them themselves. */
export type PoolEvents = CallEvents & {
  /** The call is about to be handed to a thread; only for calls with `announce` or `timeoutMs`. */
  beginning(call: Call): void;
  /** A thread has ended, with the calls on it; it is being replaced. */
  gone(end: ThreadEnd): void;
  /** A thread could not be replaced, for the n-th time in a row; the pool tries again. */
  unreplaced(error: Error, inARow: number, threadsLeft: number): void;
};

/** Calls travel together up to this much expected work, and as much again is sent ahead. */
const batchMicros = 1_000;
const batchCalls = 256;
/** Less work than this is not split between two threads: waking the second takes as long. */
const splitMicros = 100;
const replaceAgainMs = 1_000;
const closeMs = 3_000;

export class ThreadPool {
  readonly #options: PoolOptions;
  readonly #events: PoolEvents;
  readonly #queue = new CallQueue<Call>();
  readonly #pace = new Pace();
  readonly #threads = new Set<Thread>();
  readonly #mark: string;
  #threadsStarted = 0;
  readonly #endedAttempts = new EndedAttempts();
  readonly #loaded = Promise.withResolvers<void>();
  #functions: ReadonlyMap<string, number> | undefined = undefined;
  #digests: readonly string[] = [];
  #failuresInARow = 0;
  #closed = false;

  constructor(options: PoolOptions, events: PoolEvents) {
    this.#options = options;
    this.#mark = options.mark ?? nanoid();
    this.#events = events;
  }

  /**
   * Starts the threads; resolves once the first has loaded the modules.
   *
   * @throws {ModuleError} when the modules cannot be used
   */
  async start(): Promise<void> {
    for (let count = 0; count < this.#options.threads; count += 1) this.#spawn();
    try {
      await this.#loaded.promise;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** The registered names, each with its place; none before `start` has resolved. */
  get functions(): ReadonlyMap<string, number> {
    return this.#functions ?? new Map();
  }

  /** The digest of each function's text, in the order of their places. */
  get digests(): readonly string[] {
    return this.#digests;
  }

  // ── Calls ──────────────────────────────────────────────────────────────────────────────────────

  /** Puts a call in the queue; `feed` hands it over. */
  add(call: Call): void {
    this.#queue.push(call);
  }

  /** Puts a call that was on a thread back in the queue. */
  restore(call: Call): void {
    call.reported = false;
    this.#queue.restore(call);
  }

  /** Hands over as many calls as there is room for: to free slots first, then ahead. */
  feed(): void {
    const { concurrency } = this.#options;
    for (let handed = true; handed;) {
      handed = false;
      for (const thread of this.#threads) {
        if (this.#queue.size === 0) return;
        if (thread.handed.live < concurrency) handed = this.#hand(thread) || handed;
      }
    }
    for (const thread of this.#threads) this.#fill(thread);
  }

  /** Takes a call back from the queue or from its thread, unless it has begun. */
  takeBack(call: Call): boolean {
    return this.#queue.remove(call) || (call.thread?.handed.takeBack(call) ?? false);
  }

  /** Takes back every call that has not begun. */
  takeAllBack(): Call[] {
    const waiting = this.#queue.clear();
    return [...waiting, ...[...this.#threads].flatMap(({ handed }) => handed.takeAllBack())];
  }

  /** Calls that began before `at` and still execute; calls that wait behind one go to other threads. */
  executingSince(at: number): Call[] {
    const slow: Call[] = [];
    for (const { handed } of this.#threads) {
      if (handed.live === 0) continue;
      const here = handed.executing().filter((call) => (handed.beganAt(call) ?? at) < at);
      if (here.length === 0) continue;
      slow.push(...here);
      const inSlots = here.filter(({ lent }) => !lent);
      for (const call of inSlots) handed.markLong(call);
      if (inSlots.length < this.#options.concurrency) continue;
      for (const call of handed.takeAllBack()) this.restore(call);
    }
    this.feed();
    return slow;
  }

  /** Takes the results that threads have not posted: the call that runs now may never end. */
  collect(): void {
    for (const thread of this.#threads) thread.collect();
  }

  // ── Threads ────────────────────────────────────────────────────────────────────────────────────

  /** Ends every thread that may have run something; new threads take their places. */
  async restart(): Promise<void> {
    await this.#end([...this.#threads].filter(({ ready }) => ready));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end([...this.#threads]);
    await this.#endedAttempts.close();
  }

  /** Ends threads, and gives up on those that cannot be ended because they are inside a system call. */
  async #end(threads: readonly Thread[]): Promise<void> {
    const ends = Promise.all(threads.map((thread) => thread.terminate()));
    const ended = new AbortController();
    const tooLong = sleep(closeMs, undefined, { signal: ended.signal }).catch(() => undefined);
    await Promise.race([ends, tooLong]);
    ended.abort();
  }

  #spawn(): void {
    if (this.#closed) return;
    const { modules, concurrency, name, heapBytes, taskClient } = this.#options;
    const mark = `${this.#mark}/${this.#threadsStarted++}`;
    const options = { modules, concurrency, worker: name, taskClient: taskClient?.href, mark };
    const setup = { options, heapBytes, pace: this.#pace, endedAttempts: this.#endedAttempts };
    const thread = new Thread(setup, this.#events, {
      loaded: (names, digests) => this.#join(thread, names, digests),
      room: () => this.#fill(thread),
      gone: (end) => this.#replace(thread, end),
    });
    this.#threads.add(thread);
  }

  #join(thread: Thread, names: readonly string[], digests: readonly string[]): void {
    if (this.#functions === undefined) {
      this.#functions = new Map(names.map((name, index) => [name, index]));
      this.#digests = digests;
    }
    const isSame =
      names.join() === [...this.#functions.keys()].join() &&
      digests.join() === this.#digests.join();
    if (!isSame) {
      thread.fail(new Error("The modules have other functions than when this worker started"));
      return;
    }
    this.#failuresInARow = 0;
    this.#loaded.resolve();
    this.#fill(thread);
  }

  #replace(thread: Thread, end: ThreadEnd): void {
    this.#threads.delete(thread);
    if (end.loaded) {
      this.#spawn();
      this.#events.gone(end);
      this.feed();
    } else if (this.#functions === undefined) {
      this.#loaded.reject(end.error);
    } else if (!this.#closed) {
      this.#failuresInARow += 1;
      const left = [...this.#threads].filter(({ ready }) => ready).length;
      this.#events.unreplaced(end.error, this.#failuresInARow, left);
      setTimeout(() => this.#spawn(), replaceAgainMs);
    }
  }

  // ── Handing over ───────────────────────────────────────────────────────────────────────────────

  #fill(thread: Thread): void {
    while (this.#hand(thread));
  }

  /** Hands one batch to a thread; false when the thread has no room for the next call. */
  #hand(thread: Thread): boolean {
    const { concurrency } = this.#options;
    const { live, loadMicros } = thread.handed;
    const hasRoom =
      live < concurrency || (loadMicros < batchMicros * concurrency && live < batchCalls);
    if (!hasRoom || !thread.ready) return false;
    const calls = this.#take(concurrency - live);
    const [first] = calls;
    if (first === undefined) return false;
    if (first.terms.announce) this.#announce(first, thread);
    else thread.hand(calls);
    return true;
  }

  /**
   * The calls to hand over next. Each of the first `free` has a slot to itself and may be of any
   * length; calls behind these are taken only when they are known to be short.
   */
  #take(free: number): Call[] {
    const calls: Call[] = [];
    let micros = 0;
    const fairShare = Math.ceil(this.#queue.size / this.#threads.size);
    for (let call = this.#queue.first; call; call = this.#queue.first) {
      const { announce, timeoutMs } = call.terms;
      if (announce && (calls.length > 0 || free <= 0)) break;
      const expected = announce ? unknownMicros : this.#pace.of(call.terms.function);
      if (calls.length >= free) {
        if (micros + expected > batchMicros || calls.length >= batchCalls) break;
        if (calls.length >= fairShare && micros + expected > splitMicros) break;
      }
      this.#queue.shift();
      call.expectedMicros = expected;
      micros += expected;
      calls.push(call);
      if (announce || timeoutMs !== undefined) this.#events.beginning(call);
      if (announce) break;
    }
    return calls;
  }

  /** Hands over a call that was announced, once the announcement has left this process. */
  #announce(call: Call, thread: Thread): void {
    thread.reserve(call);
    const { ticket } = call;
    setImmediate(() => {
      if (call.thread === thread && call.ticket === ticket) thread.post([call]);
    });
  }
}
