// Every call that the scheduler has sent and that has not been answered. Takes the scheduler's messages,
// has the thread pool run the calls, decides about each event of a thread, and reports the end of each
// call once.

import { failureOf } from "../../src/errors/failure.ts";
import { KeyTable } from "../../src/key-table.ts";
import type { Log } from "../../src/log.ts";
import type { Payload } from "../../src/payload/payload.ts";
import type { Reference, Resources, RunMessage, ToWorker } from "../../src/wire/protocol.ts";
import { formatDuration } from "../../src/duration.ts";
import type { ThreadEnd } from "../pool/events.ts";
import {
  ThreadPool,
  type PoolEvents,
  type PoolOptions,
  type Unreplaced,
} from "../pool/thread-pool.ts";
import type { Reports } from "../reports.ts";
import { MissingError } from "../results/missing-error.ts";
import { isReference } from "../results/gathering.ts";
import type { Results } from "../results/results.ts";
import { entryHeapBytes } from "../results/store.ts";
import {
  about,
  countValue,
  dropped,
  isWanted,
  letGoOfValues,
  newCall,
  referenceHeapBytes,
  termsOf,
  threadLost,
  tooManyInputs,
  unknownTask,
  type Call,
  type Ending,
} from "./call.ts";
import { Devices, type DeviceLists } from "./devices.ts";
import { Endings } from "./endings.ts";
import { ScatterForTask } from "./scatter-for-task.ts";
import { fetchForTask } from "./fetch-for-task.ts";

export type CallsOptions = PoolOptions & {
  /** How long a call that was asked to end may take before it loses its thread. Default 2,000. */
  readonly graceMs?: number;
  readonly log: Log;
  /** The devices of resources that have some, and how much there is of each resource. */
  readonly devices?: DeviceLists | undefined;
  readonly resources?: Resources | undefined;
  /** Whether the heap has no room for more messages of the clients inside tasks. Default: it always has. */
  readonly isFull?: () => boolean;
  /** Most bytes on the heap that the inputs of one call may take. Default: any number. */
  readonly heapLimitBytes?: number;
  /** Keeps results that are too large for a message, and fetches inputs. */
  readonly results: Pick<
    Results,
    "keep" | "gather" | "fetch" | "place" | "isSmall" | "expect" | "unexpect"
  >;
  /** No thread is left, for this reason, and the modules do not load again yet; then, without one, they do. */
  readonly outage: (reason: string | undefined) => void;
  /** All threads have ended, and the modules have other functions now. */
  readonly broken: (error: Error) => void;
  /** A thread cannot be ended but with this process. */
  readonly stuck: (error: Error) => void;
};

/** A call that has executed for this long is reported as started; the check runs twice as often. */
const startedAfterMs = 50;
/** The worker ends after this many attempts in a row that found other functions in its modules. */
const replacementsTried = 5;

type Message<Type> = Extract<ToWorker, { type: Type }>;

export class Calls {
  readonly #options: CallsOptions;
  readonly #pool: ThreadPool;
  readonly #reports: Reports;
  readonly #endings: Endings;
  readonly #devices: Devices;
  readonly #warned = new Set<string>();
  readonly #scattering: ScatterForTask;
  readonly #byKey = new KeyTable<Call>();
  #order = 0;
  #heapBytes = 0;
  #leaving = false;
  #paused = false;
  /** A call that came is being counted. */
  #isAdmitting = false;
  /** No thread is left, and none can be started for now. */
  #isOut = false;
  #watch: NodeJS.Timeout | undefined = undefined;
  #whenIdle: PromiseWithResolvers<void> | undefined = undefined;

  constructor(options: CallsOptions, reports: Reports) {
    this.#options = options;
    this.#reports = reports;
    this.#endings = new Endings({ graceMs: options.graceMs ?? 2_000, log: options.log });
    this.#devices = new Devices(options.devices, options.resources);
    this.#scattering = new ScatterForTask(options.results, options.log);
    this.#pool = new ThreadPool(options, this.#poolEvents());
  }

  /** @throws {ModuleError} when the modules cannot be used */
  async start(): Promise<void> {
    await this.#pool.start();
  }

