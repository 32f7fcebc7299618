// Starts and stops a scheduler: its server, the sessions of its peers, and the core.

import { nanoid } from "nanoid";
import { hostname } from "node:os";
import { rateLimited } from "../src/rate-limit.ts";
import { openProven } from "../src/link/open.ts";
import { withPin } from "../src/link/pin.ts";
import { openWebSocket } from "../src/link/socket-ws.ts";
import { reachableUrls, webSocketUrl } from "../src/meeting/address.ts";
import { fingerprintOfCertificate, makeCredentials } from "../src/meeting/certificate.ts";
import { credentialsFor, type Tls } from "../src/meeting/tls.ts";
import { formatDuration } from "../src/duration.ts";
import { ConnectionError, ProtocolError } from "../src/errors/errors.ts";
import type { Log } from "../src/log.ts";
import { silentLog } from "../src/log.ts";
import { nearestNames } from "../src/nearest.ts";
import {
  readSchedulerFile,
  removeSchedulerFile,
  writeSchedulerFile,
} from "../src/meeting/scheduler-file.ts";
import { checkFullToken, mintToken } from "../src/meeting/token.ts";
import { version } from "../src/version.ts";
import { apiOf } from "./api.ts";
import { Clockwork } from "./clockwork.ts";
import type { CoreOptions } from "./core/state.ts";
import { keptCredentials } from "./journal/credentials.ts";
import type { Durability } from "./journal/durability.ts";
import { openDurable, type Durable } from "./durable.ts";
import { isLocalProcess } from "./local-process.ts";
import { watchHeap } from "../src/heap-watch.ts";
import { checkMemoryLimit, memoryLimits, type MemoryLimits } from "./memory-limits.ts";
import { Relay } from "./relay.ts";
import { startServer, type Server } from "./server.ts";
import { saidGoodbye, Sessions } from "./sessions.ts";
import { watchSteps, type Steps } from "./step-watch.ts";

export type SchedulerOptions = {
  /** Address to listen on. Default: 127.0.0.1, so that only this machine can connect. */
  host?: string;
  /** 0 chooses a free port. Default: 8786. */
  port?: number;
  /**
   * Whether the port speaks TLS: "on" with a certificate that is made at the start and named in `urls`, or with that
   * of a site. Default: on, except on loopback.
   */
  tls?: Tls;
  /** The token that every peer must prove. Default: the one in the journal, or a new one. */
  token?: string;
  /** The file for the URLs and the token, readable only by its owner. Default: no file. */
  schedulerFile?: string;
  /**
   * The scheduler ends after this time without clients, tasks to run, and anything that is kept for others:
   * published values, items of queues, variables, events that are set. Default: never.
   */
  idleTimeoutMs?: number;
  /**
   * A folder in which the scheduler keeps everything that it was told, for a successor: after a crash, or a
   * stop by `stop`, a scheduler that is started on it goes on where this one ended. Default: none.
   */
  journal?: string;
  /**
   * With a journal, what is kept survives the end of the process ("process"), or the loss of power too
   * ("machine"), which takes an fdatasync before anybody is told. Default: "process".
   */
  durability?: Durability;
  /** The interval of the heartbeat of each link. Default: 3,000; three missed beats are a drop. */
  heartbeatMs?: number;
  /**
   * Bytes of what it keeps for clients, at least 4 MiB: arguments, results, published values and all else. Near them it
   * reads more slowly from those who bring more, and then refuses what is new with `OverloadedError`. Default: 30 % of
   * the memory of this machine or its control group, and of that 40 % of the heap of Node for texts and tasks.
   */
  memoryLimit?: number;
  /** Looks which steps of the scheduler's own batch job run, when no worker is left. */
  steps?: Steps;
  log?: Log;
  /** How long a connection that carries values may stand still, in milliseconds; see `ResponderOptions`. */
  stallMs?: number;
  /** Hears the name of every worker that joins, and of every one that could not start. */
  onWorker?: (name: string, how: "joined" | "left" | "could not start") => void;
  core?: Partial<Omit<CoreOptions, "nearestNames" | "seed">>;
};

