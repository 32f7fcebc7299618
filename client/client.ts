// The client: a program's way to a scheduler. What it submits, waits for and lets go of goes
// through its session; this file is the face.

import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { DialOptions, DialTarget } from "../src/link/dial.ts";
import { longestTimerMs } from "../src/duration.ts";
import { ConnectionError, TimeoutError } from "../src/errors/errors.ts";
import type { Explanation, SchedulerInfo, WorkerInfo } from "../src/facts.ts";
import type { FromClient, ToClient } from "../src/wire/protocol.ts";
import { targetFinder } from "../src/meeting/target.ts";
import { encode } from "../src/payload/payload.ts";
import { limits } from "../src/wire/limits.ts";
import type { RestartOptions } from "./administration.ts";
import { Coordinating } from "./coordination/coordinating.ts";
import { Future } from "./future.ts";
import { listOf, statesOf, type Futures } from "./handles.ts";
import { checkedCount, checkedNames, checkedReason, checkedTimeout } from "./option-checks.ts";
import type { ScatterOptions } from "./scatter.ts";
import { Session } from "./session.ts";
import { Submitter } from "./submitter.ts";
import { checkedOptions, type CallOptions } from "./task-options.ts";
import type { UntypedTasks } from "./types.ts";

export type ConnectOptions = {
  /** Default: `$THENCE_TOKEN`, the content of `$THENCE_TOKEN_FILE`, or the one in the scheduler file. */
  token?: string;
  /** Milliseconds to keep trying, for the scheduler may start later. Default: 30,000. */
  timeoutMs?: number;
  /** For people: in logs and on the dashboard. Default: host and process id. */
  name?: string;
};

/** How to reach a scheduler, for those who know it already. */
export type OpenOptions = Omit<ConnectOptions, "token"> &
  Pick<DialOptions<ToClient>, "target" | "describeTarget" | "open" | "clock" | "signal"> & {
    /** Run after the client has closed: for what lives no longer than it. */
    onClose?: () => Promise<void>;
  };

export type CancelOptions = {
  /** For people: it is in the error of everybody who waits. */
  reason?: string;
  /** End it for the other clients too. Default: false. */
  force?: boolean;
};

/**
 * Submits functions to a scheduler and holds a future for each result.
 *
 * An open client keeps the process alive, as an open database connection does: `close` it, or
 * declare it with `await using`. When the link drops, nothing fails: it comes back within the
 * scheduler's grace period and goes on. When it does not, every future that has not settled fails
 * with `ConnectionError` and the status "lost".
 *
 * @example
 * await using client = await Client.connect<typeof import("./tasks.ts")>();
 * const future = client.submit("add", 1, 10); // Future<number>
 * await future.result(); // 11
 */
export class Client<Tasks = UntypedTasks> extends Coordinating<Tasks> {
  readonly #session: Session;
  readonly #onClose: (() => Promise<void>) | undefined;
  #closed: Promise<void> | undefined;

  /** @internal Use `Client.connect`. */
  constructor(session: Session, onClose?: () => Promise<void>) {
    super(session);
    this.#session = session;
    this.#onClose = onClose;
  }