  /** The registered names. */
  get functions(): string[] {
    return [...this.#pool.functions.keys()];
  }

  /** The digest of each function, in the same order. */
  get digests(): string[] {
    return [...this.#pool.digests];
  }

  /** How many calls have come and are not over. */
  get size(): number {
    return this.#byKey.size;
  }

  /** What the calls and their arguments take on the heap. */
  get heapBytes(): number {
    return this.#heapBytes;
  }

  // ── From the scheduler ─────────────────────────────────────────────────────────────────────────

  receive(
    message: Message<"run" | "cancel" | "withdraw" | "resume" | "sub" | "output-taken" | "restart">,
  ): void {
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
          if (call !== undefined) this.#resume(call);
        });
        return;
      case "sub": {
        const call = this.#find(message.key, message.attempt);
        if (call === undefined) return;
        if (message.message.type !== "located") call.thread?.tellClient(call, message.message);
        else if (this.#scattering.place(message.message)) return;
        else void fetchForTask(call, message.message, { ...this.#options, reports: this.#reports });
        return;
      }
      case "output-taken": {
        const call = this.#find(message.key, message.attempt);
        call?.thread?.tellTaken(call, message.bytes);
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
    const place = this.#pool.placeOf(message);
    const terms = termsOf(message, place);
    for (let index = 0; index < message.keys.length; index += 1) {
      const call = newCall(message, index, terms, this.#order++);
      if (place === undefined) this.#reports.failed(call, unknownTask(call, this.functions));
      else if (this.#leaving || this.#paused || this.#isOut) this.#reports.withdrawn(call);
      else if (!this.#admit(call, inputs?.[index])) continue;
      else if (inputs === undefined) this.#queue(call);
      else this.#gather(call, inputs[index]!, peers);
    }
    this.#pool.feed();
    this.#watch ??= setInterval(() => this.#reportSlow(), startedAfterMs / 2).unref();
  }

  /** Queues a call once all its inputs are here. */
  #gather(call: Call, inputs: readonly (Payload | Reference)[], peers: string[] = []): void {
    const { heapLimitBytes = Infinity } = this.#options;
    let heapBytes = call.heapBytes;
    for (const input of inputs) if (isReference(input)) heapBytes += entryHeapBytes;
    if (heapBytes > heapLimitBytes) {
      this.#settle(call);
      this.#reports.failed(call, tooManyInputs(call, inputs.length, heapLimitBytes));
      return;
    }
    call.gathering = this.#options.results.gather(inputs, peers);
    if (call.gathering === undefined) {
      call.inputs = inputs as readonly Payload[];
      this.#queue(call);
      return;
    }
    call.gathering.inputs.then(
      (all) => {
        if (this.#byKey.get(call.key) !== call || call.ending !== undefined) return;
        call.inputs = all;
        this.#queue(call);
        this.#pool.feed();
      },
      (error: unknown) => {
        if (this.#byKey.get(call.key) !== call || !this.#settle(call)) return;
        if (error instanceof MissingError) this.#reports.missing(call, error);
        else this.#reports.failed(call, { ...failureOf(error), ...about(call) });
      },
    );
  }

  /** Puts a call in the queue, once there are devices for it. */
  #queue(call: Call): void {
    if (call.terms.resources === undefined) return this.#pool.add(call);
    this.#devices.request(call, () => {
      this.#pool.add(call);
      this.#pool.feed();
    });
  }

  /** A call that had lent its resources goes on, once there are devices for it; they may be others. */
  #resume(call: Call): void {
    const resume = () => call.thread?.resume(call);
    if (call.ending !== undefined) resume();
    else this.#devices.request(call, resume, true);
  }

  /** False for a call that is here already; an older attempt of the same task makes way. */
  #admit(call: Call, inputs?: readonly (Payload | Reference)[]): boolean {
    const earlier = this.#byKey.get(call.key);
    if (earlier !== undefined) {
      if (earlier.attempt >= call.attempt) return false;
      this.#end(earlier, dropped);
    }
    this.#byKey.add(call);
    countValue(call, call.args);
    if (inputs !== undefined) {
      for (const input of inputs) {
        if (isReference(input)) call.heapBytes += referenceHeapBytes;
        else countValue(call, input);
      }
    }
    this.#heapBytes += call.heapBytes;
    this.#isAdmitting = true;
    if (call.outsideBytes > 0) this.#options.results.expect(call.outsideBytes);
    this.#isAdmitting = false;
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

  /** Every call named here gets an answer: `withdrawn`, `started` or its result. */
  #withdraw({ keys, attempts }: Message<"withdraw">): void {
    keys.forEach((key, index) => {
      const call = this.#find(key, attempts[index]!);
      if (call === undefined) return;
      if (this.#takeBack(call)) this.#giveBack(call);
      else if (call.recalled) call.unwanted = true;
      else this.#reportStarted(call);
    });
  }

  /** The scheduler has cancelled all calls before; those that still execute end with their threads. */
  async #restart(): Promise<void> {
    this.#options.log.info("a client asked for a restart: the threads are replaced");
    await this.#pool.restart();
    this.#reports.restarted();
  }

  #find(key: string, attempt: number): Call | undefined {
    const call = this.#byKey.get(key);
    return call?.attempt === attempt ? call : undefined;
  }

  // ── Giving back, leaving, starting anew ────────────────────────────────────────────────────────

  /** While this worker's memory is full it gives back calls that have not begun, and new ones. */
  set paused(isPaused: boolean) {
    this.#paused = isPaused;
    if (!isPaused) return;
    let isFirst = true;
    const taken: Call[] = [];
    const asked: Call[] = [];
    for (const call of this.#byKey.values()) {
      if (call.ending !== undefined) continue;
      // A call whose inputs are here frees memory by running; and one call may still get its inputs.
      if (call.gathering && (call.inputs !== undefined || isFirst)) isFirst = false;
      // What calls bring is freed when they run. Were they given back for one that is too much, and that one later for
      // a more urgent one, all would go to and fro for ever.
      else if (this.#isAdmitting && !call.gathering) continue;
      else if (this.#takeBack(call)) taken.push(call);
      else if (call.recalled) asked.push(call);
    }
    // One that fills the memory by itself would go to and fro for ever.
    const areAll = taken.length + asked.length === this.#byKey.size;
    const stays = areAll ? (taken.shift() ?? asked.shift()) : undefined;
    for (const call of asked) call.unwanted = true;
    for (const call of taken) this.#giveBack(call);
    if (stays === undefined || stays.recalled) return;
    this.#queue(stays);
    this.#pool.feed();
  }

  /** The heap has room again. */
  goOn(): void {
    this.#pool.goOn();
  }

  /** Forgets all calls without a report; those that execute are asked to end. */
  drop(): void {
    this.#devices.takeAllBack();
    for (const call of this.#byKey.values()) this.#end(call, dropped);
  }

  /** Gives back every call that has not begun, and from now on every new one. */
  leave(): void {
    this.#leaving = true;
    this.#giveAllBack();
  }

  /** Gives back every call that has not begun. */
  #giveAllBack(): void {
    for (const call of this.#devices.takeAllBack()) this.#giveBack(call);
    for (const call of this.#pool.takeAllBack()) this.#giveBack(call);
    for (const call of this.#byKey.values()) {
      if (call.recalled) call.unwanted = true;
      else if (call.gathering && call.ending === undefined && this.#takeBack(call)) {
        this.#giveBack(call);
      }
    }
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

  // ── From the threads ───────────────────────────────────────────────────────────────────────────

  #poolEvents(): PoolEvents {
    const { results, log } = this.#options;
    const reports = this.#reports;
    return {
      returned: (call, value, micros) => {
        // A task that ran out of time, heeds its signal and returns has returned.
        if (call.ending?.code === "task-timeout") call.ending = undefined;
        if (this.#settle(call)) reports.finished(call, results.keep(call, value), micros);
      },
      threw: (call, failure) => {
        if (this.#settle(call)) reports.failed(call, failure);
      },
      handing: (call) => {
        const { announce, options } = call.terms;
        if (announce) this.#reportStarted(call);
        if (options?.timeoutMs !== undefined) this.#endings.limitTime(call, options.timeoutMs);
      },
      recalled: (calls) => {
        for (const call of calls) {
          if (call.ending !== undefined) this.#settle(call);
          else if (call.unwanted) this.#giveBack(call);
          else this.#runAgain(call);
        }
        this.#pool.feed();
      },
      begun: (call) => {
        call.recalled = false;
        if (call.unwanted) this.#reportStarted(call);
        call.unwanted = false;
      },
      progress: (call, fraction, text) => isWanted(call) && reports.progress(call, fraction, text),
      output: (call, value) => isWanted(call) && reports.output(call, value),
      sub: (call, message) =>
        isWanted(call) && reports.sub(call, this.#scattering.send(call, message)),
      isFull: () => this.#options.isFull?.() ?? false,
      lent: (call) => {
        // The thread has its values. What stays here could keep the memory full, and this worker paused,
        // until a sub-task has run that nobody else can run.
        call.gathering?.letGo();
        const { heapBytes, outsideBytes } = letGoOfValues(call);
        this.#heapBytes -= heapBytes;
        if (outsideBytes > 0) results.unexpect(outsideBytes);
        this.#release(call);
        if (isWanted(call)) reports.lent(call);
      },
      resuming: (call) => isWanted(call) && reports.resuming(call),
      said: (kind, text, key) => {
        const task = key === undefined ? {} : { task: key };
        if (kind === "log") log.info(text, task);
        else if (kind === "warning") this.#warnOnce(text, task);
        else log.error(`a task left a rejected promise unhandled: ${text}`, task);
      },
      gone: (end) => {
        this.#threadGone(end);
        if (end.isStuck) this.#options.stuck(end.error);
      },
      wedged: () => {
        const cause = "something that a task left behind holds it up, or the system does";
        log.warning(`a thread begins no task and runs none: it is replaced; ${cause}`);
      },
      unreplaced: (failure) => this.#outage(failure),
      replaced: () => {
        log.info("the modules load again: the threads are replaced");
        if (!this.#isOut) return;
        this.#isOut = false;
        this.#options.outage(undefined);
      },
    };
  }

  /** The modules may be on a file system that is away: the worker waits until it is back. */
  #outage({ error, inARow, pauseMs, threadsLeft, isFinal }: Unreplaced): void {
    const { log, outage, broken } = this.#options;
    const again = `trying again in ${formatDuration(pauseMs)}`;
    log.error(`a thread could not be replaced: ${error.message}; ${again}`, { threadsLeft });
    if (threadsLeft > 0) return;
    if (isFinal && inARow >= replacementsTried) return broken(error);
    if (this.#isOut) return;
    this.#isOut = true;
    outage(`it has no threads, for they could not be replaced: ${error.message}`);
    this.#giveAllBack();
  }

  /** Every thread says the same of the same module. */
  #warnOnce(text: string, facts: Record<string, unknown>): void {
    if (this.#warned.has(text)) return;
    this.#warned.add(text);
    this.#options.log.warning(text, facts);
  }

  #threadGone({ executing, over, others, error, culprit, terminated }: ThreadEnd): void {
    if (!terminated) {
      const text = `a thread ended and is being replaced: ${error.message}`;
      const tasks = executing.map(({ key }) => key);
      this.#options.log.error(text, { tasks, endedBy: culprit, stack: error.stack });
    }
    // A call that waited for its sub-tasks is blamed only when no other call was executing.
    const inSlots = executing.filter(({ lent }) => !lent);
    const blamed = terminated ? [] : inSlots.length > 0 ? inSlots : executing;
    const shared = blamed.length > 1;
    for (const call of [...executing, ...over, ...others]) {
      if (call.ending !== undefined) this.#settle(call);
      else if (blamed.includes(call)) this.#lose(call, error, shared);
      // It needs another attempt: it has begun, or its sub-tasks are released with this one.
      else if (!others.includes(call) || call.usedClient) this.#stopUnasked(call);
      else if (this.#isOut || call.unwanted) this.#giveBack(call);
      else this.#runAgain(call);
    }
  }

  #runAgain(call: Call): void {
    clearTimeout(call.timer);
    this.#pool.restore(call);
  }

  #lose(call: Call, error: Error, shared: boolean): void {
    this.#settle(call);
    this.#reports.failed(call, threadLost(call, error), { shared });
  }

  /** The call has begun, and runs elsewhere or once more. */
  #stopUnasked(call: Call): void {
    if (this.#settle(call)) this.#reports.stopped(call);
  }

  /** Reports calls that execute for long, and takes the results that threads have not posted. */
  #reportSlow(): void {
    const slow = this.#pool.executingFor(startedAfterMs);
    for (const call of slow) this.#reportStarted(call);
    this.#pool.collect();
    if (this.#byKey.size > 0) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  // ── One call ───────────────────────────────────────────────────────────────────────────────────

  /** Takes a call back from the queue, from its thread or from its fetches, unless it has begun. */
  #takeBack(call: Call): boolean {
    if (this.#pool.takeBack(call) || this.#devices.takeBack(call)) return true;
    if (call.gathering === undefined || call.inputs !== undefined) return false;
    call.gathering.letGo();
    return true;
  }

  /** Ends a call: at once when it is not executing, else by its signal. */
  #end(call: Call, ending: Ending): void {
    if (call.ending !== undefined) call.ending = ending;
    else if (this.#takeBack(call) || !this.#endings.ask(call, ending)) {
      call.ending = ending;
      call.thread?.handed.forget(call);
      this.#settle(call);
    }
    // It does not wait to have its resources back.
    else if (call.lent) this.#release(call);
    // The same key may be sent again before this call has ended.
    if (ending === dropped) this.#remove(call);
  }

  /**
   * The call is over. False when it had been asked to end: its result is not wanted then, and its end
   * is reported here.
   */
  #settle(call: Call): boolean {
    if (call.timer !== undefined) clearTimeout(call.timer);
    call.gathering?.letGo();
    if (call.usedClient) this.#scattering.forget(call);
    this.#release(call);
    const { ending } = call;
    if (ending?.code !== "dropped") this.#remove(call);
    if (ending === undefined) return true;
    if (ending.code === "task-cancelled") this.#reports.stopped(call);
    if (ending.code === "task-timeout") {
      this.#reports.failed(call, { ...about(call), code: ending.code, message: ending.message });
    }
    return false;
  }

  #release(call: Call): void {
    if (call.terms.resources !== undefined) this.#devices.release(call);
  }

  #remove(call: Call): void {
    if (this.#byKey.delete(call.key)) {
      this.#heapBytes -= call.heapBytes;
      if (call.outsideBytes > 0) this.#options.results.unexpect(call.outsideBytes);
    }
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