export type RunningScheduler = {
  readonly id: string;
  readonly port: number;
  readonly token: string;
  /** The first of `urls`. */
  readonly url: string;
  /** The URLs at which workers and clients reach the scheduler, the best first. */
  readonly urls: readonly string[];
  /** The time limit of its job is near: clients are told, and no more tasks start. `limit` names it. */
  endSoon(limit: string, leftMs: number): void;
  /** It is known that no worker is coming, and why: what waits for one fails. */
  noWorkerComing(why: string): void;
  /**
   * Ends the sessions of all peers, removes the scheduler file and closes the port. With a journal the peers
   * wait for the next scheduler, unless it is `forGood`.
   */
  stop(reason?: string, options?: { forGood?: boolean }): Promise<void>;
  /** Resolves with the reason when the scheduler has ended; rejects when its journal has failed. */
  readonly ended: Promise<string>;
};

/**
 * Starts a scheduler in this process.
 *
 * @throws {ConnectionError} when it cannot listen on this port, or another scheduler uses the file
 * @example
 * const scheduler = await startScheduler({ port: 0 });
 * const client = await Client.connect(scheduler.url, { token: scheduler.token });
 */
export async function startScheduler(options: SchedulerOptions = {}): Promise<RunningScheduler> {
  const { schedulerFile, journal: directory, durability = "process", log = silentLog } = options;
  if (options.durability !== undefined && directory === undefined) {
    throw new TypeError("durability needs a journal: without one nothing is kept");
  }
  if (options.token !== undefined) checkFullToken(options.token);
  if (options.memoryLimit !== undefined) checkMemoryLimit(options.memoryLimit);
  if (schedulerFile !== undefined) await refuseToReplaceLiving(schedulerFile);
  const limits = memoryLimits(options.memoryLimit);
  const core = {
    memoryBytes: limits.memoryBytes,
    heapBytes: limits.heapBytes,
    ...options.core,
    nearestNames,
    seed: Math.trunc(Math.random() * 2 ** 32),
  };
  const identity = () => ({ id: nanoid(), token: options.token ?? mintToken() });
  if (directory === undefined) return serve(options, { core, limits, ...identity() });
  const durable = await openDurable({ directory, durability, core, identity, log });
  const { id, token } = durable.identity;
  try {
    return await serve(options, { core, limits, id, token: options.token ?? token, durable });
  } catch (error) {
    await durable.journal.close();
    throw error;
  }
}

/** Who the scheduler is, and where it goes on if it has a journal. */
type Self = {
  readonly id: string;
  readonly token: string;
  readonly core: Partial<CoreOptions>;
  readonly limits: MemoryLimits;
  readonly durable?: Durable;
};

