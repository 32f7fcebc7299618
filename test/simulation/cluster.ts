// A scheduler, workers and clients as simulated processes: the real parts of each, over simulated
// sockets. Also what they keep in memory, to see that nothing is left there.

import { currentTime } from "./platform.ts";
import { Link } from "../../src/link/link.ts";
import { silentLog, type Log } from "../../src/log.ts";
import { Client } from "../../client/client.ts";
import { Session } from "../../client/session.ts";
import { Clockwork, type Stepped } from "../../scheduler/clockwork.ts";
import { checkInvariants } from "../../scheduler/core/invariants.ts";
import type { State } from "../../scheduler/core/state.ts";
import { JournalFullError } from "../../scheduler/journal/journal-error.ts";
import { Relay } from "../../scheduler/relay.ts";
import { Sessions } from "../../scheduler/sessions.ts";
import { transferPath } from "../../src/link/purpose.ts";
import { Results } from "../../worker/results/results.ts";
import { SimulatedDisk } from "./disk.ts";
import { Calls } from "../../worker/calls/calls.ts";
import { startWorker, type RunningWorker } from "../../worker/main.ts";
import { Runner } from "../../worker/thread/runner.ts";
import type { ThreadOptions, ToThread } from "../../worker/boundary/messages.ts";
import { functions } from "./functions.ts";
import type { SimulatedJournal } from "./journal.ts";
import { Network, Route, type Direction } from "./network.ts";
import { threadProgram } from "./threads.ts";
import { workerTags } from "./workload.ts";
import { Scope, type VirtualTime } from "./virtual-time.ts";

/** How many times longer than one that is cut off a client that is only silent is waited for. */
export const clientGraces = 3;

/** Made in tasks that submit. */
const taskClient = new URL("../../cluster/task-client.ts", import.meta.url);

// What is loaded when it is first needed: that would take real time, which a simulation has none of.
await Promise.all([
  import("../../client/fetcher.ts"),
  import("../../src/link/dial.ts"),
  import("../../src/link/socket-ws.ts"),
  import("../../src/wire/check.ts"),
  import(taskClient.href),
]);

threadProgram.run = (data, port) => {
  const options = data as ThreadOptions;
  const table = new Map(Object.entries(functions)) as ConstructorParameters<
    typeof Runner
  >[0]["functions"];
  const runner = new Runner({ ...options, functions: table });
  port.on("message", (message) => runner.receive(message as ToThread));
  const [seconds, nanoseconds] = process.hrtime();
  const clockMs = seconds * 1_000 + nanoseconds / 1e6 - performance.now();
  port.postMessage({ type: "loaded", functions: [...table.keys()], digests: [], clockMs });
};

export type WorkerShape = {
  name: string;
  threads: number;
  concurrency: number;
  resources: Record<string, number>;
  /** So few that results go to disk, and workers pause. */
  memoryBytes: number;
};

export type ClusterOptions = {
  time: VirtualTime;
  graceMs: number;
  heartbeatMs: number;
  smallResultBytes: number;
  latencyMs: () => number;
  heard: (route: Route, direction: Direction, length: number) => void;
  log: (who: string, level: string, text: string) => void;
  /** Keeps what the scheduler knows. Default: its memory is lost with it. */
  journal?: SimulatedJournal | undefined;
  /** A worker that had joined has ended because of an error. */
  failed?: (who: string, error: Error) => void;
  /** Hears of every step of the core. */
  stepped?: Stepped;
};

export type SimulatedWorker = {
  readonly shape: WorkerShape;
  readonly route: Route;
  scope: Scope;
  running: RunningWorker | undefined;
  disk: SimulatedDisk;
};

export type SimulatedClient = {
  readonly scope: Scope;
  readonly route: Route;
  client: Client | undefined;
};

const url = "ws://scheduler";

