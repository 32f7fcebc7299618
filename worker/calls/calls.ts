// Every call the scheduler has sent and not been answered for. Takes the scheduler's messages, has
// the thread pool run them, ends those that are cancelled or out of time, and reports what came of
// each, once.

import { longestTimerMs } from "../../src/duration.ts";
import { failureOf } from "../../src/errors/failure.ts";
import { KeyTable } from "../../src/key-table.ts";
import type { Log } from "../../src/log.ts";
import type { Payload } from "../../src/payload/payload.ts";
import type { Reference, RunMessage, ToWorker } from "../../src/wire/protocol.ts";
import { bring, type BringFrom } from "./fetch-for-task.ts";
import {
  about,
  dropped,
  isWanted,
  newCall,
  outOfTime,
  termsOf,
  threadLost,
  unknownTask,
  type Call,
  type Ending,
} from "./call.ts";
import { MissingError } from "../results/fetching.ts";
import type { Reports } from "../reports.ts";
import type { Gone } from "../pool/thread-events.ts";
import { ThreadPool, type PoolOptions } from "../pool/thread-pool.ts";
import type { Results } from "../results/results.ts";

export type CallsOptions = PoolOptions & {
  /** How long a call that was asked to end may take before it loses its thread. Default 2,000. */
  readonly graceMs?: number;
  readonly log: Log;
  /** Where results stay that are too large to be passed on, and inputs are fetched. */
  readonly results: Pick<Results, "keep" | "gather" | "bring">;
  /** The threads are gone, and the modules do not load again. */
  readonly broken: (error: Error) => void;
};

/** A call that executes for this long is reported as started; looked for twice as often. */
const startedAfterMs = 50;
/** So many times in a row the modules may fail to load again before the worker gives up. */
const replacementsTried = 5;

type Message<Type> = Extract<ToWorker, { type: Type }>;

export class Calls {
  readonly #pool: ThreadPool;
  readonly #reports: Reports;
  readonly #from: BringFrom;
  readonly #graceMs: number;
  readonly #byKey = new KeyTable<Call>();
  #order = 0;
  #leaving = false;
  #paused = false;
  #watch: NodeJS.Timeout | undefined = undefined;
  #whenIdle: PromiseWithResolvers<void> | undefined = undefined;

  constructor(options: CallsOptions, reports: Reports) {
    this.#reports = reports;
    this.#from = { results: options.results, reports, log: options.log };
    this.#graceMs = options.graceMs ?? 2_000;
    this.#pool = new ThreadPool(options, {
      returned: (call, value, micros) => {
        if (this.#settle(call)) reports.finished(call, options.results.keep(call, value), micros);
      },
      threw: (call, failure) => {
        if (this.#settle(call)) reports.failed(call, failure);
      },
      beginning: (call) => this.#beginning(call),
      progress: (call, fraction, text) => isWanted(call) && reports.progress(call, fraction, text),
      inside: (call, message) => isWanted(call) && reports.fromInside(call, message),
      lent: (call) => isWanted(call) && reports.lent(call),
      resuming: (call) => isWanted(call) && reports.resuming(call),
      said: (kind, text, key) => {
        const task = key === undefined ? {} : { task: key };
        if (kind === "log") options.log.info(text, task);
        else options.log.error(`a promise was rejected and nobody handled it: ${text}`, task);
      },
      gone: (how) => this.#gone(how),
      unreplaced: (error, inARow, threadsLeft) => {
        options.log.error(`a thread could not be replaced: ${error.message}`, { threadsLeft });
        if (threadsLeft === 0 && inARow >= replacementsTried) options.broken(error);
      },
    });
  }

  /** @throws {ModuleError} when the modules cannot be used */
  async start(): Promise<void> {
    await this.#pool.start();
  }