async function serve(
  options: SchedulerOptions,
  { id, token, core, limits, durable }: Self,
): Promise<RunningScheduler> {
  const { host = "127.0.0.1", port = 8786, log = silentLog } = options;
  const { schedulerFile, idleTimeoutMs } = options;
  const credentials = await credentialsFor(host, options.tls, log.warning, () =>
    options.journal === undefined
      ? makeCredentials()
      : keptCredentials(options.journal, makeCredentials),
  );
  const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<string>();
  // Not everybody who starts a scheduler waits for its end.
  ended.catch(() => undefined);
  let ending: Promise<void> | undefined;
  let server: Server | undefined = undefined;
  const workerNames = new Map<string, string>();

  const failJournal = (error: Error) => {
    fail(error);
    void stop(error.message);
  };
  durable?.journal.onLost(failJournal);
  const clockwork = new Clockwork({
    core,
    ...(durable && {
      durable: {
        keeper: durable.journal,
        isSynced: options.durability === "machine",
        kept: durable.kept,
        fail: failJournal,
      },
    }),
    log,
    stepped: (_, event) => {
      durable?.compaction.consider();
      if (event.type === "worker-joins") {
        workerNames.set(event.id, event.name);
        options.onWorker?.(event.name, "joined");
      }
      if (event.type === "worker-lost") {
        const name = workerNames.get(event.id);
        workerNames.delete(event.id);
        if (name !== undefined && event.how === saidGoodbye) options.onWorker?.(name, "left");
      }
      if (event.type === "worker-ended" && event.pid === undefined) {
        options.onWorker?.(event.name, "could not start");
      }
    },
    stopScheduler: (why) => {
      log.info(why);
      void stop(why, { forGood: true });
    },
    ...(idleTimeoutMs !== undefined && {
      idle: {
        timeoutMs: idleTimeoutMs,
        run: () => void stop(`nobody has used the scheduler for ${formatDuration(idleTimeoutMs)}`),
      },
    }),
  });
  const { heartbeatMs = 3_000 } = options;
  const sessions = new Sessions({ id, clockwork, heartbeatMs, log, limits });
  const stopWatchingHeap = watchHeap((isExhausted) => {
    clockwork.handle({ type: "memory", isExhausted });
    if (isExhausted) sessions.relieve();
  });
  if (durable) sessions.inherit(durable.kept.sessions.values());
  const stopWatching = options.steps && watchSteps({ steps: options.steps, clockwork, log });
  const relay = new Relay({ clockwork, token, open: openProven, stallMs: options.stallMs });
  const turnedAway = rateLimited(log.warning, { what: "refusals of this kind" });
  server = await startServer({
    host,
    port,
    token,
    credentials,
    accept: (socket, peer, right) => sessions.accept(socket, peer.address, right),
    acceptData: (socket) => relay.accept(socket),
    turnedAway: (why, { address }) => turnedAway.say(`turned away ${address}: ${why}`),
    endpoints: apiOf(clockwork),
    frameBytes: limits.frameBytes,
    mostUnreadBytes: limits.waitingBytes,
  }).catch((error: unknown) => {
    abandon();
    throw error;
  });
  if (ending) {
    // The journal has failed meanwhile.
    await server.close();
    await ended;
  }
  const pinned = (address: string) =>
    credentials ? withPin(address, fingerprintOfCertificate(credentials.cert)) : address;
  const urls = reachableUrls(host, server.port).map(pinned);
  const [url = pinned(webSocketUrl(host, server.port))] = urls;

  if (schedulerFile !== undefined) {
    try {
      await writeSchedulerFile(schedulerFile, {
        id,
        urls,
        token,
        pid: process.pid,
        host: hostname(),
        version,
        startedAt: new Date().toISOString(),
      });
    } catch (error) {
      abandon();
      await server.close();
      throw error;
    }
  }

  function stopWorking(): void {
    clockwork.stop();
    stopWatching?.();
    stopWatchingHeap();
    turnedAway.flush();
  }

  /** It could not start. */
  function abandon(): void {
    stopWorking();
    sessions.leave();
    relay.close();
  }

  function stop(
    reason = "the scheduler was stopped",
    { forGood = durable === undefined } = {},
  ): Promise<void> {
    return (ending ??= (async () => {
      if (durable && forGood) await sessions.end(reason);
      stopWorking();
      if (schedulerFile !== undefined) await removeSchedulerFile(schedulerFile, id);
      if (forGood) await sessions.close(reason);
      else sessions.leave();
      relay.close();
      await server?.close();
      await durable?.compaction.run();
      await durable?.journal.close();
      end(reason);
    })());
  }

  const endSoon = (limit: string, leftMs: number) => {
    clockwork.handle({ type: "time-limit", limit, leftMs });
  };
  const noWorkerComing = (why: string) => clockwork.handle({ type: "no-worker-coming", why });
  return { id, port: server.port, token, url, urls, endSoon, noWorkerComing, stop, ended };
}

/**
 * Checks that no running scheduler uses the file, because the file can name only one.
 *
 * @throws {ConnectionError} naming the process of that scheduler
 */
async function refuseToReplaceLiving(schedulerFile: string): Promise<void> {
  // An unreadable file cannot lead anyone to a scheduler, so it may be replaced.
  const found = await readSchedulerFile(schedulerFile).catch(() => undefined);
  if (found === undefined || !isLocalProcess(found)) return;
  const target = { url: found.urls[0]!, token: undefined };
  const answers = await openWebSocket(target, { timeoutMs: 2_000 }).then(
    (socket) => {
      socket.terminate();
      return true;
    },
    // One of an older version wants the token in the request, and lives as well.
    (error: unknown) => error instanceof ProtocolError,
  );
  if (!answers) return;
  throw new ConnectionError(
    `choose another scheduler file, or end the scheduler that uses ${schedulerFile}: process ` +
      `${found.pid} on ${found.host}, running since ${found.startedAt}`,
  );
}