export class Cluster {
  readonly network: Network;
  readonly #options: ClusterOptions;
  readonly #time: VirtualTime;
  scheduler: Scope;
  state: State | undefined;
  #sessions: Sessions | undefined;
  #clockwork: Clockwork | undefined;
  #relay: Relay | undefined;
  #started = 0;
  readonly workers: SimulatedWorker[] = [];
  readonly clients: SimulatedClient[] = [];
  /** From here on no worker is started again. */
  isClosing = false;
  /** The first invariant that did not hold. */
  broken: Error | undefined;
  /** Told when the disk of the journal has failed, which is the end of the scheduler. */
  onJournalFailed: (error: Error) => void = (error) => (this.broken ??= error);
  readonly #census = new Census();

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#time = options.time;
    const { time, latencyMs, heard } = options;
    this.network = new Network({ time, latencyMs, heard });
    this.scheduler = this.#startScheduler();
  }

  #startScheduler(): Scope {
    const { graceMs, heartbeatMs, smallResultBytes, journal } = this.#options;
    const scope = new Scope("scheduler");
    const log = this.#logOf("scheduler");
    this.#time.within(scope, () => {
      const core = {
        graceMs,
        clientGraceMs: clientGraces * graceMs,
        smallResultBytes,
        unknownTaskTimeoutMs: 60_000,
        seed: 7,
      };
      const kept = journal?.replica().goOn(journal, core);
      this.state = kept?.state;
      const fail = (error: Error) => {
        this.#time.after(0, () => this.onJournalFailed(error), this.#time.root);
      };
      const isSynced = journal?.durability === "machine";
      const clockwork = new Clockwork({
        core,
        ...(journal && kept && { durable: { keeper: journal, isSynced, kept, fail } }),
        log,
        stepped: (state, event, how) => {
          this.state = state;
          this.#check(state, event.type);
          this.#options.stepped?.(state, event, how);
        },
      });
      const id = journal ? "scheduler" : `scheduler-${this.#started++}`;
      this.#clockwork = clockwork;
      const sessions = new Sessions({ id, clockwork, heartbeatMs, log });
      this.#sessions = sessions;
      if (kept) sessions.inherit(kept.sessions.values());
      this.network.listen(url, scope, (socket) => sessions.accept(socket, "simulated", "full"));
      const open = this.network.opener(new Route("scheduler"));
      const relay = new Relay({ clockwork, token: "", open });
      this.#relay = relay;
      this.network.listen(`${url}${transferPath}`, scope, (socket) => relay.accept(socket));
    });
    return scope;
  }

  /** As the watch on its heap does. */
  tellMemory(isExhausted: boolean): void {
    this.#time.within(this.scheduler, () => {
      this.#clockwork?.handle({ type: "memory", isExhausted });
    });
  }

  #check(state: State, after: string): void {
    if (this.broken !== undefined) return;
    const { log } = this.#options;
    try {
      checkInvariants(state);
    } catch (error) {
      this.broken = error as Error;
      log("scheduler", "error", `${this.broken.message} (after ${after})`);
    }
  }

  /** Its memory is lost with it; another takes its place at once. */
  restartScheduler(): void {
    this.crashScheduler();
    this.resumeScheduler();
  }

  crashScheduler(): void {
    const old = this.scheduler;
    if (old.dead) return;
    old.kill();
    this.network.crash(old, { noticed: true });
    this.network.unlisten(url);
    this.network.unlisten(`${url}${transferPath}`);
    const { journal } = this.#options;
    if (journal === undefined || this.state === undefined) return;
    journal.crash();
    const isAll = journal.durability === "process";
    if (isAll && !journal.agreesWith(this.state)) {
      this.broken ??= new Error("the journal has another state than the scheduler had");
    }
  }

  resumeScheduler(): void {
    try {
      this.scheduler = this.#startScheduler();
    } catch (error) {
      if (!(error instanceof JournalFullError)) throw error;
      // Its supervisor tries again.
      this.#time.after(200, () => this.resumeScheduler(), this.#time.root);
    }
  }

  /** Starts it, and starts it again when it ends by itself, as a supervisor does. */
  startWorker(shape: WorkerShape): SimulatedWorker {
    const route = new Route(shape.name);
    const worker: SimulatedWorker = {
      shape,
      route,
      scope: new Scope(shape.name),
      running: undefined,
      disk: new SimulatedDisk(this.#time),
    };
    this.workers.push(worker);
    this.launch(worker);
    return worker;
  }

  launch(worker: SimulatedWorker): void {
    if (this.isClosing) return;
    const scope = new Scope(worker.shape.name);
    worker.scope = scope;
    worker.disk = new SimulatedDisk(this.#time);
    worker.running = undefined;
    const again = () => {
      if (worker.scope !== scope || scope.dead || this.isClosing) return;
      scope.kill();
      this.network.crash(scope, { noticed: true });
      this.#time.after(200, () => this.launch(worker), this.#time.root);
    };
    this.#time.within(scope, () => {
      void startWorker({
        target: { describe: url, find: async () => ({ url, token: undefined }) },
        modules: [{ path: "simulated.ts" }],
        taskClient,
        tags: workerTags,
        ...worker.shape,
        log: this.#logOf(worker.shape.name),
        open: this.network.opener(worker.route),
        disk: worker.disk,
        watchHeap: () => () => undefined,
        listen: async (accept) => {
          // Every process has an address of its own, and none answers at that of one which is gone.
          const address = `ws://${worker.shape.name}-${(this.#started += 1)}${transferPath}`;
          this.network.listen(address, scope, accept);
          return { address, close: async () => this.network.unlisten(address) };
        },
        drainTimeoutMs: 1_000,
      }).then((running) => {
        worker.running = running;
        void running.ended.then(again, (error: Error) => {
          this.#options.failed?.(worker.shape.name, error);
          again();
        });
      }, again);
    });
  }

  crashWorker(worker: SimulatedWorker, options: { noticed: boolean }): void {
    worker.scope.kill();
    worker.running = undefined;
    this.network.crash(worker.scope, options);
  }

  startClient(name: string): SimulatedClient {
    const scope = new Scope(name);
    const route = new Route(name);
    const started: SimulatedClient = { scope, route, client: undefined };
    this.clients.push(started);
    this.#time.within(scope, () => {
      void Client.open({
        target: async () => ({ url, token: undefined }),
        describeTarget: url,
        name,
        timeoutMs: 600_000,
        open: this.network.opener(route),
      }).then((client) => (started.client = client));
    });
    return started;
  }

  crashClient({ scope, client }: SimulatedClient, options: { noticed: boolean }): void {
    scope.kill();
    this.network.crash(scope, options);
    // Clients that pass futures to each other are of one process in truth: none outlives, in memory,
    // what another borrowed or waits to hear of it.
    this.#time.within(scope, () => void client?.close());
  }

  async stopScheduler(): Promise<void> {
    this.#clockwork?.stop();
    this.#relay?.close();
    await this.#sessions?.close("the simulation is over");
  }

  /** What is still in memory though nothing is under way, in words. */
  leaks(): string[] {
    const { state } = this;
    const found: string[] = [];
    const none = (what: string, count: number) => {
      if (count !== 0) found.push(`${count} ${what}`);
    };
    if (state !== undefined) {
      none("tasks in the core", state.tasks.size);
      none("ready tasks", state.ready.size);
      none("lanes in the queue", [...state.ready.lanes()].length);
      none("constraints in the core", state.constraints.size);
      none("bytes of values in the core", state.keptBytes);
      const { replicaRequests, scatters, retirements } = state;
      none("copies under way", replicaRequests.size + scatters.byTask.size + retirements.size);
      for (const client of state.clients.values()) {
        none(`specs of ${client.name}`, client.specs.size);
        none(`lanes of ${client.name}`, client.lanes.size);
      }
      for (const worker of state.workers.values()) {
        none(`dispatches on ${worker.name}`, worker.dispatches.size);
        none(`bytes said to be held on ${worker.name}`, worker.heldBytes);
        none(`microseconds of backlog on ${worker.name}`, worker.backlogMicros);
        for (const [resource, used] of Object.entries(worker.used)) {
          none(`${resource} in use on ${worker.name}`, used);
        }
      }
    }
    for (const { scope, disk } of this.workers) {
      if (!scope.dead) none(`bytes on the disk of ${scope.name}`, disk.bytes);
    }
    found.push(...this.#census.leaks());
    return found;
  }

  endCensus(): void {
    this.#census.end();
  }

  #logOf(who: string): Log {
    const write = (level: string) => (text: string) => this.#options.log(who, level, text);
    return {
      ...silentLog,
      info: write("info"),
      warning: write("warning"),
      error: write("error"),
    };
  }
}

