// What the scheduler knows, as plain data: tasks, workers, clients, and what connects them. Only `step`
// (step.ts) changes it. The README.md beside this file has the words that are used here.

import { KeyTable } from "../../src/key-table.ts";
import type { JobStep } from "../../src/wire/lifetimes.ts";
import type { Failure, Resources, TaskOptions } from "../../src/wire/protocol.ts";
import type { Payload } from "../../src/payload/payload.ts";
import {
  createCoordination,
  defaultCoordinationLimits,
  type Coordination,
  type CoordinationLimits,
} from "./coordination/things.ts";
import type { Keep } from "./clients/keeping.ts";
import { createLedger, type Ledger } from "./memory/ledger.ts";
import type { Line } from "./structures/line.ts";
import type { SmallSet } from "./structures/small-set.ts";
import { History } from "./tasks/history.ts";
import type { Feed } from "./clients/feeds.ts";
import type { Retention } from "./clients/retention.ts";
import { createLimits, type Limit, type Limits } from "./placement/limits.ts";
import type { Lane } from "./placement/lanes.ts";
import type { Published } from "./clients/published.ts";
import type { RunHeads } from "./tasks/run-heads.ts";
import { createSchedules, type Schedules } from "./schedules/schedules.ts";
import { ReadyQueue } from "./placement/ready-queue.ts";
import type { Vigil } from "./placement/no-workers.ts";
import type { Departure } from "./workers/departures.ts";
import type { Repertoire } from "./workers/repertoires.ts";
import type { Restart } from "./workers/restart.ts";
import type { Retirement } from "./workers/retiring.ts";
import { createScatters, type Scatters } from "./values/scatters.ts";
import {
  createRosters,
  type Ask,
  type NamedWorkers,
  type Roster,
  type Rosters,
} from "./placement/rosters.ts";
import type { Site } from "./placement/sites.ts";
import type { Reservation } from "./placement/reservation.ts";
import type { Suspects } from "./placement/suspects.ts";
import type { TimeLimit } from "./time-limit.ts";
import { Timers, type Timer } from "./timers.ts";

export type TaskKey = string;
export type ClientId = string;
export type WorkerId = string;

/** One call of a registered function. Small on purpose: a million of them may be queued. */
export type Task = {
  readonly key: TaskKey;
  /** Another one when the task becomes more urgent. */
  spec: Spec;
  /** The tasks of the same spec before and after it. */
  ahead: Task | undefined;
  behind: Task | undefined;
  /** Empty when the task is forgotten: a lane may have it for a while, or an attempt that has to end. */
  args: Payload;
  /** Number of the task in the order of submission. */
  readonly order: number;
  readonly submission: Submission;
  /** The keys that the arguments refer to, by position. */
  inputKeys: readonly TaskKey[] | undefined;
  /** The tasks of these keys, while this one may still need their values. */
  inputs: readonly Task[] | undefined;
  state: TaskState;
  /** Number of the newest dispatch; an answer that carries another number is stale. */
  attempt: number;
  /** Dispatches that began to execute, as far as is known. */
  starts: number;
  /** Attempts that threw or ran out of time, counted against `retries`. */
  failures: number;
  /** Tasks that still need the value of this one: dependents that are not finished or cancelled. */
  dependents: SmallSet<Task>;
  /** The clients that hold a future of it. */
  wantedBy: SmallSet<Client>;
  /** Fire and forget, by this client: the task runs to its end whether or not a client wants it. */
  detachedBy: Client | undefined;
  /** Losses that it may have caused, as others may: it is a suspect, which runs apart; see suspects.ts. */
  suspicions: number;
  /** The losses of a worker or thread on which nothing but it or its sub-tasks was executing. */
  losses: Loss[] | undefined;
  /** It fails if it has not started by then; undefined when it may start at any time. */
  expiresAt: number | undefined;
  progress: { fraction: number; text?: string } | undefined;
};

/** When tasks were submitted: one object for those of the same moment, which costs each a pointer. */
export type Submission = { readonly at: number };