  /**
   * Connects to a scheduler, and keeps trying until the timeout.
   *
   * @param target `ws://…` or `wss://…`, or the path of a scheduler file, which need not exist yet;
   *   default: `$THENCE_ADDRESS`, else the file named by `$THENCE_SCHEDULER_FILE`
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
    const { token, ...others } = checkedNames(options, ["token", "timeoutMs", "name"], "connect");
    if (target !== undefined && typeof target !== "string") {
      throw new TypeError(`give the address or the file as a string, not ${typeof target}`);
    }
    if (target !== undefined && /^[\w.-]*\w:\d+$/.test(target)) {
      throw new RangeError(`write ws://${target}, or ./${target} if that is a scheduler file`);
    }
    const isAddress = target !== undefined && /^\w+:\/\//.test(target);
    const finder = targetFinder({
      token,
      ...(isAddress ? { address: target } : { schedulerFile: target }),
    });
    if (!finder) {
      throw new ConnectionError(
        'say where the scheduler is: Client.connect("ws://host:port") or ' +
          'Client.connect("scheduler.json"), or set THENCE_ADDRESS or THENCE_SCHEDULER_FILE; ' +
          "Client.local needs none",
      );
    }
    return this.open({ ...others, target: finder.find, describeTarget: finder.describe });
  }

  /** @internal The way to connect when the target is known, as it is to `Client.local`. */
  static async open<Tasks = UntypedTasks>(options: OpenOptions): Promise<Client<Tasks>> {
    const { name = `${hostname()}-${process.pid}`, timeoutMs = 30_000, onClose, ...how } = options;
    // A task has a client without ever dialling, and need not load what that takes.
    const { dial } = await import("../src/link/dial.ts");
    const { checkToClient } = await import("../src/wire/check.ts");
    const { openWebSocket } = await import("../src/link/socket-ws.ts");
    const { Fetcher } = await import("./fetcher.ts");
    const session = new Session();
    let found: DialTarget | undefined;
    const target = async () => (found = (await how.target()) ?? found);
    const link = await dial<ToClient, FromClient>({
      ...how,
      target,
      hello: () => ({ role: "client", id: session.id, name }),
      check: checkToClient,
      timeoutMs: Math.min(checkedTimeout(timeoutMs), longestTimerMs),
      on: session.events,
    });
    const { open: openSocket = openWebSocket, clock } = how;
    session.attach(link, new Fetcher({ target: () => found, open: openSocket, clock }));
    return new this<Tasks>(session, onClose);
  }