/** A heartbeat may be under way at any moment. */
const heartbeatBytes = 16;

/** Every link, and every table of calls and of futures, found as they are first used. */
class Census {
  readonly #links = new Map<Link<unknown, object>, Scope>();
  readonly #calls = new Map<Calls, Scope>();
  readonly #sessions = new Map<Session, Scope>();
  readonly #results = new Map<Results, Scope>();
  readonly #original = {
    attach: Link.prototype.attach,
    start: Calls.prototype.start,
    attachSession: Session.prototype.attach,
    keep: Results.prototype.keep,
    acceptPeer: Results.prototype.accept,
  };

  constructor() {
    const found = { links: this.#links, calls: this.#calls, sessions: this.#sessions };
    const results = this.#results;
    const { attach, start, attachSession, keep, acceptPeer } = this.#original;
    Results.prototype.keep = function (this: Results, ...args) {
      results.set(this, currentTime().scope);
      return keep.apply(this, args);
    };
    Results.prototype.accept = function (this: Results, ...args) {
      results.set(this, currentTime().scope);
      return acceptPeer.apply(this, args);
    };
    Link.prototype.attach = function (this: Link<unknown, object>, ...args) {
      found.links.set(this, currentTime().scope);
      return attach.apply(this, args);
    };
    Calls.prototype.start = function (this: Calls, ...args) {
      found.calls.set(this, currentTime().scope);
      return start.apply(this, args);
    };
    Session.prototype.attach = function (this: Session, ...args) {
      found.sessions.set(this, currentTime().scope);
      return attachSession.apply(this, args);
    };
  }

  leaks(): string[] {
    const found: string[] = [];
    for (const [link, scope] of this.#links) {
      if (scope.dead || link.state === "ended") continue;
      const bytes = link.bufferedBytes;
      if (bytes > heartbeatBytes) found.push(`${bytes} bytes in a link of ${scope.name}`);
      const last = link.lastUnsent;
      if (last) found.push(`a message "${JSON.stringify(last)}" in a link of ${scope.name}`);
    }
    const tables = [...this.#calls, ...this.#sessions, ...this.#results];
    for (const [{ size }, scope] of tables) {
      if (!scope.dead && size > 0) found.push(`${size} entries in the tables of ${scope.name}`);
    }
    return found;
  }

  end(): void {
    const { attach, start, attachSession, keep, acceptPeer } = this.#original;
    Link.prototype.attach = attach;
    Calls.prototype.start = start;
    Session.prototype.attach = attachSession;
    Results.prototype.keep = keep;
    Results.prototype.accept = acceptPeer;
  }
}