/** Where a task is. Each variant has the fields that mean something in that state, and no others. */
export type TaskState =
  | { readonly at: "new" }
  /** For inputs, of which so many are `missing`, or for a moment. */
  | { readonly at: "waiting"; missing: number; until: number | undefined }
  | { readonly at: "ready" }
  | { readonly at: "running"; readonly dispatch: Dispatch }
  /** With its value in the scheduler. */
  | {
      readonly at: "finished";
      readonly value: Payload;
      readonly bytes: number;
      readonly holders: undefined;
    }
  /** With its value on workers, on one at least. */
  | {
      readonly at: "finished";
      readonly value: undefined;
      readonly bytes: number;
      readonly holders: Set<Worker>;
    }
  /** Finished once, and without its value now. It runs again when the values made of it are lost. */
  | { readonly at: "released" }
  | { readonly at: "failed"; readonly failure: Failure }
  /** `passedOn` is the reason for its dependents: it names the task that was cancelled first. */
  | {
      readonly at: "cancelled";
      readonly reason: string | undefined;
      readonly passedOn: string | undefined;
    }
  | { readonly at: "forgotten" };
export type TaskStateName = TaskState["at"];

/** Loss of the worker of this name; `how` says how it ended. */
export type Loss = { worker: string; how: string };

/** What the tasks of one client, function and options share. It is there while it has tasks. */
export type Spec = {
  readonly client: Client;
  readonly signature: string;
  readonly options: TaskOptions;
  readonly priority: number;
  readonly function: FunctionFacts;
  readonly constraint: PlacementConstraint;
  readonly lane: Lane;
  readonly heads: RunHeads;
  readonly tasks: Line<Task>;
  /** A message that brings tasks of it is being read: it stays until the end of that. */
  inUse: number;
};

/** Where tasks may run. Lanes of all clients and priorities that ask for the same share one. */
export type PlacementConstraint = {
  readonly signature: string;
  readonly function: FunctionFacts;
  /** Names, hosts or ids of the workers that may run it; undefined for any. */
  readonly workers: ReadonlySet<string> | undefined;
  readonly allowOtherWorkers: boolean;
  readonly resources: Resources | undefined;
  /** A worker that runs it has all of these, which are sorted; undefined when there are none. */
  readonly tags: readonly string[] | undefined;
  /** How many may run or start in the whole cluster; undefined for any number. */
  readonly limit: Limit | undefined;
  /** The function, the names unless others are allowed, and the tags. */
  readonly ask: Ask;
  /** The workers that this means now: another site when workers come and go. */
  site: Site;
  readonly lanes: Set<Lane>;
  /** `slotsFreed` when no worker with a free slot could run it. While that is the same, none can. */
  noFreeWorkerAt: number | undefined;
  specs: number;
};

/** What is known of a function: of each registered name, and of each digest that workers registered or clients passed. */
export type FunctionFacts = {
  /** The registered name, or made of the digest; see `functionKey`. */
  readonly key: string;
  /** For people, when it is known by its digest. */
  readonly name: string;
  /** It is known by its digest, as the functions that clients pass are. */
  readonly passed: boolean;
  /** Mean time of a call on a thread, recent calls weighing most; undefined before the first. */
  meanMicros: number | undefined;
  /** How many of the workers here registered it. */
  workers: number;
  /** A worker registered it once. Tasks then wait for another one, however long. */
  wasRegistered: boolean;
  /** Its digest on the first of the workers here, and the name of that worker. */
  digest: string | undefined;
  digestOf: string;
  constraints: number;
  /** What is asked for with it alone; with tags besides; and with names of workers. */
  readonly ask: Ask;
  readonly tagged: Set<Ask>;
  readonly named: Set<Ask>;
  /** A warning that some of its tasks are unschedulable was logged: once, not once for each task. */
  warned: boolean;
  /** When the first of its tasks was found to wait, though no worker ever registered it. */
  unknownSince: number | undefined;
};

/** One attempt of a task on one worker, until the worker says how it ended. */
export type Dispatch = {
  readonly task: Task;
  readonly attempt: number;
  readonly worker: Worker;
  readonly at: number;
  /** Its part of the worker's `backlogMicros`. */
  readonly estimateMicros: number;
  /** It began to execute, as far as is known. */
  started: boolean;
  /** Its task was a suspect when it was sent. */
  readonly suspect: boolean;
  /** It keeps all others off its worker, which is `closedFor` its task. */
  closes: boolean;
  /** The worker was asked to give it back unstarted, and has not answered. */
  withdrawing: boolean;
  /** Its result is not wanted. It takes room on the worker until the worker says that it ended. */
  abandoned: boolean;
  /** Bytes of its output that are on their way to the client and not taken. */
  untakenBytes: number;
  /** It waits for its sub-tasks, and uses neither its slot nor its resources. */
  lent: boolean;
  /** The client inside the task, once it has sent a message; see sub-tasks.ts. */
  inside: Client | undefined;
  /** The client that was inside, while it holds leases though the attempt was cancelled. */
  leases: Client | undefined;
};