  /** The registered names. */
  get functions(): string[] {
    return [...this.#pool.functions.keys()];
  }

  /** Of their texts, in the same order. */
  get digests(): string[] {
    return [...this.#pool.digests];
  }

  /** Calls that have come and are not over. */
  get size(): number {
    return this.#byKey.size;
  }

  // ── From the scheduler ─────────────────────────────────────────────────────────────────────────

  receive(message: Message<"run" | "cancel" | "withdraw" | "resume" | "sub" | "restart">): void {
    switch (message.type) {
      case "run":
        this.#run(message);
        return;
      case "cancel":
        this.#cancel(message);
        return;
      case "withdraw":
        this.#withdraw(message);
        return;
      case "resume":
        message.keys.forEach((key, index) => {
          const call = this.#find(key, message.attempts[index]!);
          call?.thread?.resume(call);
        });
        return;
      case "sub": {
        const call = this.#find(message.key, message.attempt);
        if (message.message.type !== "located") call?.thread?.tellInside(call, message.message);
        else if (call !== undefined) void bring(call, message.message, this.#from);
        return;
      }
      case "restart":
        void this.#restart();
        return;
      default:
        message satisfies never;
    }
  }

  #run(message: RunMessage): void {
    const { inputs, peers } = message;
    const place = this.#pool.functions.get(message.name);
    const terms = termsOf(message, place);
    for (let index = 0; index < message.keys.length; index += 1) {
      const call = newCall(message, index, terms, this.#order++);
      if (place === undefined) this.#reports.failed(call, unknownTask(call, this.functions));
      else if (this.#leaving || this.#paused) this.#reports.withdrawn(call);
      else if (!this.#admit(call)) continue;
      else if (inputs === undefined) this.#pool.add(call);
      else this.#gather(call, inputs[index]!, peers);
    }
    this.#pool.feed();
    this.#watch ??= setInterval(() => this.#look(), startedAfterMs / 2).unref();
  }

  /** Queues a call once all its inputs are here. */
  #gather(call: Call, inputs: readonly (Payload | Reference)[], peers: string[] = []): void {
    call.gathering = this.#from.results.gather(inputs, peers);
    if (call.gathering === undefined) {
      call.inputs = inputs as readonly Payload[];
      this.#pool.add(call);
      return;
    }
    call.gathering.inputs.then(
      (all) => {
        if (this.#byKey.get(call.key) !== call || call.ending !== undefined) return;
        call.inputs = all;
        this.#pool.add(call);
        this.#pool.feed();
      },
      (error: unknown) => {
        if (this.#byKey.get(call.key) !== call || !this.#settle(call)) return;
        if (error instanceof MissingError) this.#reports.missing(call, error);
        else this.#reports.failed(call, { ...failureOf(error), ...about(call) });
      },
    );
  }

  /** Takes a call back wherever it is, unless it has begun. */
  #takeBack(call: Call): boolean {
    if (this.#pool.takeBack(call)) return true;
    if (call.gathering === undefined || call.inputs !== undefined) return false;
    call.gathering.letGo();
    return true;
  }

  /** While this worker's memory is full it gives back what has not begun, and whatever else comes. */
  set paused(isPaused: boolean) {
    this.#paused = isPaused;
    if (!isPaused) return;
    let isFirst = true;
    for (const call of this.#byKey.values()) {
      if (call.ending !== undefined) continue;
      // Those that have their inputs here make room by running; and one may still get them.
      if (call.gathering && (call.inputs !== undefined || isFirst)) isFirst = false;
      else if (this.#takeBack(call)) this.#giveBack(call);
    }
  }

  #giveAllBack(): void {
    for (const call of this.#pool.takeAllBack()) this.#giveBack(call);
    for (const call of this.#byKey.values()) {
      if (call.gathering && call.ending === undefined && this.#takeBack(call)) this.#giveBack(call);
    }
  }

  /** False for one that is here already; an older attempt of the same task makes way. */
  #admit(call: Call): boolean {
    const earlier = this.#byKey.get(call.key);
    if (earlier !== undefined) {
      if (earlier.attempt >= call.attempt) return false;
      this.#end(earlier, dropped);
    }
    this.#byKey.add(call);
    return true;
  }

  #cancel({ keys, attempts, reason }: Message<"cancel">): void {
    const message = reason ?? "The task was cancelled";
    keys.forEach((key, index) => {
      const call = this.#find(key, attempts[index]!);
      if (call !== undefined) this.#end(call, { code: "task-cancelled", message });
    });
    this.#pool.feed();
  }

  /** Every call named here gets an answer: this one, or `started`, or its result. */
  #withdraw({ keys, attempts }: Message<"withdraw">): void {
    keys.forEach((key, index) => {
      const call = this.#find(key, attempts[index]!);
      if (call === undefined) return;
      if (this.#takeBack(call)) this.#giveBack(call);
      else this.#reportStarted(call);
    });
  }

  /** Whatever executes goes with its thread: the scheduler has cancelled it, and is told so first. */
  async #restart(): Promise<void> {
    this.#from.log.info("the threads are started anew, at a client's word");
    await this.#pool.restart();
    this.#reports.restarted();
  }

  #find(key: string, attempt: number): Call | undefined {
    const call = this.#byKey.get(key);
    return call?.attempt === attempt ? call : undefined;
  }

  // ── Shutting down, starting anew ───────────────────────────────────────────────────────────────

  /** Forgets everything; what executes is asked to end, and nothing is reported of it. */
  drop(): void {
    for (const call of this.#byKey.values()) this.#end(call, dropped);
  }

  /** Gives back every call that has not begun, and all that come from here on. */
  leave(): void {
    this.#leaving = true;
    this.#giveAllBack();
  }

  /** Resolves when no call is left. */
  async idle(): Promise<void> {
    if (this.#byKey.size === 0) return;
    this.#whenIdle ??= Promise.withResolvers();
    await this.#whenIdle.promise;
  }

  /** Ends the threads; calls that were executing are given back too. */
  async close(): Promise<void> {
    await this.#pool.close();
    this.leave();
    clearInterval(this.#watch);
  }

  // ── From the pool ──────────────────────────────────────────────────────────────────────────────

  #beginning(call: Call): void {
    if (call.terms.announce) this.#reportStarted(call);
    if (call.terms.timeoutMs !== undefined) this.#setTimer(call, call.terms.timeoutMs);
  }

  /** The time of a call counts from when it really began, which may be after it was handed over. */
  #setTimer(call: Call, ms: number): void {
    clearTimeout(call.timer);
    call.timer = setTimeout(
      () => {
        const { thread, terms } = call;
        if (thread === undefined) return;
        const timeoutMs = terms.timeoutMs!;
        const now = performance.now();
        const leftMs = (thread.beganAt(call) ?? now) + timeoutMs - now;
        if (leftMs > 0) this.#setTimer(call, leftMs);
        else this.#askToEnd(call, { code: "task-timeout", message: outOfTime(terms) });
      },
      Math.min(ms, longestTimerMs),
    );
  }

  #gone({ executing, others, error, terminated }: Gone): void {
    if (!terminated) {
      const tasks = executing.map(({ key }) => key);
      this.#from.log.warning(`a thread ended and is being replaced: ${error.message}`, { tasks });
    }
    // One that waited for its sub-tasks did nothing, unless nobody else was there who did.
    const inSlots = executing.filter(({ lent }) => !lent);
    const blamed = terminated ? [] : inSlots.length > 0 ? inSlots : executing;
    for (const call of [...executing, ...others]) {
      if (call.ending !== undefined) this.#settle(call);
      else if (blamed.includes(call)) this.#lose(call, error);
      // What it submitted goes with the attempt, so it needs another.
      else if (call.hasInside || call.lent) this.#giveBack(call);
      else {
        clearTimeout(call.timer);
        this.#pool.restore(call);
      }
    }
  }

  #lose(call: Call, error: Error): void {
    this.#settle(call);
    this.#reports.failed(call, threadLost(call, error));
  }

  /** Looks what executes for long, and reports it; and what results are held back meanwhile. */
  #look(): void {
    const slow = this.#pool.executingSince(performance.now() - startedAfterMs);
    for (const call of slow) this.#reportStarted(call);
    this.#pool.collect();
    if (this.#byKey.size > 0) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  // ── One call ───────────────────────────────────────────────────────────────────────────────────

  /** Ends a call wherever it is: at once when it is not executing, else by its signal. */
  #end(call: Call, ending: Ending): void {
    if (call.ending !== undefined) call.ending = ending;
    else if (this.#takeBack(call) || !this.#askToEnd(call, ending)) {
      call.ending = ending;
      call.thread?.forget(call);
      this.#settle(call);
    }
    // Its key may come again while it is still on its way out.
    if (ending === dropped) this.#remove(call.key);
  }

  /** Fires the signal of a call and gives it the grace; false when it is not executing. */
  #askToEnd(call: Call, ending: Ending): boolean {
    const { thread } = call;
    const code = ending.code === "task-timeout" ? ending.code : "task-cancelled";
    if (thread?.askToEnd(call, code, ending.message) !== true) return false;
    call.ending = ending;
    clearTimeout(call.timer);
    call.timer = setTimeout(() => {
      this.#from.log.info("a task did not end when asked to: its thread is replaced", {
        task: call.key,
      });
      void thread.terminate();
    }, this.#graceMs);
    return true;
  }

  /**
   * The call is over. False when it had been asked to end: what it returned is not wanted then, and
   * what is to be said of it has been said.
   */
  #settle(call: Call): boolean {
    if (call.timer !== undefined) clearTimeout(call.timer);
    call.gathering?.letGo();
    const { ending } = call;
    if (ending?.code !== "dropped") this.#remove(call.key);
    if (ending === undefined) return true;
    if (ending.code === "task-cancelled") this.#reports.stopped(call);
    if (ending.code === "task-timeout") {
      this.#reports.failed(call, { ...about(call), code: ending.code, message: ending.message });
    }
    return false;
  }

  #remove(key: string): void {
    this.#byKey.delete(key);
    if (this.#whenIdle !== undefined && this.#byKey.size === 0) this.#whenIdle.resolve();
  }

  #giveBack(call: Call): void {
    if (this.#settle(call)) this.#reports.withdrawn(call);
  }

  #reportStarted(call: Call): void {
    if (call.reported || call.ending !== undefined) return;
    call.reported = true;
    this.#reports.started(call);
  }
}
