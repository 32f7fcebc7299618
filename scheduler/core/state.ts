// What the scheduler knows, as plain data. Only `step` (step.ts) changes it. This folder does not
// know what a socket, a promise, a clock or a random number is: time is an argument, peers are ids,
// values are opaque payloads, and what should happen is returned as effects.
//
// Terminology: a *spec* is what tasks of one call site share (function and options); a *lane* is
// the queue of ready tasks that can run in the same places; a *dispatch* is one attempt of a task
// on its way on one worker, and it occupies room there until the worker says that it ended.

import { KeyTable } from "../../src/key-table.ts";
import type { Failure, Resources, TaskOptions } from "../../src/wire/protocol.ts";
import type { Payload } from "../../src/payload/payload.ts";
import {
  createCoordination,
  defaultCoordinationLimits,
  type Coordination,
  type CoordinationLimits,
} from "./coordination/things.ts";
import type { SmallSet } from "./structures/small-set.ts";
import { History } from "./tasks/history.ts";
import type { Retention } from "./clients/retention.ts";
import type { Lane } from "./placement/lanes.ts";
import type { Published } from "./clients/published.ts";
import type { RunHeads } from "./tasks/run-heads.ts";
import { ReadyQueue } from "./placement/ready-queue.ts";
import type { Restart } from "./workers/restart.ts";
import type { Retirement } from "./workers/retiring.ts";
import type { Scatter } from "./values/scattering.ts";
import type { NamedWorkers, Site } from "./placement/sites.ts";
import type { Reservation } from "./placement/reservation.ts";
import { Timers } from "./timers.ts";

export type TaskKey = string;
export type ClientId = string;
export type WorkerId = string;

/** One call of a registered function. Small on purpose: a million of them may be queued. */
export type Task = {
  readonly key: TaskKey;
  readonly spec: Spec;
  readonly args: Payload;
  /** Place in the order of submission. */
  readonly order: number;
  /** The keys that the arguments refer to, by position. */
  readonly inputKeys: readonly TaskKey[] | undefined;
  /** Those tasks, while this one may still need their values. */
  inputs: readonly Task[] | undefined;
  state: TaskState;
  /** Attempts dispatched so far; an answer that carries another number is stale. */
  attempt: number;
  /** Attempts that threw or ran out of time, counted against `retries`. */
  failures: number;
  /** Tasks that still need this one's value: every dependent that is not finished or cancelled. */
  dependents: SmallSet<Task>;
  /** The clients that hold a future of it. */
  wantedBy: SmallSet<Client>;
  /** Fire and forget, by this client: it runs to its end whether or not anyone wants it. */
  detachedBy: Client | undefined;
  /** It was on a worker that was lost, and may have been what ended it: dispatched alone now. */
  suspect: boolean;
  /** The workers that were lost while it was executing there, each with how it ended. */
  losses: Loss[] | undefined;
  /** Not after this moment, unless it has started; undefined for ever. */
  expiresAt: number | undefined;
  progress: { fraction: number; text?: string } | undefined;
};

/** Where a task is. Each variant holds what is true in that state and nothing else. */
export type TaskState =
  | { readonly at: "new" }
  | { readonly at: "waiting"; missing: number; readonly until: number | undefined }
  | { readonly at: "ready" }
  | { readonly at: "running"; readonly dispatch: Dispatch }
  /** Its value is kept here. */
  | {
      readonly at: "finished";
      readonly value: Payload;
      readonly bytes: number;
      readonly holders: undefined;
    }
  /** Its value stays on workers; never on none. */
  | {
      readonly at: "finished";
      readonly value: undefined;
      readonly bytes: number;
      readonly holders: Set<Worker>;
    }
  /** It had finished, and its value is gone; it can be made again, for what was made of it may be lost. */
  | { readonly at: "released" }
  | { readonly at: "failed"; readonly failure: Failure }
  /** `passedOn` is the reason that those hear which depend on it: it names who was cancelled first. */
  | {
      readonly at: "cancelled";
      readonly reason: string | undefined;
      readonly passedOn: string | undefined;
    }
  | { readonly at: "forgotten" };
