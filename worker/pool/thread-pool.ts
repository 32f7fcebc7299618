// The threads of a worker and the calls that wait for them. Decides which thread gets which calls,
// and how many at once; replaces threads that end. It does not know the scheduler.

import { setTimeout as sleep } from "node:timers/promises";
import type { Payload } from "../../src/payload/payload.ts";
import type { Failure, FromClient } from "../../src/wire/protocol.ts";
import type { Call } from "../calls/call.ts";
import { CallQueue } from "./call-queue.ts";
import type { ModuleSource } from "../boundary/module-source.ts";
import { Pace, unknownMicros } from "./pace.ts";
import { Thread } from "./thread.ts";
import type { Gone } from "./thread-events.ts";

export type PoolOptions = {
  readonly modules: readonly ModuleSource[];
  readonly threads: number;
  /** Calls at once on each thread. */
  readonly concurrency: number;
  /** The worker's name. */
  readonly name: string;
  /** What makes the clients inside tasks. Default: they have none. */
  readonly taskClient?: URL | undefined;
  /** Heap of each thread, in bytes. Default: what Node gives. */
  readonly heapBytes?: number | undefined;
};

export type PoolEvents = {
  returned(call: Call, value: Payload, micros: number): void;
  threw(call: Call, failure: Failure): void;
  /** About to be handed to a thread; asked for by `announce` and `timeoutMs` only. */
  beginning(call: Call): void;
  progress(call: Call, fraction: number, text: string | undefined): void;
  said(kind: "log" | "rejection", text: string, key: string | undefined): void;
  inside(call: Call, message: FromClient): void;
  lent(call: Call): void;
  resuming(call: Call): void;
  /** A thread is gone, and these calls with it; it is being replaced. */
  gone(how: Gone): void;
  /** A thread could not be replaced, for the n-th time in a row; it is tried again. */
  unreplaced(error: Error, inARow: number, threadsLeft: number): void;
};

/** Calls travel together up to this much expected work, and as much again is sent ahead. */
const batchMicros = 1_000;
const batchCalls = 256;
/** Work less than this is not worth a second thread: it is done by the time that one has woken. */
const splitMicros = 100;
const replaceAgainMs = 1_000;
const closeMs = 3_000;

export class ThreadPool {
  readonly #options: PoolOptions;
  readonly #events: PoolEvents;
  readonly #queue = new CallQueue<Call>();
  readonly #pace = new Pace();
  readonly #threads = new Set<Thread>();
  readonly #loaded = Promise.withResolvers<void>();
  #functions: ReadonlyMap<string, number> | undefined = undefined;
  #digests: readonly string[] = [];
  #failuresInARow = 0;
  #closed = false;

  constructor(options: PoolOptions, events: PoolEvents) {
    this.#options = options;
    this.#events = events;
  }

  /**
   * Starts the threads; resolves once the first has loaded the modules.
   *
   * @throws {ModuleError} when they cannot be used
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

  /** Of the text of each function, in the order of their places. */
  get digests(): readonly string[] {
    return this.#digests;
  }

  /** Puts a call in the queue; `feed` hands it over. */
  add(call: Call): void {
    this.#queue.push(call);
  }

  /** Puts back a call that was on a thread. */
  restore(call: Call): void {
    call.reported = false;
    this.#queue.restore(call);
  }

