// The threads of a worker and the queue of calls that wait for one. Decides which thread gets which
// calls, and how many at once; replaces threads that end.

import { nanoid } from "nanoid";
import { formatDuration } from "../../src/duration.ts";
import type { ModuleSource } from "../boundary/module-source.ts";
import type { Call } from "../calls/call.ts";
import type { Isolation } from "../isolation.ts";
import { ProcessHost } from "../process/process-host.ts";
import { EndedAttempts } from "../processes/ended-attempts.ts";
import { CallQueue } from "./call-queue.ts";
import type { CallEvents, ThreadEnd } from "./events.ts";
import { Pace, unknownMicros } from "./pace.ts";
import type { OpenHost } from "./host.ts";
import { Thread } from "./thread.ts";
import { ThreadHost } from "./thread-host.ts";

export type PoolOptions = {
  readonly modules: readonly ModuleSource[];
  readonly threads: number;
  /** Calls at once on each thread. */
  readonly concurrency: number;
  /** The worker's name. */
  readonly name: string;
  /** The module that makes the clients inside tasks. Default: tasks have no client. */
  readonly taskClient?: URL | undefined;
  /** Heap of each thread, in bytes. Default: Node's own. */
  readonly heapBytes?: number | undefined;
  /** How many bytes of shared memory each thread may leave unused before they are collected. */
  readonly collectAfterBytes?: number | undefined;
  /** Default: threads. */
  readonly isolation?: Isolation | undefined;
  /**
   * A thread has this time to load the modules, or ten times as long as the first of all took, in milliseconds.
   * Default: a minute.
   */
  readonly loadingMs?: number;
  /** Marks the processes that tasks start; see `markVariable`. Default: a new one. */
  readonly mark?: string | undefined;
};

/** Events of calls pass the pool by: threads report them themselves. */
export type PoolEvents = CallEvents & {
  /** The call is about to be handed to a thread, where it may still wait behind others. */
  handing(call: Call): void;
  /** A thread has ended, with the calls on it; it is being replaced. */
  gone(end: ThreadEnd): void;
  /** A thread could not be replaced, for the n-th time in a row; the pool tries again after a pause. */
  unreplaced(failure: Unreplaced): void;
  /** A thread could be replaced again. */
  replaced(): void;
  /** A thread has not answered for long, though no call executes there; it is being replaced. */
  wedged(): void;
};

export type Unreplaced = {
  readonly error: Error;
  readonly inARow: number;
  readonly pauseMs: number;
  readonly threadsLeft: number;
  /** The modules load, and are others than before: no later attempt can help. */
  readonly isFinal: boolean;
};

/** Calls travel together up to this much expected work, and as much again is sent ahead. */
const batchMicros = 1_000;
const batchCalls = 256;
/** The work that large arguments are: they are copied for the thread, which bounds how many are sent ahead. */
const microsPerPage = 16;
const pageBytes = 4_096;
/** Less work than this is not split between two threads: waking the second takes as long. */
const splitMicros = 100;
/** The pause before modules are loaded again that did not load: twice as long each time. */
const firstPauseMs = 1_000;
const longestPauseMs = 30_000;

const hosts: Record<Isolation, OpenHost> = {
  threads: (setup, events) => new ThreadHost(setup, events),
  processes: (setup, events) => new ProcessHost(setup, events),
};

export class ThreadPool {
  readonly #options: PoolOptions;
  readonly #events: PoolEvents;
  readonly #queue = new CallQueue<Call>();
  readonly #pace = new Pace();
  readonly #threads = new Set<Thread>();
  /** The limits of the threads that load their modules. */
  readonly #loading = new Map<Thread, NodeJS.Timeout>();
  readonly #mark: string;
  #threadsStarted = 0;
  readonly #endedAttempts = new EndedAttempts();
  readonly #loaded = Promise.withResolvers<void>();
  #functions: ReadonlyMap<string, number> | undefined = undefined;
  #digests: readonly string[] = [];
  /** How long the first thread took to load the modules. */
  #firstLoadMs = 0;
  #startedAt = 0;
  /** Announced calls: suspects, each of which runs alone on its thread. */
  readonly #suspects: Call[] = [];
  /** The suspect that each thread was handed last. */
  readonly #apart = new Map<Thread, Call>();
  /** The thread that is handed nothing more until it is empty, for a suspect. */
  #clearing: Thread | undefined = undefined;
  /** The places of the functions by digest. */
  #places: ReadonlyMap<string, number> = new Map();
  #failuresInARow = 0;
  #isPausing = false;
  #changedModules = false;
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
    this.#startedAt = performance.now();
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

  /** The place of the function that a `run` message means; undefined when it is not registered. */
  placeOf({ name, digest }: { name: string; digest?: string }): number | undefined {
    return digest === undefined ? this.functions.get(name) : this.#places.get(digest);
  }

  /** The digest of each function, in the order of their places. */
  get digests(): readonly string[] {
    return this.#digests;
  }