  /**
   * The same `submit` and `map`, under options, which are checked at once.
   *
   * @throws {TypeError} when an option is unknown or of the wrong type
   * @throws {RangeError} when a number is out of range
   * @example
   * const patient = client.with({ retries: { max: 5, delayMs: 100, factor: 2 }, timeoutMs: 60_000 });
   * patient.map("download", urls);
   */
  with(options: CallOptions): Submitter<Tasks> {
    return new Submitter<Tasks>(this.#session, checkedOptions(options));
  }

  /**
   * Cancels futures at once, and those that depend on them as soon as the scheduler has heard of it;
   * those that have settled stay as they are. See `Future.cancel`.
   *
   * @example client.cancel(futures, { reason: "found a better one" });
   */
  cancel(futures: Futures, options: CancelOptions = {}): void {
    const { force = false } = checkedNames(options, ["reason", "force"], "cancel");
    const reason = checkedReason(options.reason);
    for (const state of statesOf(futures)) state.session.cancel(state, reason, force);
  }

  /**
   * Runs failed tasks again, with the failed tasks they failed because of. See `Future.retry`.
   *
   * @throws {TypeError} when one was cancelled or released: submit it again
   */
  retry(futures: Futures): void {
    for (const state of statesOf(futures)) state.session.retry(state);
  }

  /** Gives the handles up; those given up already are no error. See `Future.release`. */
  release(futures: Futures): void {
    for (const future of listOf(futures)) future.release();
  }

  /**
   * Has tasks run to their end whether or not anybody holds a future of them, even when this
   * client has closed.
   *
   * @example client.fireAndForget(client.submit("sendReport", day));
   */
  fireAndForget(futures: Futures): void {
    for (const state of statesOf(futures)) state.session.detach(state);
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
   * client.map("lookUp", rows, rows.map(() => table));
   */
  async scatter<T>(value: T, options: ScatterOptions = {}): Promise<Future<T>> {
    checkedNames(options, ["workers", "broadcast", "timeoutMs"], "scatter");
    const timeoutMs = checkedTimeout(options.timeoutMs ?? 30_000);
    const { payload, inputs } = encode(value, "value", { mostBytes: limits.valueBytes });
    if (inputs.length > 0) {
      throw new TypeError(
        "scatter a value: it holds futures, whose values are with workers already",
      );
    }
    const state = await this.#session.scatter(payload, { ...options, timeoutMs });
    const future = new Future<T>(state);
    // The one of the session while it was under way.
    state.releaseScattered();
    return future;
  }

  /**
   * The names of the workers that hold the value of each future, by key; "scheduler" for those it
   * keeps itself; none for those that have no value now.
   *
   * @example await client.whoHas([sum]); // { "add-…": ["scheduler"] }
   */
  async whoHas(futures: Futures): Promise<Record<string, string[]>> {
    const keys = statesOf(futures).map(({ key }) => key);
    const all: [string, string[]][] = [];
    for (let first = 0; first < keys.length; first += limits.columnLength) {
      const some = keys.slice(first, first + limits.columnLength);
      const names = await this.#session.question((id) => ({ type: "who-has", id, keys: some }));
      all.push(
        ...some.map((key, index): [string, string[]] => [key, (names as string[][])[index]!]),
      );
    }
    return Object.fromEntries(all);
  }

  /**
   * Has workers leave without a loss: each finishes what it runs, hands what it holds over to
   * others, and ends. Nobody is blamed.
   *
   * @param names names or hosts of workers, as `workers()` tells them
   * @returns once they have left
   * @throws {WorkerLostError} when there is no such worker
   */
  async retireWorkers(names: string | Iterable<string>): Promise<void> {
    const workers = typeof names === "string" ? [names] : [...names];
    if (workers.length === 0) return;
    await this.#session.question((id) => ({ type: "retire", id, workers }));
  }

  /**
   * Resolves once at least `count` workers are there.
   *
   * @throws {TimeoutError} after `timeoutMs` (milliseconds; default: no limit), with how many there were
   */
  async waitForWorkers(count: number, options: { timeoutMs?: number } = {}): Promise<void> {
    const wanted = checkedCount(count, "count");
    const { timeoutMs: limitMs } = checkedNames(options, ["timeoutMs"], "waitForWorkers");
    const timeoutMs = checkedTimeout(limitMs);
    const deadline = performance.now() + timeoutMs;
    for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 500)) {
      const present = (await this.workers()).filter(({ status }) => status === "up").length;
      if (present >= wanted) return;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) {
        throw new TimeoutError(
          `start more workers, or look into the logs of those that do not come: ${present} of ` +
            `${wanted} were there after ${timeoutMs} ms`,
        );
      }
      await delay(Math.min(pauseMs, leftMs));
    }
  }

  /** The workers that the scheduler knows, with what each offers and how busy it is. */
  async workers(): Promise<WorkerInfo[]> {
    return (await this.#session.ask("workers")) as WorkerInfo[];
  }

  /** The scheduler in numbers: tasks by state, totals since it started, workers, clients, functions. */
  async info(): Promise<SchedulerInfo> {
    return (await this.#session.ask("info")) as SchedulerInfo;
  }

  /**
   * Why a task is where it is: its state in one sentence, what it waits for, and how it came there.
   *
   * @param task a future, or the key of any client's task
   * @throws {LostDataError} when the scheduler has no such task (any more)
   * @example console.log((await client.explain(future)).why); // "no worker has joined"
   */
  async explain(task: string | Future): Promise<Explanation> {
    const key = typeof task === "string" ? task : task.key;
    return (await this.#session.ask("explain", key)) as Explanation;
  }

  /**
   * Ends the scheduler and all its workers, in good order: their processes exit with 0. What is in
   * flight is cancelled, for every client. This client is closed with it.
   *
   * @returns when the scheduler has said goodbye; workers may still take seconds to end their tasks
   * @throws {ConnectionError} when it was lost without a goodbye
   * @example await client.shutdown({ reason: "all done" });
   */
  async shutdown(options: RestartOptions = {}): Promise<void> {
    try {
      const { reason } = checkedNames(options, ["reason"], "shutdown");
      await this.#session.shutDown(checkedReason(reason));
    } finally {
      await this.close();
    }
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