export type TaskStateName = TaskState["at"];

export type Loss = { worker: string; how: string };

/** What tasks of one client, function and options share; kept while it has tasks. */
export type Spec = {
  readonly client: Client;
  readonly signature: string;
  readonly options: TaskOptions;
  readonly priority: number;
  readonly function: FunctionFacts;
  readonly constraint: PlacementConstraint;
  readonly lane: Lane;
  readonly heads: RunHeads;
  tasks: number;
};

/** Where tasks may run: shared by the lanes of all clients and priorities that ask for the same. */
export type PlacementConstraint = {
  readonly signature: string;
  readonly function: FunctionFacts;
  /** Names or hosts of the workers that may run it; undefined for any. */
  readonly workers: ReadonlySet<string> | undefined;
  readonly allowOtherWorkers: boolean;
  readonly resources: Resources | undefined;
  /** Where that is, as the workers here are: it changes with them. */
  site: Site;
  readonly lanes: Set<Lane>;
  /** `freeings` when no worker with a free slot could run it: none has come since if it is the same. */
  noneFreeAt: number | undefined;
  specs: number;
};

/** A function name and what has been seen of it. */
export type FunctionFacts = {
  readonly name: string;
  /** Mean time on a thread, newest weighing most; undefined until one call has finished. */
  meanMicros: number | undefined;
  /** Workers present that registered it. */
  workers: number;
  /** One did so once: another may come that does, so its tasks wait. */
  wasRegistered: boolean;
  /** Of its text, and which worker's that is: of the first that came while nobody had it. */
  digest: string | undefined;
  digestOf: string;
  constraints: number;
  readonly sites: Set<Site>;
  /** It was logged that nobody here can run some of its tasks: said once, not once for each. */
  warned: boolean;
  /** Since when tasks of it wait though nobody ever registered it. */
  unknownSince: number | undefined;
};

/** One attempt of a task on one worker, until the worker says how it ended. */
export type Dispatch = {
  readonly task: Task;
  readonly attempt: number;
  readonly worker: Worker;
  readonly at: number;
  /** What it was expected to take, so that the worker's backlog can be counted down again. */
  readonly estimateMicros: number;
  /** The worker said that it is executing. */
  started: boolean;
  withdrawing: boolean;
  /** No result is wanted: cancelled, and only its room on the worker is still waited for. */
  abandoned: boolean;
  /** It waits for its sub-tasks: neither its slot nor its resources are in use. */
  lent: boolean;
  /** The client inside it, once it has said something; see sub-tasks.ts. */
  inside: Client | undefined;
};

export type Worker = {
  readonly id: WorkerId;
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  readonly threads: number;
  readonly slots: number;
  readonly functions: ReadonlySet<string>;
  readonly resources: Resources;
  readonly joinedAt: number;
  readonly used: Record<string, number>;
  /** Everything sent to it that has not ended, by task key, oldest first. */
  readonly dispatches: Map<TaskKey, Dispatch>;
  /** How many of those have lent their slots. */
  lent: number;
  /** Those that have what they waited for and want their resources back, in the order they asked. */
  readonly regaining: Set<Dispatch>;
  /** Sum of the estimates of the dispatches that have not lent their slots. */
  backlogMicros: number;
  /** Its link is down; undefined when it is up. */
  awayUntil: number | undefined;
  /** It said that it is shutting down: nothing more is sent. */
  leaving: boolean;
  /** Its memory is full, as it says: no tasks are sent until it says otherwise. */
  paused: string | undefined;
  /** Where others fetch what it holds; undefined when nobody can. */
  readonly address: string | undefined;
  /** Most bytes of inputs and results that it can have in memory. */
  readonly memoryBytes: number;
  /** The tasks whose values it holds, and how much that is. */
  readonly holds: Set<Task>;
  heldBytes: number;
  /** Dispatches it was asked to give back and has not answered for: one request at a time. */
  withdrawals: number;
  /** `freeings` when nothing that waits on it could run on a worker with a free slot. */
  nothingToGiveAt: number | undefined;
  /** Whatever asks for the same resources as this task, which waits for long, gets none here. */
  reservedFor: Task | undefined;
  /** When it is looked at again whether what waits there would not better be elsewhere. */
  lookAgainAt: number | undefined;
  /** No dispatch has a lower priority than this. */
  lowestPriority: number;
  finished: number;
};