  /** Hands over what there is room for: to free slots first, then ahead. */
  feed(): void {
    const { concurrency } = this.#options;
    for (let handed = true; handed;) {
      handed = false;
      for (const thread of this.#threads) {
        if (this.#queue.size === 0) return;
        if (thread.live < concurrency) handed = this.#hand(thread) || handed;
      }
    }
    for (const thread of this.#threads) this.#fill(thread);
  }

  /** Takes a call back wherever it is, unless it has begun. */
  takeBack(call: Call): boolean {
    return this.#queue.remove(call) || (call.thread?.takeBack(call) ?? false);
  }

  /** Takes back every call that has not begun. */
  takeAllBack(): Call[] {
    return [
      ...this.#queue.clear(),
      ...[...this.#threads].flatMap((thread) => thread.takeAllBack()),
    ];
  }

  /** Calls that have been executing since before `at`; what waits behind one goes elsewhere. */
  executingSince(at: number): Call[] {
    const slow: Call[] = [];
    for (const thread of this.#threads) {
      if (thread.live === 0) continue;
      const here = thread.executing().filter((call) => (thread.beganAt(call) ?? at) < at);
      if (here.length === 0) continue;
      slow.push(...here);
      const inSlots = here.filter(({ lent }) => !lent);
      for (const call of inSlots) thread.markLong(call);
      if (inSlots.length < this.#options.concurrency) continue;
      for (const call of thread.takeAllBack()) this.restore(call);
    }
    this.feed();
    return slow;
  }

  /** Takes the results that threads hold back, lest one be held up by what runs after it. */
  collect(): void {
    for (const thread of this.#threads) thread.collect();
  }

  /** Ends every thread that has run anything; others, which have not, take their places. */
  async restart(): Promise<void> {
    await this.#end([...this.#threads].filter(({ ready }) => ready));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end([...this.#threads]);
  }

  /** Ends threads, or gives up on those that are inside a system call and cannot be ended. */
  async #end(threads: readonly Thread[]): Promise<void> {
    const ends = Promise.all(threads.map((thread) => thread.terminate()));
    const given = new AbortController();
    const tooLong = sleep(closeMs, undefined, { signal: given.signal }).catch(() => undefined);
    await Promise.race([ends, tooLong]);
    given.abort();
  }

  #spawn(): void {
    if (this.#closed) return;
    const { modules, concurrency, name, heapBytes, taskClient } = this.#options;
    const thread = new Thread(
      { modules, concurrency, worker: name, heapBytes, taskClient: taskClient?.href },
      {
        loaded: (_, names, digests) => this.#join(thread, names, digests),
        returned: (call, value, micros) => {
          this.#pace.learn(call.terms.function, micros);
          this.#events.returned(call, value, micros);
        },
        threw: (call, failure, micros) => {
          this.#pace.learn(call.terms.function, micros);
          this.#events.threw(call, failure);
        },
        room: () => this.#fill(thread),
        progress: (call, fraction, text) => this.#events.progress(call, fraction, text),
        said: (kind, text, key) => this.#events.said(kind, text, key),
        inside: (call, message) => this.#events.inside(call, message),
        lent: (call) => this.#events.lent(call),
        resuming: (call) => this.#events.resuming(call),
        gone: (_, how) => this.#replace(thread, how),
      },
    );
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

  #replace(thread: Thread, how: Gone): void {
    this.#threads.delete(thread);
    if (how.loaded) {
      this.#spawn();
      this.#events.gone(how);
      this.feed();
    } else if (this.#functions === undefined) {
      this.#loaded.reject(how.error);
    } else if (!this.#closed) {
      this.#failuresInARow += 1;
      const left = [...this.#threads].filter(({ ready }) => ready).length;
      this.#events.unreplaced(how.error, this.#failuresInARow, left);
      setTimeout(() => this.#spawn(), replaceAgainMs);
    }
  }

  #fill(thread: Thread): void {
    while (this.#hand(thread));
  }

  /** Hands one batch to a thread; false when it has no room for what comes next. */
  #hand(thread: Thread): boolean {
    const { concurrency } = this.#options;
    const hasRoom =
      thread.live < concurrency ||
      (thread.loadMicros < batchMicros * concurrency && thread.live < batchCalls);
    if (!hasRoom || !thread.ready) return false;
    const calls = this.#take(concurrency - thread.live);
    const [first] = calls;
    if (first === undefined) return false;
    if (first.terms.announce) this.#announce(first, thread);
    else thread.hand(calls);
    return true;
  }

  /**
   * The calls to hand over next. Each of the first `free` has a slot to itself and may be of any
   * length; those behind them are only such as are known to be short.
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

  /** The thread hears of the call only when what announces it has left this process. */
  #announce(call: Call, thread: Thread): void {
    thread.reserve(call);
    const { ticket } = call;
    setImmediate(() => {
      if (call.thread === thread && call.ticket === ticket) thread.post([call]);
    });
  }
}
