// The client: a program's way to a scheduler. This file is the face and the table of contents; what a
// method does stands in the file of its subject.

import { refuseInModule } from "../src/module-loading.ts";
import type { Explanation, SchedulerInfo, TaskInfo, WorkerInfo } from "../src/wire/facts.ts";
import type { ScheduleInfo } from "../src/wire/schedules.ts";
import {
  restart,
  type RetireOptions,
  retireWorkers,
  runEverywhere,
  shutDown,
  waitForWorkers,
  whoHas,
  type RestartOptions,
} from "./administration.ts";
import { AsCompleted } from "./as-completed.ts";
import { connectionTo, openSession, type ConnectOptions, type OpenOptions } from "./connecting.ts";
import { Lock, Semaphore } from "./coordination/lock.ts";
import { NamedEvent } from "./coordination/named-event.ts";
import { Queue } from "./coordination/queue.ts";
import { Variable } from "./coordination/variable.ts";
import { EventStream, type EventOptions } from "./events.ts";
import { Future } from "./future.ts";
import { gather, type GatherOptions } from "./gather.ts";
import {
  cancel,
  fireAndForget,
  release,
  retry,
  type CancelOptions,
  type Futures,
} from "./handles.ts";
import { listTasks, type TasksOptions } from "./listing.ts";
import { checkedKey } from "./option-checks.ts";
import { publish, published, unpublish, type PublishOptions } from "./publishing.ts";
import { schedule, unschedule, type ScheduleOptions } from "./scheduling.ts";
import { scatter, type ScatterOptions } from "./scatter.ts";
import type { Session } from "./session.ts";
import { Calls, type Submit, type SubmitRows, type Submitter } from "./submitter.ts";
import type { CallOptions } from "./task-options.ts";
import type { ReferenceArguments, ReferenceResult, TaskReference, UntypedTasks } from "./types.ts";
import type { Gathered, GatheredSome } from "./value-types.ts";
import { progress, wait, type ProgressOptions, type WaitOptions } from "./waiting.ts";

/**
 * Submits functions to a scheduler and holds a future for each result.
 *
 * An open client keeps the process alive, as an open database connection does: `close` it, or
 * declare it with `await using`. When the link drops, nothing fails: it comes back within the
 * scheduler's grace period and goes on. When it does not, every future that has not settled fails
 * with `ConnectionError` and the status "lost", and the client goes on with the next scheduler at its
 * address or in its scheduler file: what is submitted meanwhile waits for that, as long as
 * `timeoutMs` of `connect`.
 *
 * @example
 * await using client = await Client.connect<typeof import("./tasks.ts")>();
 * const future = client.submit("add", 1, 10); // Future<number>
 * await future.result(); // 11
 */
export class Client<Tasks = UntypedTasks> implements Submitter<Tasks> {
  readonly #session: Session;
  readonly #onClose: (() => Promise<void>) | undefined;
  #closed: Promise<void> | undefined;

  /** @internal Use `Client.connect`. */
  constructor(session: Session, onClose?: () => Promise<void>) {
    this.#session = session;
    ({ submit: this.submit, map: this.map } = new Calls<Tasks>(session));
    this.#onClose = onClose;
  }

  /**
   * Connects to a scheduler, and keeps trying until the timeout.
   *
   * @param target `ws://…` or `wss://…`, or the path of a scheduler file, which need not exist yet;
   *   default: `$THENCE_ADDRESS`, else the file named by `$THENCE_SCHEDULER_FILE`
   * @throws {Error} in a module that a worker loads, outside of its tasks: it names the line to add
   * @throws {ConnectionError} when there is no target, or nobody answered in time: what was tried
   * @throws {TypeError | RangeError} when the target or an option could be none
   * @throws {AuthenticationError} at once, when the scheduler does not accept the token
   * @throws {ProtocolError} at once, when the scheduler is of another version
   * @example const client = await Client.connect<typeof import("./tasks.ts")>("scheduler.json");
   */
  static async connect<Tasks = UntypedTasks>(
    target?: string,
    options: ConnectOptions = {},
  ): Promise<Client<Tasks>> {
    refuseInModule("Client.connect");
    return this.open(connectionTo(target, options));
  }