export type Client = {
  readonly id: ClientId;
  readonly name: string;
  readonly joinedAt: number;
  readonly specs: Map<string, Spec>;
  readonly lanes: Map<string, Lane>;
  awayUntil: number | undefined;
  gone: boolean;
  /** The task that it is inside of, and what follows from that; undefined for a program's client. */
  readonly within: Within | undefined;
};

/** What is true of the client inside a task, which lives as long as one attempt does. */
export type Within = {
  readonly dispatch: Dispatch;
  /** 1 inside a program's task, 2 inside a task of that, and so on up to a bound. */
  readonly depth: number;
  /** The program's client that it all began with: whose turn it is when its tasks are served. */
  readonly root: Client;
  /** The tasks that it wants, to be let go when it ends. */
  readonly wants: Set<Task>;
};

/** Names the habits of one scheduler; times in milliseconds, sizes in bytes. */
export type CoreOptions = {
  /** How long a client or worker whose link dropped may take to come back. Default 30,000. */
  graceMs: number;
  /** Results up to this many bytes ride inside `finished`; larger ones wait to be fetched. Default 64 KiB. */
  smallResultBytes: number;
  /** How long tasks of a name nobody registered wait after the newest worker joined. Default 3,000. */
  unknownTaskTimeoutMs: number;
  /** Losses of a worker during its execution that a task survives. Default 3. */
  maxWorkerLosses: number;
  /** Small results are kept up to this many bytes in all; past it they stay on workers too. Default 1 GiB. */
  keptBytes: number;
  /** Work sent to a worker beyond its free threads, as microseconds of expected time per slot. Default 5,000. */
  aheadMicros: number;
  /** Most tasks sent ahead, per slot, however short they are. Default 512. */
  maxAhead: number;
  /** Room is kept for a task that asks for much of a resource after twice this long. Default 2,000. */
  reservationMs: number;
  coordination: CoordinationLimits;
  /** Seed of the jitter in backoff, the only chance there is in the core. */
  seed: number;
  /** The names nearest to one that is not known, best first; pure. */
  nearestNames: (name: string, known: Iterable<string>) => readonly string[];
};

export const defaultCoreOptions: CoreOptions = {
  graceMs: 30_000,
  smallResultBytes: 64 * 1024,
  unknownTaskTimeoutMs: 3_000,
  maxWorkerLosses: 3,
  keptBytes: 1024 ** 3,
  aheadMicros: 5_000,
  maxAhead: 512,
  reservationMs: 2_000,
  coordination: defaultCoordinationLimits,
  seed: 1,
  nearestNames: () => [],
};

