// A worker: joins a scheduler, runs the tasks that it sends, and answers. This file starts the parts, ties
// them together and stops them.

import { nanoid } from "nanoid";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { checkToWorker } from "../src/wire/check.ts";
import { GoodbyeError } from "../src/link/socket.ts";
import {
  absenceMs,
  dial,
  type DialledLink,
  type DialTarget,
  type OpenSocket,
} from "../src/link/dial.ts";
import type { JobStep } from "../src/wire/lifetimes.ts";
import { sayLastWords } from "./last-words.ts";
import { isBuiltIn } from "../src/built-in.ts";
import { limits } from "../src/wire/limits.ts";
import { formatDuration, longestTimerMs } from "../src/duration.ts";
import { silentLog, type Log } from "../src/log.ts";
import type { Tls } from "../src/meeting/tls.ts";
import type { FromWorker, Predecessor, Resources, ToWorker } from "../src/wire/protocol.ts";
import { openProven } from "../src/link/open.ts";
import type { Socket } from "../src/link/socket.ts";
import { rateLimited } from "../src/rate-limit.ts";
import { isLoopback } from "../src/meeting/loopback.ts";
import { waitingFor } from "../src/meeting/target.ts";
import { version } from "../src/version.ts";
import { transferAddress } from "../src/transfer/messages.ts";
import { Calls } from "./calls/calls.ts";
import type { DeviceLists } from "./calls/devices.ts";
import type { ModuleSource } from "./boundary/module-source.ts";
import { collectAfter } from "./boundary/shared-memory.ts";
import type { Isolation } from "./isolation.ts";
import { watchHeap } from "../src/heap-watch.ts";
import { HeapAccount } from "./heap-account.ts";
import { openLocalDirectory } from "./results/local-directory.ts";
import { defaultMemoryBytes, garbageBytes } from "./results/memory-limit.ts";
import { addressTowards, startPeerServer, type PeerServer } from "./results/peer-server.ts";
import { Pauses } from "./pauses.ts";
import { Reports } from "./reports.ts";
import { Results } from "./results/results.ts";
import { StuckThreadError } from "./stuck-thread.ts";
import type { Disk } from "./results/spilling.ts";

export { ModuleError, type ModuleSource } from "./boundary/module-source.ts";
export type { Isolation } from "./isolation.ts";

export type WorkerOptions = {
  /** The scheduler: its name in messages, and its address, asked for before every attempt to connect. */
  readonly target: { describe: string; find(): Promise<DialTarget | undefined> };
  /** Files whose exported functions it can run; see `ModuleError` for the files that are refused. */
  readonly modules: readonly ModuleSource[];
  /** Its name for people and for placement constraints. */
  readonly name: string;
  readonly threads: number;
  /** Tasks at once on each thread, for asynchronous ones. Default 1. */
  readonly concurrency?: number;
  /** The amount that it has of each resource, for example `{ gpu: 1 }`. */
  readonly resources?: Resources;
  /** What it is fit for: tasks ask for workers that have all of some tags. */
  readonly tags?: readonly string[];
  /** The devices of a resource: each task gets some for itself, as many as it asked for. */
  readonly devices?: DeviceLists;
  /**
   * How long it looks for the scheduler before it gives up, in milliseconds. Default 60,000, and an hour for the next
   * scheduler on the journal of one that is gone.
   */
  readonly deathTimeoutMs?: number;
  /** How long running tasks may go on after `stop`, in milliseconds. Default 10,000. */
  readonly drainTimeoutMs?: number;
  /** Heap of each thread, in bytes. Default: Node's own. */
  readonly heapBytes?: number;
  /** Where tasks run: on threads of the worker, or in as many processes. Default: threads. */
  readonly isolation?: Isolation;
  /** The id of the process that starts it anew when it dies. */
  readonly supervisor?: number;
  /** How the worker before it, of the same name, ended. */
  readonly predecessor?: Predecessor;
  /** The step of a batch job that it runs in. */
  readonly job?: JobStep;
  /** How long, in milliseconds, until what still runs has to be given back; undefined when no end is known. */
  readonly timeLeftMs?: () => number | undefined;
  /**
   * Marks the processes that tasks start, so that whoever started this worker can end them when it has
   * been killed: see `endProcesses`. Default: a new one.
   */
  readonly mark?: string;
  /** A module with an `openTaskClient`, for `currentTask().client`. Default: tasks have no client. */
  readonly taskClient?: URL;
  /** Most bytes of results and inputs in memory. Default: see `defaultMemoryBytes`. */
  readonly memoryBytes?: number;
  /** The directory for results that do not fit into memory. Default: see `defaultDirectory`. */
  readonly localDirectory?: string;
  /** The address of this machine that it connects from. Default: chosen by the system. */
  readonly localAddress?: string;
  /**
   * Whether it speaks TLS with those who fetch from it. Default: as the scheduler does, and never on loopback.
   */
  readonly tls?: Tls;
  /** Gives up the start. */
  readonly signal?: AbortSignal;
  readonly log?: Log;
  /** Opens one socket; default: a WebSocket whose other side knows the token. */
  readonly open?: OpenSocket;
  /** Accepts connections that fetch its results. Default: on a port of its own. */
  readonly listen?: (accept: (socket: Socket) => void) => Promise<PeerServer>;
  /** How long a connection to it may stand still, in milliseconds; see `ResponderOptions`. */
  readonly stallMs?: number;
  /** Takes the place of the local directory. */
  readonly disk?: Disk;
  /** Tells whether the heap of this process is nearly used up; returns what stops that. */
  readonly watchHeap?: typeof watchHeap;
};