  /** @internal The way to connect when the target is known, as it is to `Client.local`. */
  static async open<Tasks = UntypedTasks>(options: OpenOptions): Promise<Client<Tasks>> {
    return new this<Tasks>(await openSession(options), options.onClose);
  }

  // ── Calls ─────────────────────────────────────────────────────────────────────────────────────

  /**
   * Has a registered function called by some worker. Returns at once; arguments may be futures, or
   * hold them anywhere in arrays, plain objects, Maps and Sets: the task waits for their values.
   *
   * @param task the registered name, or the function itself, which is found by its name and text
   * @throws {SerializationError} when an argument cannot be sent, naming the path inside it; a future
   *   that was released or cancelled cannot
   * @throws {TypeError} when a function has no name
   * @returns its future; a "lost" one when the client is closed
   * @example
   * const sum = client.submit("add", 1, 10);
   * const twice = client.submit("add", sum, sum);
   * await twice.result(); // 22
   */
  readonly submit: Submit<Tasks>;

  /**
   * Calls a function for the first value of each iterable, the second of each, and so on until the
   * shortest ends. All arguments are encoded before any call is submitted: it is all or nothing.
   *
   * @param task the registered name, or the function itself
   * @param iterables one for each parameter: arrays, Sets, generators; of values or futures; `repeat`
   *   gives the same value to each call
   * @returns the futures, in the order of the inputs
   * @throws as `submit` does
   * @example await client.gather(client.map("add", [1, 2, 3], [10, 11, 12])); // [11, 13, 15]
   */
  readonly map: SubmitRows<Tasks>;