  // ── Calls ──────────────────────────────────────────────────────────────────────────────────────

  /** Puts a call in the queue; `feed` hands it over. */
  add(call: Call): void {
    if (call.terms.announce) this.#suspects.push(call);
    else this.#queue.push(call);
  }

  /** Puts a call that was on a thread back in the queue. */
  restore(call: Call): void {
    call.reported = call.recalled = false;
    if (call.terms.announce) this.#suspects.push(call);
    else this.#queue.restore(call);
  }

  /** Hands over as many calls as there is room for: to free slots first, then ahead. */
  feed(): void {
    const { concurrency } = this.#options;
    this.#handSuspects();
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
    const place = call.terms.announce ? this.#suspects.indexOf(call) : -1;
    if (place >= 0) {
      this.#suspects.splice(place, 1);
      return true;
    }
    return this.#queue.remove(call) || (call.thread?.handed.takeBack(call) ?? false);
  }

  /** Takes back every call that has not begun. */
  takeAllBack(): Call[] {
    const waiting = [...this.#suspects.splice(0), ...this.#queue.clear()];
    return [...waiting, ...[...this.#threads].flatMap(({ handed }) => handed.takeAllBack())];
  }

  /**
   * Calls that have executed for so long; calls that wait behind one go to other threads. To be called again and
   * again while there are calls: it looks after the threads, too.
   */
  executingFor(ms: number): Call[] {
    const slow: Call[] = [];
    const now = performance.now();
    const at = now - ms;
    for (const thread of this.#threads) {
      const { handed } = thread;
      if (handed.live === 0 && !thread.isHeldUp) continue;
      const executing = handed.executing();
      this.#supervise(thread, executing, now);
      const here = executing.filter((call) => (handed.beganAt(call) ?? at) < at);
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

  /** Lets tasks send more messages, which waited while this worker's heap was full. */
  goOn(): void {
    for (const thread of this.#threads) thread.goOn();
  }

  /** Takes the results that threads have not posted: the call that runs now may never end. */
  collect(): void {
    for (const thread of this.#threads) thread.collect();
  }

  // ── Threads ────────────────────────────────────────────────────────────────────────────────────

  /** Ends every thread that may have run something; new threads take their places. */
  async restart(): Promise<void> {
    await terminateAll([...this.#threads].filter(({ hasLoaded }) => hasLoaded));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await terminateAll(this.#threads);
    await this.#endedAttempts.close();
  }

  /** When a thread does not begin what it was handed, the calls go elsewhere, and in the end it is replaced. */
  #supervise(thread: Thread, executing: readonly Call[], now: number): void {
    const isWedged = thread.isWedged(executing, now);
    if (thread.isHeldUp) for (const call of thread.handed.takeAllBack()) this.restore(call);
    if (!isWedged) return;
    this.#events.wedged();
    void thread.terminate();
  }

  #spawn(): void {
    if (this.#closed) return;
    const {
      modules,
      concurrency,
      name,
      heapBytes,
      taskClient,
      isolation = "threads",
    } = this.#options;
    const mark = `${this.#mark}/${this.#threadsStarted++}`;
    const { collectAfterBytes } = this.#options;
    const told = { modules, concurrency, worker: name, mark, collectAfterBytes };
    const options = { ...told, taskClient: taskClient?.href };
    const { endedAttempts, pace } = { endedAttempts: this.#endedAttempts, pace: this.#pace };
    const setup = { open: hosts[isolation], options, heapBytes, pace, endedAttempts };
    const thread = new Thread(setup, this.#events, {
      loaded: (names, digests) => this.#join(thread, names, digests),
      room: () => this.#fill(thread),
      gone: (end) => this.#replace(thread, end),
    });
    this.#threads.add(thread);
    this.#limitLoading(thread);
  }

  /** A thread that never has the modules would leave a gap: it is tried again as one that could not load them. */
  #limitLoading(thread: Thread, ms = this.#options.loadingMs ?? 60_000): void {
    const check = () => {
      // Nothing is known of how long they take before one thread has them.
      if (this.#functions === undefined) return this.#limitLoading(thread);
      const limitMs = 10 * this.#firstLoadMs;
      if (ms < limitMs) return this.#limitLoading(thread, limitMs);
      thread.fail(new Error(`the modules were not loaded within ${formatDuration(ms)}`));
    };
    this.#loading.set(thread, setTimeout(check, ms).unref());
  }

  #endLoading(thread: Thread): void {
    clearTimeout(this.#loading.get(thread));
    this.#loading.delete(thread);
  }

  #join(thread: Thread, names: readonly string[], digests: readonly string[]): void {
    this.#endLoading(thread);
    if (this.#functions === undefined) {
      this.#firstLoadMs = performance.now() - this.#startedAt;
      this.#functions = new Map(names.map((name, index) => [name, index]));
      this.#digests = digests;
      this.#places = new Map(digests.map((digest, index) => [digest, index]));
    }
    const isSame =
      names.join() === [...this.#functions.keys()].join() &&
      digests.join() === this.#digests.join();
    if (!isSame) {
      this.#changedModules = true;
      thread.fail(new Error("The modules have other functions than when this worker started"));
      return;
    }
    this.#changedModules = false;
    if (this.#failuresInARow > 0) {
      this.#failuresInARow = 0;
      this.#events.replaced();
      // The others were not tried while this one might fail too.
      while (this.#threads.size < this.#options.threads) this.#spawn();
    }
    this.#loaded.resolve();
    this.#fill(thread);
  }

  #replace(thread: Thread, end: ThreadEnd): void {
    this.#endLoading(thread);
    this.#threads.delete(thread);
    this.#apart.delete(thread);
    if (this.#clearing === thread) this.#clearing = undefined;
    if (end.loaded) {
      if (this.#failuresInARow === 0 && !end.isStuck) this.#spawn();
      this.#events.gone(end);
      this.feed();
    } else if (this.#functions === undefined) {
      this.#loaded.reject(end.error);
    } else if (!this.#closed) {
      this.#tryAgain(end.error);
    }
  }

  /** Has one thread try whether the modules load again; when they do, the others follow. */
  #tryAgain(error: Error): void {
    if (this.#isPausing) return;
    this.#isPausing = true;
    this.#failuresInARow += 1;
    const pauseMs = Math.min(firstPauseMs * 2 ** (this.#failuresInARow - 1), longestPauseMs);
    const threadsLeft = [...this.#threads].filter(({ ready }) => ready).length;
    const inARow = this.#failuresInARow;
    const isFinal = this.#changedModules;
    this.#events.unreplaced({ error, inARow, pauseMs, threadsLeft, isFinal });
    const again = () => {
      this.#isPausing = false;
      if (this.#threads.size < this.#options.threads) this.#spawn();
    };
    setTimeout(again, pauseMs).unref();
  }

  // ── Handing over ───────────────────────────────────────────────────────────────────────────────

  #fill(thread: Thread): void {
    this.#handSuspects();
    while (this.#hand(thread));
  }

  /** Hands each suspect to a thread that has no other call; if there is none, one is emptied for it. */
  #handSuspects(): void {
    if (this.#suspects.length === 0 && this.#clearing === undefined) return;
    this.#clearing = undefined;
    for (let call = this.#suspects[0]; call; call = this.#suspects[0]) {
      let thread: Thread | undefined;
      for (const each of this.#threads) {
        if (!each.ready || this.#runsSuspect(each)) continue;
        if (thread === undefined || each.handed.live < thread.handed.live) thread = each;
      }
      if (thread === undefined) return;
      for (const behind of thread.handed.takeAllBack()) this.#queue.restore(behind);
      if (thread.handed.live > 0) {
        this.#clearing = thread;
        return;
      }
      this.#suspects.shift();
      call.expectedMicros = unknownMicros;
      this.#events.handing(call);
      this.#apart.set(thread, call);
      this.#announce(call, thread);
    }
  }

  /** Whether a suspect is on the thread and has not lent its slot. */
  #runsSuspect(thread: Thread): boolean {
    const call = this.#apart.get(thread);
    return call?.thread === thread && !call.lent;
  }

  /** Hands one batch to a thread; false when the thread has no room for the next call. */
  #hand(thread: Thread): boolean {
    const { concurrency } = this.#options;
    const { live, loadMicros } = thread.handed;
    const hasRoom =
      live < concurrency || (loadMicros < batchMicros * concurrency && live < batchCalls);
    if (!hasRoom || !thread.ready) return false;
    if (thread === this.#clearing || this.#runsSuspect(thread)) return false;
    const calls = this.#take(concurrency - live);
    if (calls.length === 0) return false;
    thread.hand(calls);
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
      const expected = this.#pace.of(call.terms.function) + microsOfArguments(call);
      if (calls.length >= free) {
        if (micros + expected > batchMicros || calls.length >= batchCalls) break;
        if (calls.length >= fairShare && micros + expected > splitMicros) break;
      }
      this.#queue.shift();
      call.expectedMicros = expected;
      micros += expected;
      calls.push(call);
      this.#events.handing(call);
    }
    return calls;
  }

  /** Hands over a call that was announced, once the announcement has left this process. */
  #announce(call: Call, thread: Thread): void {
    thread.reserve(call);
    const { ticket } = call;
    call.announcing = true;
    setImmediate(() => {
      call.announcing = false;
      if (call.thread === thread && call.ticket === ticket) thread.post([call]);
    });
  }
}

function microsOfArguments({ heapBytes, outsideBytes }: Call): number {
  return Math.floor((heapBytes + outsideBytes) / pageBytes) * microsPerPage;
}

/** A thread that cannot be ended is given up after a while. */
async function terminateAll(threads: Iterable<Thread>): Promise<void> {
  await Promise.all([...threads].map((thread) => thread.terminate()));
}