export type Worker = {
  readonly id: WorkerId;
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  readonly threads: number;
  readonly slots: number;
  readonly repertoire: Repertoire;
  readonly resources: Resources;
  readonly tags: ReadonlySet<string>;
  /** What it could run, but for resources; and what it adds to the sums of these. */
  readonly rosters: Set<Roster>;
  readonly mark: number;
  readonly joinedAt: number;
  readonly used: Record<string, number>;
  /** Attempts sent to it that have not ended, by task key, oldest first. */
  readonly dispatches: Map<TaskKey, Dispatch>;
  /** How many of these have lent their slots. */
  lent: number;
  /** Those of them that wait to get their resources back, in the order in which they asked. */
  readonly regaining: Set<Dispatch>;
  /** Dispatches of suspects that have not lent their slots. */
  suspects: number;
  /** It is emptied for this suspect, or runs it alone, and is sent nothing else. */
  closedFor: Task | undefined;
  /** Sum of the estimates of all dispatches that have not lent their slots. */
  backlogMicros: number;
  /** End of its grace period, while its link is down. */
  awayUntil: number | undefined;
  /** It is shutting down, and is sent no more tasks. */
  leaving: boolean;
  /** Why it takes no tasks for now, in its own words: its memory is full. */
  paused: string | undefined;
  /** Where other workers fetch the values it holds; undefined when they cannot. */
  readonly address: string | undefined;
  /** The version of this package that it runs, for people. */
  readonly version: string | undefined;
  /** Most bytes of inputs and results that it can have in memory. */
  readonly memoryBytes: number;
  /** The step of a batch job that it runs in. */
  readonly job: JobStep | undefined;
  /** What still runs then is given back; undefined when no end is known. */
  readonly endsAt: number | undefined;
  /** The tasks whose values it was asked to copy and has not answered for. */
  readonly copying: Set<Task>;
  /** The tasks whose values it holds, and the bytes of these. */
  readonly holds: Set<Task>;
  heldBytes: number;
  /** Dispatches with `withdrawing` set. No more are asked for until there are none. */
  withdrawals: number;
  /** `slotsFreed` when no free worker could run what waits here. While that is the same, none can. */
  nothingToWithdrawAt: number | undefined;
  /** Room here is reserved for this task: others that need the same resources do not run here. */
  reservedFor: Task | undefined;
  /** When the tasks that wait here are next compared with what other workers could offer. */
  lookAgainAt: number | undefined;
  /** A bound: no dispatch has a lower priority. */
  lowestPriority: number;
  /** Calls that it has finished. */
  finished: number;
};

export type Client = {
  readonly id: ClientId;
  readonly name: string;
  readonly joinedAt: number;
  readonly specs: Map<string, Spec>;
  readonly lanes: Map<string, Lane>;
  /** The tasks that it wants though another client submitted them. */
  readonly wantsOfOthers: Set<Task>;
  /** End of its grace period, while its link is down. */
  awayUntil: number | undefined;
  gone: boolean;
  /** Its token only allows to look; see `src/wire/rights.ts`. */
  readonly onlyLooks: boolean;
  /** Where the client of a task runs; undefined for a program's client. */
  readonly within: Within | undefined;
};

/** The attempt of a task that a client runs inside of, and ends with. */
export type Within = {
  readonly dispatch: Dispatch;
  /** 1 inside a program's task, 2 inside a task of that one, and so on up to a bound. */
  readonly depth: number;
  /** The program's client at the root. Its lanes hold the sub-tasks, so that programs take turns. */
  readonly root: Client;
  /** The tasks that the client wants: what its own task may be waiting for. */
  readonly wants: Set<Task>;
};