  /**
   * The same `submit` and `map`, under options, which are checked at once. What it returns has a `with`
   * of its own, which adds options; of one that is given twice, the later holds.
   *
   * @throws {TypeError} when an option is unknown or of the wrong type
   * @throws {RangeError} when a number is out of range
   * @example
   * const patient = client.with({ retries: { max: 5, delayMs: 100, factor: 2 }, timeoutMs: 60_000 });
   * patient.map("download", urls);
   */
  with(options: CallOptions): Submitter<Tasks> {
    return new Calls<Tasks>(this.#session, options);
  }

  /**
   * Calls a function once on every worker that is here now, before anything else that waits there:
   * to warm up, to look around, to clean up. It takes its turn on one of the worker's threads, so
   * behind a task that fills the only one it waits. Workers that join later are not asked.
   *
   * @param task the registered name, or the function itself
   * @returns the results by worker name; none without workers
   * @throws {AggregateError} once all have ended, when it failed on some workers: `message` names
   *   them, `errors` has for each what its future failed with; a worker that is lost counts as failed
   * @throws {SerializationError | TypeError | ConnectionError} as `submit` does
   * @example await client.run("freeMemory"); // { "n1-7.0-0": 812, "n2-7.0-1": 640 }
   */
  run<const Reference extends TaskReference<Tasks>>(
    task: Reference,
    ...args: ReferenceArguments<Tasks, Reference>
  ): Promise<Record<string, ReferenceResult<Tasks, Reference>>> {
    return runEverywhere(this.#session, task, args) as never;
  }

  /**
   * Makes a value of this program's own the result of a task, held by a worker, so that many calls
   * can have it as an argument and it is sent once. Nobody can make it again: if its last holder is
   * lost, its future and what depends on it fail with `LostDataError`.
   *
   * @returns its future, once the value is where it was asked to be
   * @throws {SerializationError} when the value cannot be sent, naming the path inside it
   * @throws {TypeError} when it holds futures
   * @throws {UnschedulableError} when no worker could take it within `timeoutMs`
   * @example
   * const table = await client.scatter(new Float64Array(1e6), { broadcast: true });
   * client.map("lookUp", rows, repeat(table));
   */
  scatter<T>(value: T, options: ScatterOptions = {}): Promise<Future<T>> {
    return scatter(this.#session, value, options);
  }

  // ── Waiting ───────────────────────────────────────────────────────────────────────────────────

  /**
   * Waits for all futures in a value, and gives a copy of it with their values in place. They may
   * be anywhere in arrays, plain objects, Maps and Sets; shape and order are kept.
   *
   * @param shape anything holding futures
   * @param options `errors`: "raise" (default) fails with the first failure there is; "skip" leaves
   *   failed and cancelled ones out of the top-level array, with the items that hold one
   * @throws what failed, as `Future.result` does
   * @example await client.gather({ sum, parts: [one, two] }); // { sum: 3, parts: [1, 2] }
   */
  gather<const Shape>(shape: Shape, options: { errors: "skip" }): Promise<GatheredSome<Shape>>;
  gather<const Shape>(shape: Shape, options?: GatherOptions): Promise<Gathered<Shape>>;
  gather(shape: unknown, options?: GatherOptions): Promise<unknown> {
    return gather(shape, options);
  }

  /**
   * Waits until futures have settled; one that failed counts as done. No value is fetched.
   *
   * @returns those that have and those that have not, each in the order given
   * @throws {TimeoutError} after `timeoutMs`; the tasks go on
   * @example const { done, notDone } = await client.wait(futures, { returnWhen: "first" });
   */
  wait<Member extends Future>(
    futures: Iterable<Member>,
    options: WaitOptions = {},
  ): Promise<{ done: Member[]; notDone: Member[] }> {
    return wait(futures, options);
  }

  /**
   * Iterates over futures as they settle, in settling order: failed and cancelled ones, too. Takes
   * more of them at any time by `add`; `count` is how many are still to come. See `AsCompleted`.
   *
   * @param futures of this client; those that have settled already come first
   * @throws {TypeError} when one is no future, or was released
   * @example
   * const results = client.asCompleted(client.map("measure", points));
   * for await (const future of results) {
   *   const { next } = await future.result(); // throws what the task failed with
   *   if (next) results.add(client.submit("measure", next));
   * }
   */
  asCompleted<Member extends Future>(futures: Iterable<Member>): AsCompleted<Member> {
    return new AsCompleted(futures);
  }

  /**
   * Shows on standard error how far futures have come, a bar for each function, and resolves when all
   * have settled: failed and cancelled ones count as done, and each is counted apart. On a terminal only: else it
   * prints nothing and still resolves when all have settled. No value is fetched.
   *
   * @param options `label` stands before each function's name
   * @throws {TypeError} when one is no future, or was released
   * @example
   * await client.progress(client.map("render", frames), { label: "film" });
   * // film: render ████████████████░░░░░░░░░░░░░░ 52% | 52/100 | 14s
   */
  progress(futures: Futures, options: ProgressOptions = {}): Promise<void> {
    return progress(futures, options);
  }

  // ── Futures ───────────────────────────────────────────────────────────────────────────────────

  /**
   * Cancels futures at once, and those of this client that depend on them; those that have settled
   * stay as they are. See `Future.cancel`.
   *
   * @example client.cancel(futures, { reason: "found a better one" });
   */
  cancel(futures: Futures, options: CancelOptions = {}): void {
    cancel(futures, options);
  }

  /**
   * Runs failed tasks again, with the failed tasks they failed because of. See `Future.retry`.
   *
   * @throws {TypeError} when one was cancelled or released: submit it again
   */
  retry(futures: Futures): void {
    retry(futures);
  }

  /**
   * A future of a task by its key, whoever submitted it: another program, or this one before. When this
   * client holds the task already, another handle on it. Returns at once. The task then lives as long as
   * this future, as any.
   *
   * It fails with `LostDataError` when no task has the key, as it was cancelled or released, or its `keepMs` is over;
   * with `OverloadedError` when the scheduler has no room for it now.
   *
   * @typeParam T what its value is; nothing checks that
   * @returns a "lost" one when the client is closed
   * @throws {TypeError | RangeError} when the key is not a string of 1 to 256 characters
   * @example
   * const { key } = client.with({ keepMs: 86_400_000 }).submit("report", day); // today; then exit
   * await client.future<Report>(key).result(); // tomorrow, in another program
   */
  future<T = unknown>(key: string): Future<T> {
    return new Future<T>(this.#session.want(checkedKey(key)));
  }

  /** Gives the handles up; those given up already are no error. See `Future.release`. */
  release(futures: Futures): void {
    release(futures);
  }

  /**
   * Has tasks run to their end whether or not anybody holds a future of them, even when this
   * client has closed.
   *
   * @example client.fireAndForget(client.submit("sendReport", day));
   */
  fireAndForget(futures: Futures): void {
    fireAndForget(futures);
  }

  // ── Names that outlive their client ───────────────────────────────────────────────────────────

  /**
   * Keeps futures under a name, for every client of this scheduler, until it is unpublished. Their
   * tasks run and their results stay, even when this client has released them or is gone.
   *
   * @param name 1 to 256 characters
   * @param shape anything holding futures, anywhere in arrays, plain objects, Maps and Sets; values
   *   beside them are published with them
   * @throws {KeyConflictError} when the name is in use, unless `override`: the earlier one is let go
   * @throws {LostDataError} when the scheduler does not know one of the futures (any more)
   * @throws {SerializationError} when something in it cannot be sent, naming the path
   * @throws {TypeError} when the name is not one, or a future in it was released
   * @example
   * await client.publish("model", { weights: client.submit("train", data), version: 3 });
   */
  publish(name: string, shape: unknown, options: PublishOptions = {}): Promise<void> {
    return publish(this.#session, name, shape, options);
  }

  /**
   * What is published under a name, in the shape it was given, with futures of this client in it.
   *
   * @typeParam Shape what it is; nothing checks that
   * @throws {LostDataError} when nothing is published under the name, with the nearest there are
   * @example
   * const { weights } = await client.published<{ weights: Future<Float64Array> }>("model");
   * await weights.result();
   */
  published<Shape = unknown>(name: string): Promise<Shape> {
    return published(this.#session, name) as Promise<Shape>;
  }

  /**
   * Ends a publication: what nobody else holds or needs is freed. Futures that clients got by
   * `published` stay theirs.
   *
   * @throws {LostDataError} when nothing is published under the name
   */
  unpublish(name: string): Promise<void> {
    return unpublish(this.#session, name);
  }

  /** The names under which something is published now, sorted. */
  async listPublished(): Promise<string[]> {
    return (await this.info()).published;
  }

  // ── Periodic tasks ────────────────────────────────────────────────────────────────────────────

  /**
   * Has the scheduler submit a call again and again, from now on and when this program has ended, until
   * `unschedule`. The task of a moment has the key `name@moment`, as "nightly@2026-11-29T03:00:00.000Z". A
   * schedule takes the place of one with its name; the very same one changes nothing.
   *
   * @param name 1 to 231 characters
   * @param options when, as `{ cron: "0 3 * * *" }` or `{ everyMs: 60_000 }`, and how: see `ScheduleOptions`
   * @param args may hold futures, whose values are kept while the schedule is there
   * @throws {ScheduleError} when the cron expression means nothing or never comes, the time zone is unknown, or
   *   there are 10,000 schedules
   * @throws {TypeError | RangeError} when the name or an option could be none
   * @throws {LostDataError | SerializationError} as `publish` does, for futures and arguments
   * @example
   * await client.schedule("nightly", { cron: "0 3 * * *", timezone: "Europe/Vienna" }, "backUp", "/data");
   */
  schedule<const Reference extends TaskReference<Tasks>>(
    name: string,
    options: ScheduleOptions,
    task: Reference,
    ...args: ReferenceArguments<Tasks, Reference>
  ): Promise<ScheduleInfo> {
    return schedule(this.#session, name, options, task, args);
  }

  /** The schedules that there are, of all clients, in the order in which they were made. */
  schedules(): Promise<ScheduleInfo[]> {
    return this.#session.request("schedules", {});
  }

  /**
   * Ends a schedule. Its tasks go on.
   *
   * @throws {LostDataError} when nothing is scheduled under the name, with the nearest there are
   */
  unschedule(name: string): Promise<void> {
    return unschedule(this.#session, name);
  }

  // ── Coordination: handles on what lives in the scheduler under a name; a handle costs nothing ───

  /**
   * A lock that all clients share by its name: one holder at a time.
   *
   * @throws {TypeError} when the name is not a string of 1 to 256 characters
   * @example await client.lock("database").with(() => migrate());
   */
  lock(name: string): Lock {
    return new Lock(this.#session, name);
  }

  /**
   * `n` leases that all clients share by a name. All must say the same `n`; it is remembered while
   * leases are held and while a client is there that used it.
   *
   * @throws {TypeError} when the name is not a string of 1 to 256 characters
   * @throws {RangeError} when `n` is not a whole number from 1
   * @example await client.semaphore("downloads", 4).with(() => fetch(url));
   */
  semaphore(name: string, n: number): Semaphore {
    return new Semaphore(this.#session, name, n);
  }

  /**
   * A flag that all clients share by its name, and can wait for.
   *
   * @throws {TypeError} when the name is not a string of 1 to 256 characters
   * @example await client.event("model-loaded").wait({ timeoutMs: 60_000 });
   */
  event(name: string): NamedEvent {
    return new NamedEvent(this.#session, name);
  }

  /**
   * A queue that all clients share by its name. Items may be or hold futures.
   *
   * @param maxSize items it holds at most: `put` waits for room. Default: what others said, or a
   *   million. Those who say it must say the same.
   * @throws {TypeError} when the name is not a string of 1 to 256 characters
   * @throws {RangeError} when `maxSize` is not a whole number from 1
   * @example await client.queue<string>("urls", 1_000).put("https://example.org/");
   */
  queue<T = unknown>(name: string, maxSize?: number): Queue<T> {
    return new Queue<T>(this.#session, name, maxSize);
  }

  /**
   * A value that all clients share by its name. It may be or hold futures.
   *
   * @throws {TypeError} when the name is not a string of 1 to 256 characters
   * @example await client.variable<number>("learning-rate").set(0.01);
   */
  variable<T = unknown>(name: string): Variable<T> {
    return new Variable<T>(this.#session, name);
  }

  // ── The cluster ───────────────────────────────────────────────────────────────────────────────

  /** The workers that the scheduler knows, with what each offers and how busy it is. */
  workers(): Promise<WorkerInfo[]> {
    return this.#session.request("workers", {});
  }

  /** The scheduler in numbers: tasks by state, totals since it started, workers, clients, functions. */
  info(): Promise<SchedulerInfo> {
    return this.#session.request("info", {});
  }

  /**
   * Why a task is where it is: its state in one sentence, what it waits for, and how it came there.
   *
   * @param task a future, or the key of any client's task
   * @throws {LostDataError} when the scheduler has no such task (any more)
   * @example console.log((await client.explain(future)).why); // "no worker has joined"
   */
  async explain(task: string | Future): Promise<Explanation> {
    const key = typeof task === "string" ? checkedKey(task) : task.key;
    return this.#session.request("explain", { key });
  }

  /**
   * The tasks that the scheduler has, of every client, in the order of submission, oldest first: 100 of
   * them, unless `limit` says otherwise. Tasks that nobody needs any more are not among them.
   *
   * @param options which tasks: their `state`, `function` and `client`, and `since` when; all of it must be so
   * @throws {TypeError | RangeError} when an option could be none
   * @example
   * const failed = await client.tasks({ state: "failed", since: Date.now() - 3_600_000 });
   * const more = await client.tasks({ state: "failed", since: failed.at(-1) }); // the next page
   */
  tasks(options: TasksOptions = {}): Promise<TaskInfo[]> {
    return listTasks(this.#session, options);
  }

  /**
   * What happens to tasks and workers, from now on, as an async iterable: tasks are submitted, start,
   * say how far they are, finish, fail, are retried, cancelled, lost or released; workers join and leave.
   * A reader who falls behind by fifty thousand events misses the next ones, and is told how many by an
   * event of the type "missed". The tasks do not wait for it.
   *
   * @param options only of tasks of these `functions`, or with these `keys`; without both, of workers, too
   * @throws {TypeError | RangeError} when these are none, or too many
   * @throws {ConnectionError} in the loop, when the scheduler is lost; it ends without an error when this
   *   client is closed, and by `close` or by leaving the loop
   * @example
   * for await (const event of client.events({ functions: ["render"] })) {
   *   if (event.type === "failed") console.error(event.key, event.message);
   * }
   */
  events(options: EventOptions = {}): EventStream {
    return new EventStream(this.#session, options);
  }

  /**
   * The names of the workers that hold the value of each future, by key; "scheduler" for those it
   * keeps itself; none for those that have no value now.
   *
   * @example await client.whoHas([sum]); // { "add-…": ["scheduler"] }
   */
  whoHas(futures: Futures): Promise<Record<string, string[]>> {
    return whoHas(this.#session, futures);
  }

  /**
   * Resolves once at least `count` workers are there.
   *
   * @throws {TimeoutError} after `timeoutMs` (milliseconds; default: no limit), with how many there were, and
   *   how those went that are gone or could not start
   * @throws {UnschedulableError} when there was none for the scheduler's `--worker-timeout`
   */
  waitForWorkers(count: number, options: { timeoutMs?: number } = {}): Promise<void> {
    return waitForWorkers(this.#session, count, options);
  }

  /**
   * Has workers leave without a loss: each finishes what it runs, hands what it holds over to
   * others, and ends. Nobody is blamed. A worker that holds values which no other can take stays
   * until one can, or until it is retired with `force`, which gives these values up.
   *
   * @param names names or hosts of workers, as `workers()` tells them
   * @returns once they have left
   * @throws {WorkerLostError} when there is no such worker
   */
  retireWorkers(names: string | Iterable<string>, options: RetireOptions = {}): Promise<void> {
    return retireWorkers(this.#session, names, options);
  }

  /**
   * Cancels every task of every client, with the reason in their futures' errors, lets go of all
   * results and of what is published, and has the workers end their threads, whatever they do, and
   * load their modules into new ones. Values that clients have received already stay theirs. Locks,
   * semaphores, events, queues and variables stay, too.
   *
   * @returns when every worker has ended its threads, or is gone
   * @example await client.restart({ reason: "new data" });
   */
  restart(options: RestartOptions = {}): Promise<void> {
    return restart(this.#session, options);
  }

  // ── The end ───────────────────────────────────────────────────────────────────────────────────

  /**
   * Aborts when the program should come to its end. The reason is a `TimeLimitError` when the time limit of
   * the job that the scheduler runs in is near: no more tasks start, those that have not started fail with the same
   * error, and those that run may finish, so `gather` with `errors: "skip"` gives what is finished while there
   * is time to save it. It is a `ConnectionError` when this client was closed. A dropped link or a lost
   * scheduler does not abort it, since the client goes on with the next.
   *
   * @example
   * const results = await client.gather(futures, { errors: "skip" });
   * if (client.signal.reason instanceof TimeLimitError) await save(results);
   */
  get signal(): AbortSignal {
    return this.#session.signal;
  }

  /**
   * Ends the scheduler and all its workers, in good order: their processes exit with 0. What is in
   * flight is cancelled, for every client. This client is closed with it.
   *
   * @returns when the scheduler has said goodbye; workers may still take seconds to end their tasks
   * @throws {ConnectionError} when it was lost without a goodbye
   * @example await client.shutdown({ reason: "all done" });
   */
  shutdown(options: RestartOptions = {}): Promise<void> {
    return shutDown(this.#session, options, () => this.close());
  }

  /**
   * Ends the session: futures that have not settled are cancelled, and what nobody else needs is
   * freed. What was submitted with `fireAndForget` still runs. Values that are here stay readable.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    try {
      await this.#session.close();
    } finally {
      await this.#onClose?.();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