export type RunningWorker = {
  readonly name: string;
  /** The registered names. */
  readonly functions: readonly string[];
  /** Tasks it runs at once: threads × concurrency. */
  readonly slots: number;
  /**
   * Says that it is leaving, gives back what has not begun, lets the rest finish within the drain
   * timeout, and gives back what has not; then closes. Asked again, the timeout that ends first holds.
   * Never rejects.
   *
   * @param keeps it stays within the timeout while it holds results that no other worker can take
   */
  stop(reason?: string, drainTimeoutMs?: number, keeps?: boolean): Promise<void>;
  /**
   * Settles when it is over: resolves with the reason after `stop` and when the scheduler said goodbye,
   * rejects when the scheduler or its threads are lost.
   */
  readonly ended: Promise<string>;
};

/** Reasons for waiting that are said, of one loss of the link. */
const mostReasons = 10;

/** The import of a module may take long, or for ever when it awaits something at its top level. */
const stillLoadingMs = 10_000;

/**
 * Starts a worker in this process; resolves once it has joined the scheduler.
 *
 * @throws {RangeError} when `threads` or `concurrency` is no whole number from 1 on
 * @throws {ModuleError} when a module does not load, exports no function, or two export one name
 * @throws {ConnectionError | AuthenticationError | ProtocolError} when it cannot join
 * @example
 * const worker = await startWorker({
 *   target: { describe: url, find: async () => ({ url, token }) },
 *   modules: [{ path: "tasks.ts" }],
 *   name: "n1-0",
 *   threads: 4,
 * });
 * process.once("SIGTERM", () => void worker.stop("SIGTERM"));
 * await worker.ended;
 */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { name, threads, concurrency = 1, log = silentLog } = options;
  const { deathTimeoutMs = 60_000, drainTimeoutMs = 10_000 } = options;
  const absence = {
    outageMs: deathTimeoutMs,
    ...(options.deathTimeoutMs !== undefined && { absenceMs: options.deathTimeoutMs }),
  };
  const slots = slotsOf(threads, concurrency);
  const over = Promise.withResolvers<string>();
  // The caller may await `ended` late, or never.
  over.promise.catch(() => undefined);

  let link: DialledLink<ToWorker, FromWorker> | undefined;
  let stopped: Promise<void> | undefined;
  /** The scheduler as found most recently; connections to this worker must prove its token. */
  let found: DialTarget | undefined;
  let peerServer: PeerServer | undefined;
  const farewell = Promise.withResolvers<void>();
  /** The end of the shortest drain timeout; and what ends these timeouts early. */
  const tooLong = Promise.withResolvers<void>();
  const left = new AbortController();
  const reasonsSaid = new Set<string>();
  const directory = options.disk
    ? undefined
    : await openLocalDirectory(options.localDirectory, log);
  const memoryBytes = options.memoryBytes ?? defaultMemoryBytes(threads);
  const collectAfterBytes = garbageBytes(memoryBytes, threads);
  collectAfter(collectAfterBytes);
  /** Messages before the welcome: other workers may fetch from this one before it has read that. */
  const early: FromWorker[] = [];
  const reports: Reports = new Reports({
    send: (message) => {
      if (link) link.send(message);
      else early.push(message);
      heap.check();
    },
    get lastUnsent() {
      return link?.lastUnsent;
    },
    get isFull() {
      return heap.isFull;
    },
  });
  const pauses = new Pauses(reports, log);
  const results: Results = new Results({
    memoryBytes,
    disk: options.disk ?? directory!,
    reports,
    log,
    keepsAll: () => heap.isFull,
    token: () => found?.token,
    open: options.open ?? openProven,
    localAddress: options.localAddress,
    stallMs: options.stallMs,
    schedulerAddress: () => found && transferAddress(found.url),
    paused: (reason) => {
      if (reason === undefined) pauses.resume("memory");
      else pauses.pause("memory", reason);
      pauseCalls();
    },
  });
  const heap: HeapAccount = new HeapAccount({
    parts: [
      // Frames lie outside the heap; but whoever does not read is to stop the worker early.
      { what: "messages that wait to be sent", bytes: () => link?.bufferedBytes ?? 0 },
      { what: "calls that wait for a thread", bytes: () => calls.heapBytes },
      { what: "the results that it holds", bytes: () => results.heapBytes },
    ],
    full: (reason) => {
      if (reason === undefined) pauses.resume("heap");
      else pauses.pause("heap", reason);
      pauseCalls();
      if (reason === undefined) calls.goOn();
    },
  });
  const stopWatchingHeap = (options.watchHeap ?? watchHeap)((isExhausted) => {
    heap.isExhausted = isExhausted;
  });
  const pauseCalls = () => {
    calls.paused = pauses.has("memory") || pauses.has("heap");
  };
  const calls: Calls = new Calls(
    {
      modules: options.modules.map((source) => ({ ...source, path: resolve(source.path) })),
      threads,
      concurrency,
      name,
      heapBytes: options.heapBytes,
      collectAfterBytes,
      isolation: options.isolation,
      mark: options.mark,
      taskClient: options.taskClient,
      devices: options.devices,
      resources: options.resources,
      log,
      results,
      isFull: () => heap.isFull,
      heapLimitBytes: heap.limitBytes,
      outage: (reason) => {
        if (reason === undefined) pauses.resume("threads");
        else pauses.pause("threads", reason);
      },
      broken: (error) => void fail(error),
      stuck: ({ message }) => void fail(new StuckThreadError(message)),
    },
    reports,
  );

  async function stop(
    reason = "it was stopped",
    drainMs = drainTimeoutMs,
    keeps = false,
  ): Promise<void> {
    await leaveWithin(drainMs, reason, keeps);
    over.resolve(reason);
  }

  async function leaveWithin(drainMs: number, reason: string, keeps = false): Promise<void> {
    stopped ??= leave(reason, drainMs, keeps);
    sleep(drainMs, undefined, { signal: left.signal }).then(tooLong.resolve, () => undefined);
    await stopped;
  }

  async function leave(reason: string, drainMs: number, keeps: boolean): Promise<void> {
    log.info("leaving", { reason });
    reports.leaving(reason, keeps);
    calls.leave();
    if (calls.size > 0) {
      const tasks = calls.size === 1 ? "the task that runs" : `the ${calls.size} tasks that run`;
      const limit = drainMs < longestTimerMs ? `, for up to ${formatDuration(drainMs)}` : "";
      log.info(`waiting for ${tasks}${limit}`);
    }
    await Promise.race([calls.idle(), tooLong.promise]);
    if (calls.size > 0) log.warning("the drain timeout is over: running tasks are given back");
    await calls.close();
    // What it holds is handed over to others as long as somebody needs it.
    if (link?.state === "up" && results.size > 0) {
      const few = results.size === 1 ? "the result" : `the ${results.size} results`;
      log.info(`waiting until others have ${few} that it holds`);
      await Promise.race([farewell.promise, tooLong.promise]);
    }
    left.abort();
    await link?.close();
    await closeResults();
  }

  async function closeResults(): Promise<void> {
    results.close();
    stopWatchingHeap();
    heap.close();
    await peerServer?.close();
    await directory?.close().catch((error: unknown) => log.warning((error as Error).message));
  }

  /** Finds the scheduler, and listens for peers once the network to it is known. */
  async function findTarget(): Promise<DialTarget | undefined> {
    found = (await options.target.find()) ?? found;
    if (found === undefined) return undefined;
    peerServer ??= await listenForPeers(found.url);
    results.address = peerServer.address;
    return found;
  }

  async function listenForPeers(url: string): Promise<PeerServer> {
    const accept = (socket: Socket) => results.accept(socket);
    if (options.listen) return options.listen(accept);
    const host = options.localAddress ?? (await addressTowards(url));
    const refusals = rateLimited(log.warning, { what: "refusals" });
    const turnedAway = (why: string) => refusals.say(`turned away ${why}`);
    const tls = options.tls ?? (isPlainNetwork(url) ? "off" : undefined);
    const { warning: warn } = log;
    return startPeerServer({ host, tls, warn, token: () => found?.token, accept, turnedAway });
  }

  function receive(message: ToWorker): void {
    hear(message);
    heap.check();
  }

  function hear(message: ToWorker): void {
    switch (message.type) {
      case "free":
      case "copy":
      case "keep":
        results.receive(message);
        break;
      case "retire":
        // A retiring worker finishes its calls however long they take.
        void stop(message.reason, longestTimerMs);
        break;
      case "farewell":
        farewell.resolve();
        break;
      default:
        calls.receive(message);
    }
  }

  async function loaded(): Promise<void> {
    const stillLoading = setInterval(() => {
      const files = options.modules.map(({ path }) => path).join(", ");
      log.warning(`${files}: still loading; does something at the top level never end?`);
    }, stillLoadingMs);
    await calls.start().finally(() => clearInterval(stillLoading));
  }

  /** Says what it waits for, and each reason once: an attempt to connect fails again and again. */
  function sayWhyWaiting({ message }: Error): void {
    // The time of an attempt is not the same each time.
    const reason = message.replace(/ within .*/s, "");
    if (reasonsSaid.has(reason) || reasonsSaid.size === mostReasons) return;
    reasonsSaid.add(reason);
    const limitMs = link ? absenceMs(link.welcome, absence) : deathTimeoutMs;
    log.info(waitingFor(options.target.describe, limitMs, message));
  }

  /** Ends the worker because of an error. */
  async function fail(error: Error): Promise<void> {
    over.reject(error);
    await leaveWithin(drainTimeoutMs, error.message);
  }

  if (options.predecessor) {
    // At once: the modules may take long to load, and its tasks wait for this.
    const { pid, how } = options.predecessor;
    void sayLastWords({ ...options, pid, how });
  }
  try {
    await loaded();
    const id = nanoid();
    link = await dial<ToWorker, FromWorker>({
      target: findTarget,
      describeTarget: options.target.describe,
      timeoutMs: deathTimeoutMs,
      ...absence,
      onFailedAttempt: sayWhyWaiting,
      ...(options.signal && { signal: options.signal }),
      ...(options.open && { open: options.open }),
      ...(options.localAddress !== undefined && { localAddress: options.localAddress }),
      check: checkToWorker,
      hello: () => ({
        role: "worker",
        id,
        name,
        host: hostname(),
        pid: process.pid,
        threads,
        slots,
        resources: options.resources ?? {},
        ...(options.tags && { tags: [...options.tags] }),
        functions: calls.functions,
        digests: calls.digests,
        ...(options.supervisor !== undefined && { supervisor: options.supervisor }),
        ...(options.predecessor && { predecessor: options.predecessor }),
        memoryBytes,
        version,
        ...(options.job && { job: options.job }),
        ...endOf(options),
        ...(peerServer && { address: peerServer.address }),
      }),
      on: {
        messages: (batch) => {
          for (const message of batch) receive(message);
        },
        down: (reason) => log.warning(`the link to the scheduler is down: ${reason}`),
        up: () => {
          reasonsSaid.clear();
          log.info("the link to the scheduler is up again");
        },
        reset: (welcome) => {
          reasonsSaid.clear();
          log.warning("the scheduler does not know this worker any more: it starts anew");
          calls.drop();
          results.clear();
          results.keepAboveBytes = welcome.smallResultBytes;
          pauses.tell();
          // The new scheduler does not know that this worker is leaving, and would not say farewell.
          if (stopped) reports.leaving("it was leaving when the scheduler was lost");
        },
        lost: (error) => {
          calls.drop();
          results.clear();
          if (error instanceof GoodbyeError) void stop(`the scheduler ended: ${error.message}`);
          else void fail(error);
        },
        unsendable: (message, error) => reports.unsendable(message as FromWorker, error),
      },
    });
    for (const message of early.splice(0)) link.send(message);
    results.keepAboveBytes = link.welcome.smallResultBytes;
  } catch (error) {
    await calls.close();
    await closeResults();
    throw error;
  }
  const functions = calls.functions.filter((each) => !isBuiltIn(each));
  log.info("joined the scheduler", { name, threads, concurrency, functions: functions.length });
  return {
    name,
    functions,
    slots,
    stop: (reason, drainMs, keeps) => stop(reason, drainMs, keeps),
    ended: over.promise,
  };
}

/** Whether the address is one of a network on which nothing is to be encrypted. */
function isPlainNetwork(url: string): boolean {
  return url.startsWith("ws:") && !isLoopback(url);
}

function endOf({ timeLeftMs }: WorkerOptions): { endsInMs?: number } {
  const leftMs = timeLeftMs?.();
  return leftMs === undefined ? {} : { endsInMs: Math.max(0, Math.round(leftMs)) };
}

function slotsOf(threads: number, concurrency: number): number {
  for (const [option, value] of Object.entries({ threads, concurrency })) {
    if (Number.isInteger(value) && value >= 1 && threads * concurrency <= limits.slots) continue;
    throw new RangeError(
      `${option} must be a whole number from 1 on, with at most ${limits.slots} slots in all, not ${value}`,
    );
  }
  return threads * concurrency;
}