/** Settings of one scheduler: times in milliseconds, sizes in bytes. */
export type CoreOptions = {
  /** How long a client or worker whose link dropped may take to come back. Default 30,000. */
  graceMs: number;
  /** How long a client may be silent on an open connection, as a busy program is. Default 600,000. */
  clientGraceMs: number;
  /** Results up to this many bytes are part of `finished`; larger ones are fetched. Default 64 KiB. */
  smallResultBytes: number;
  /** How long tasks of a function that nobody registered wait after the newest worker joined. Default 3,000. */
  unknownTaskTimeoutMs: number;
  /** How long tasks wait while there is no worker at all. Default: without a limit. */
  workerTimeoutMs: number | undefined;
  /** Losses of a worker during its execution after which a task fails. Default 3. */
  maxWorkerLosses: number;
  /** Small results are kept up to this many bytes in all; past it they stay on workers too. Default 1 GiB. */
  keptBytes: number;
  /** Bytes that the state may take in memory, and on the heap of it. Near these, nothing new is taken. Default: 8 GiB. */
  memoryBytes: number;
  heapBytes: number;
  /** Work sent to a worker beyond its free threads, as microseconds of expected time per slot. Default 5,000. */
  aheadMicros: number;
  /** Most tasks sent ahead, per slot, however short they are. Default 512. */
  maxAhead: number;
  /** Time between reviews of the reservation: a task gets one after two of them. Default 2,000. */
  reservationMs: number;
  coordination: CoordinationLimits;
  /** Seed of the jitter in backoff, the only randomness in the core. */
  seed: number;
  /** The names most like one that is not known, best first. A pure function. */
  nearestNames: (name: string, known: Iterable<string>) => readonly string[];
};

export const defaultCoreOptions: CoreOptions = {
  graceMs: 30_000,
  clientGraceMs: 600_000,
  smallResultBytes: 64 * 1024,
  unknownTaskTimeoutMs: 3_000,
  workerTimeoutMs: undefined,
  maxWorkerLosses: 3,
  keptBytes: 1024 ** 3,
  memoryBytes: 8 * 1024 ** 3,
  heapBytes: 8 * 1024 ** 3,
  aheadMicros: 5_000,
  maxAhead: 512,
  reservationMs: 2_000,
  coordination: defaultCoordinationLimits,
  seed: 1,
  nearestNames: noNames,
};

export function noNames(): readonly string[] {
  return [];
}

export type State = {
  readonly options: CoreOptions;
  readonly tasks: KeyTable<Task>;
  readonly workers: Map<WorkerId, Worker>;
  readonly clients: Map<ClientId, Client>;

  // Tasks: see tasks/.
  /** By state; and how many were ever submitted, finished, failed and dispatched. */
  readonly counts: Record<TaskStateName, number>;
  readonly totals: { submitted: number; finished: number; failed: number; dispatched: number };
  readonly functions: Map<string, FunctionFacts>;
  readonly history: History;
  /** The newest. */
  submission: Submission;

  // Placement: see placement/.
  readonly constraints: Map<string, PlacementConstraint>;
  readonly rosters: Rosters;
  readonly sites: Map<string, Site>;
  /** The heads of `run` messages, by what they say. */
  readonly runHeads: Map<string, RunHeads>;
  /** Names and hosts of workers, those here and those asked for. */
  readonly namedWorkers: Map<string, NamedWorkers>;
  readonly ready: ReadyQueue;
  /** Workers with a free slot, the one that waited longest first. */
  readonly free: Set<Worker>;
  /** Workers without a free slot that may still be sent work ahead, likewise. */
  readonly openAhead: Set<Worker>;
  /** Workers that have been sent more than they can run at once. */
  readonly surplus: Set<Worker>;
  /** So many of these are to be looked at until all have been, one after another, and none had anything to give. */
  surplusLeft: number;
  /** A version of `free`: counts the times that a worker had a free slot, or one more of them. */
  slotsFreed: number;
  readonly reservation: Reservation;
  readonly limits: Limits;
  readonly suspects: Suspects;
  /** Specs with an `unschedulableTimeoutMs` of which tasks became ready in this step. */
  readonly becameReady: Set<Spec>;
  /** The running timers for the `unschedulableTimeoutMs` of specs. */
  readonly unschedulableTimers: Map<Spec, Timer>;
  /** Tasks whose inputs are larger than the memory of every worker here, and until when they are held back. */
  readonly tooLarge: Map<Task, number>;

  /** Tasks wait, and there is no worker: see no-workers.ts. */
  vigil: Vigil | undefined;
  /** Why no worker is coming, once that is known, until one joins. */
  noWorkerComing: string | undefined;
  /** The time limit of the scheduler's job, once it is near: see time-limit.ts. */
  timeLimit: TimeLimit | undefined;
  /** Why no worker will come, while whoever starts workers says so. */
  noMoreWorkers: string | undefined;

  // Values: see values/.
  /**
   * By task, the finished tasks that it was an input of and whose values are on workers only. When
   * these are lost it is needed again. `dependents` are the tasks that need it now.
   */
  readonly descendants: Map<Task, Set<Task>>;
  /** Bytes of all values that are kept here; and whether workers were told to hold small ones too. */
  keptBytes: number;
  offloading: boolean;
  /** By task, the workers that were asked to fetch a replica of its value and have not answered. */
  readonly replicaRequests: Map<Task, Set<Worker>>;
  readonly scatters: Scatters;

  // Clients: see clients/, coordination/ and schedules/.
  /** What needs tasks besides clients; see retention.ts. */
  readonly retentions: Map<Task, SmallSet<Retention>>;
  /** Tasks with a `keepMs`, which are kept for so long after they settled. */
  readonly kept: Map<Task, Keep>;
  /** Retentions for clients that are being told of tasks, by number; how many were made so far. */
  readonly offers: { readonly open: Map<Client, Map<number, Retention>>; made: number };
  readonly published: Map<string, Published>;
  /** Who hears of what happens: see feeds.ts. */
  readonly feeds: Set<Feed>;
  /** Events of all feeds that are not known to be read. */
  unreadEvents: number;
  /** Locks, semaphores, events, queues and variables. */
  readonly coordination: Coordination;
  readonly schedules: Schedules;
  /** Tasks whose inputs are to become as urgent as they are, in this step; empty between steps. */
  readonly hurrying: Set<Task>;
  /** Clients inside tasks that ended in this step; empty between steps. */
  readonly endedClients: Client[];

  // Workers: see workers/.
  /** What the workers here have registered. */
  readonly repertoires: Map<string, Repertoire>;
  /** The names of functions that a worker here has registered. */
  readonly registered: Set<string>;
  /** Restarts that workers have still to answer. */
  readonly restarts: Set<Restart>;
  /** The workers that leave, or were asked to. */
  readonly retirements: Map<Worker, Retirement>;
  /** Those of them that leave and were not told that they may go. */
  readonly leaving: Set<Worker>;
  /** By name, how the newest of the workers went that are not here: see departures.ts. */
  readonly departures: Map<string, Departure>;
  /** How often workers said that they could not start. */
  failedStarts: number;
  /** How many workers ever joined, and when the newest did. */
  joins: number;
  lastJoinAt: number;
  /** When a worker last went, or said that it would. */
  lastDepartureAt: number;

  /** What all of this takes in memory: see memory/. */
  readonly ledger: Ledger;
  readonly timers: Timers;
  /** Those of moments by the wall clock. */
  readonly wallTimers: Timers;
  /** How far the wall clock is ahead of the clock of the core, as was last told. */
  wallAheadMs: number;
  random: number;
};