export type State = {
  readonly options: CoreOptions;
  readonly tasks: KeyTable<Task>;
  readonly workers: Map<WorkerId, Worker>;
  readonly clients: Map<ClientId, Client>;
  readonly functions: Map<string, FunctionFacts>;
  /** The names that a worker here has registered. */
  readonly registered: Set<string>;
  readonly constraints: Map<string, PlacementConstraint>;
  readonly sites: Map<string, Site>;
  /** The heads of `run` messages, by what they say. */
  readonly runHeads: Map<string, RunHeads>;
  /** Names and hosts of workers, those here and those asked for. */
  readonly namedWorkers: Map<string, NamedWorkers>;
  /** What wants tasks beside clients; see retention.ts. */
  readonly kept: Map<Task, SmallSet<Retention>>;
  /** Keeps for clients that are being told of tasks, by number; how many were made so far. */
  readonly offers: { readonly open: Map<Client, Map<number, Retention>>; made: number };
  readonly published: Map<string, Published>;
  /** Those that workers have still to answer for. */
  readonly restarts: Set<Restart>;
  /** Specs with an `unschedulableTimeoutMs` of which tasks became ready in this step. */
  readonly becameReady: Set<Spec>;
  /** Specs with a running timer for their `unschedulableTimeoutMs`. */
  readonly unschedulableTimers: Set<Spec>;
  /** Locks, semaphores, events, queues and variables. */
  readonly coordination: Coordination;
  readonly ready: ReadyQueue;
  readonly reservation: Reservation;
  /** Clients inside tasks that have ended in this step; empty between steps. */
  readonly ended: Client[];
  readonly timers: Timers;
  readonly history: History;
  /** How often there was a worker with a free slot, or more of one. */
  freeings: number;
  /** Workers with a free slot, the one that waited longest first. */
  readonly free: Set<Worker>;
  /** Workers without a free slot that may still be sent work ahead, likewise. */
  readonly open: Set<Worker>;
  /** Workers that have been sent more than they can run at once. */
  readonly surplus: Set<Worker>;
  /** Tasks by state, and all that were ever submitted, finished and failed. */
  readonly counts: Record<TaskStateName, number>;
  readonly totals: { submitted: number; finished: number; failed: number; dispatched: number };
  /**
   * By task, those made of its value that have finished and live on workers only: if they are lost,
   * it is needed again. Not its `dependents`, which need it now.
   */
  readonly descendants: Map<Task, Set<Task>>;
  /** Bytes of all values that are kept here; and whether workers were told to keep more of theirs. */
  keptBytes: number;
  sparing: boolean;
  /** By task, the workers that were asked to fetch a replica of its value and have not answered. */
  readonly replicaRequests: Map<Task, Set<Worker>>;
  readonly scatters: Set<Scatter>;
  /** The workers that leave. */
  readonly retirements: Map<Worker, Retirement>;
  /** How many workers ever joined, and when the newest did. */
  joins: number;
  lastJoinAt: number;
  /** When a worker last went, or said that it would. */
  lastDepartureAt: number;
  random: number;
};

export function createState(options: Partial<CoreOptions> = {}): State {
  const all = { ...defaultCoreOptions, ...options };
  return {
    options: all,
    tasks: new KeyTable(),
    workers: new Map(),
    clients: new Map(),
    functions: new Map(),
    registered: new Set(),
    constraints: new Map(),
    sites: new Map(),
    runHeads: new Map(),
    namedWorkers: new Map(),
    kept: new Map(),
    offers: { open: new Map(), made: 0 },
    published: new Map(),
    restarts: new Set(),
    becameReady: new Set(),
    unschedulableTimers: new Set(),
    coordination: createCoordination(),
    ready: new ReadyQueue(),
    reservation: { oldest: undefined, worker: undefined, watched: false },
    ended: [],
    timers: new Timers(),
    history: new History(),
    freeings: 0,
    free: new Set(),
    open: new Set(),
    surplus: new Set(),
    counts: {
      new: 0,
      waiting: 0,
      ready: 0,
      running: 0,
      finished: 0,
      released: 0,
      failed: 0,
      cancelled: 0,
      forgotten: 0,
    },
    totals: { submitted: 0, finished: 0, failed: 0, dispatched: 0 },
    descendants: new Map(),
    keptBytes: 0,
    sparing: false,
    replicaRequests: new Map(),
    scatters: new Set(),
    retirements: new Map(),
    joins: 0,
    lastJoinAt: 0,
    lastDepartureAt: 0,
    random: all.seed >>> 0,
  };
}