export function createState(options: Partial<CoreOptions> = {}): State {
  const all = { ...defaultCoreOptions, ...options };
  const tasks = new KeyTable<Task>();
  return {
    options: all,
    tasks,
    workers: new Map(),
    clients: new Map(),
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
    functions: new Map(),
    history: new History(),
    submission: { at: 0 },
    constraints: new Map(),
    rosters: createRosters(),
    sites: new Map(),
    runHeads: new Map(),
    namedWorkers: new Map(),
    ready: new ReadyQueue(),
    free: new Set(),
    openAhead: new Set(),
    surplus: new Set(),
    surplusLeft: 0,
    slotsFreed: 0,
    suspects: {
      parked: new Set(),
      alone: new Set(),
      limited: new Set(),
      clearing: undefined,
      lookedAt: undefined,
    },
    limits: createLimits(),
    reservation: { oldest: undefined, worker: undefined, isScheduled: false },
    becameReady: new Set(),
    unschedulableTimers: new Map(),
    tooLarge: new Map(),
    vigil: undefined,
    noWorkerComing: undefined,
    timeLimit: undefined,
    noMoreWorkers: undefined,
    descendants: new Map(),
    keptBytes: 0,
    offloading: false,
    replicaRequests: new Map(),
    scatters: createScatters(),
    retentions: new Map(),
    kept: new Map(),
    offers: { open: new Map(), made: 0 },
    published: new Map(),
    feeds: new Set(),
    unreadEvents: 0,
    coordination: createCoordination(),
    schedules: createSchedules(),
    hurrying: new Set(),
    endedClients: [],
    repertoires: new Map(),
    registered: new Set(),
    restarts: new Set(),
    retirements: new Map(),
    leaving: new Set(),
    departures: new Map(),
    failedStarts: 0,
    joins: 0,
    lastJoinAt: 0,
    lastDepartureAt: 0,
    ledger: createLedger(),
    timers: new Timers(tasks),
    wallTimers: new Timers(tasks),
    wallAheadMs: 0,
    random: all.seed >>> 0,
  };
}
