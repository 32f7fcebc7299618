// The words the roles speak: one union of messages per direction, each message opening with who
// sends it and when. The schemas here are the boundary: what passes them is trusted inside.
//
// Messages that concern many tasks are columns, not rows: `keys[i]` goes with `args[i]`. A name or
// an option that a thousand tasks share is then said once, which is most of what makes a frame
// small and quick to parse. Every column of a message has the same length; `checkColumns` sees to it.

import { Type, type Static } from "typebox";
import { GiveBack, Took } from "./coordination.ts";
import { limits } from "./limits.ts";
import {
  Attempt,
  attemptsOf,
  column,
  Count,
  Digest,
  FailureSchema,
  Key,
  keysOf,
  Milliseconds,
  Name,
  PayloadColumn,
  PayloadSchema,
  Text,
} from "./parts.ts";
import * as events from "./events.ts";
import { EndedWorkerFields, Ending, How, JobStepSchema } from "./lifetimes.ts";
import * as output from "./output.ts";
import type { AnswerMessage, RequestMessage } from "./requests.ts";
import * as results from "./results.ts";
import { rights } from "./rights.ts";
import * as subTasks from "./sub-tasks.ts";
import { ResourcesSchema, RunOptionsSchema, TaskOptionsSchema } from "./task-options.ts";

export type { Failure } from "./parts.ts";
export type { AnswerMessage, RequestMessage } from "./requests.ts";
export type { Reference, StoredAtWorker } from "./results.ts";
export type { RateLimit, Resources, Retries, TaskOptions } from "./task-options.ts";

/** Raised when a message changes its meaning; a peer of another version is refused at its challenge (`proof.ts`). */
export const PROTOCOL_VERSION = 6;

// ── The handshake: the first message of each side after the proofs, on every link ────────────────

const identity = {
  type: Type.Literal("hello"),
  protocol: Type.Integer(),
  /** Minted once per process: presenting it again within the grace period resumes the link. */
  id: Key,
  /**
   * Grows with each attempt of the peer to connect: one that was given up may arrive after the next, and
   * must not take its place. Default: 0.
   */
  attempt: Type.Optional(Count),
  /** The scheduler that welcomed it to the session it would go on with; none at first. */
  resumes: Type.Optional(Key),
  /**
   * The attempt that began that session: one that was given up may have begun another meanwhile, in which what was
   * received before counts for nothing. Default: whichever session there is.
   */
  session: Type.Optional(Count),
  /** Messages received so far in that session; the scheduler sends again what came after. */
  received: Count,
  /** The scheduler that a scheduler file promised; another one refuses, for the file is stale. */
  scheduler: Type.Optional(Key),
};

/** A worker of the same name before this one: its process, and how that ended, in words. */
const PredecessorSchema = Type.Object({ pid: Count, how: How });
export type Predecessor = Static<typeof PredecessorSchema>;

/** From a client or a worker, once after the socket opens. */
export const HelloSchema = Type.Union([
  Type.Object({ ...identity, role: Type.Literal("client"), name: Name }),
  Type.Object({
    ...identity,
    role: Type.Literal("worker"),
    name: Name,
    host: Name,
    pid: Count,
    threads: Type.Integer({ minimum: 1, maximum: limits.slots }),
    /** Tasks it runs at once: threads × concurrency. */
    slots: Type.Integer({ minimum: 1, maximum: limits.slots }),
    resources: ResourcesSchema,
    tags: Type.Optional(Type.Array(Name, { maxItems: limits.tags })),
    functions: Type.Array(Name, { minItems: 1, maxItems: limits.functions }),
    /** Of each function: under one name there should be one, and functions that are passed are found by it. */
    digests: Type.Optional(Type.Array(Digest, { maxItems: limits.functions })),
    /** The process that starts it anew when it dies; its successor then says how it did. */
    supervisor: Type.Optional(Count),
    predecessor: Type.Optional(PredecessorSchema),
    /** Where other workers and clients fetch the results that it holds: ws://… */
    address: Type.Optional(results.Address),
    /** The version of this package, for people: those of one protocol version understand each other. */
    version: Type.Optional(Text),
    /** Most bytes of results and inputs that it keeps in memory. */
    memoryBytes: Type.Optional(Count),
    /** The batch job that it runs in. */
    job: Type.Optional(JobStepSchema),
    /** Its time left: what still runs then is given back. Not a date, since clocks differ. */
    endsInMs: Type.Optional(Milliseconds),
  }),
  Type.Object({ ...identity, role: Type.Literal("ended-worker"), ...EndedWorkerFields }),
]);
export type Hello = Static<typeof HelloSchema>;
export type WorkerHello = Extract<Hello, { role: "worker" }>;
export type ClientHello = Extract<Hello, { role: "client" }>;

/** From the scheduler, in answer to a hello. */
export const WelcomeSchema = Type.Union([
  Type.Object({
    type: Type.Literal("welcome"),
    scheduler: Key,
    /** False when the scheduler does not know this session: what was under way is lost. */
    resumed: Type.Boolean(),
    received: Count,
    heartbeatMs: Milliseconds,
    graceMs: Milliseconds,
    smallResultBytes: Count,
    frameBytes: Count,
    /** With a journal: how long to look for the next scheduler on it, when this one is gone. */
    absenceMs: Type.Optional(Milliseconds),
    /** The version of this package that the scheduler runs, and its time, in milliseconds since 1970. */
    version: Type.Optional(Text),
    at: Type.Optional(Milliseconds),
    /** What the token of the peer allows; without it everything. */
    right: Type.Optional(Type.Enum(rights)),
  }),
  Type.Object({ type: Type.Literal("refused"), code: Type.String(), message: Text }),
]);
export type WelcomeOrRefused = Static<typeof WelcomeSchema>;
export type Welcome = Extract<WelcomeOrRefused, { type: "welcome" }>;

// ── Client → scheduler ───────────────────────────────────────────────────────────────────────────

/** From a client: new tasks of one function under one set of options. */
const Submit = Type.Object({
  type: Type.Literal("submit"),
  name: Name,
  /** Of a function that was passed: the one with this digest is meant, whatever its registered name. */
  digest: Type.Optional(Digest),
  options: Type.Optional(TaskOptionsSchema),
  keys: column(Key),
  /** Each the payload of an array of arguments. */
  args: PayloadColumn,
  /** The keys of the futures found inside each `args`, which refers to them by position. */
  inputs: Type.Optional(column(Type.Array(Key, { maxItems: limits.inputs }))),
});
/** From a client: these futures are not wanted any more; ends the tasks unless others want them. */
const CancelByClient = Type.Object({
  type: Type.Literal("cancel"),
  keys: column(Key),
  reason: Type.Optional(Text),
  /** End it for the other clients too. */
  force: Type.Optional(Type.Boolean()),
});
/** From a client: its last handles on these tasks are gone. */
const Release = keysOf("release");
/** From a client: run these failed tasks again, and the failed tasks they failed because of. */
const Retry = keysOf("retry");
/** From a client: run these to the end whether or not anyone holds a future of them. */
const Detach = keysOf("detach");
/** From a client: send the values of these finished tasks, which were too large to ride along. */
const Fetch = keysOf("fetch");
/** From a client: it holds futures now of the tasks whose keys came with this offer. */
const Take = Type.Object({ type: Type.Literal("take"), offer: Count });
/** From a client: cancel every task of everybody, and end; answered by goodbyes. */
const Shutdown = Type.Object({ type: Type.Literal("shutdown"), reason: Type.Optional(Text) });
export const FromClientSchema = Type.Union([
  Submit,
  CancelByClient,
  Release,
  Retry,
  Detach,
  Fetch,
  Take,
  Shutdown,
  Took,
  GiveBack,
  events.EventsRead,
  events.EventsEnd,
  output.OutputTaken,
]);
/** What stands for itself, and the requests that are answered; see `requests.ts`. */
export type FromClient = Static<typeof FromClientSchema> | RequestMessage;

// ── Scheduler → client ───────────────────────────────────────────────────────────────────────────

/** To every client that wants them: these tasks have their values. */
const FinishedToClient = Type.Object({
  type: Type.Literal("finished"),
  keys: column(Key),
  values: PayloadColumn,
});
/** To every client that wants them: finished, but too large to send unasked; see `fetch`. */
const Stored = Type.Object({
  type: Type.Literal("stored"),
  keys: column(Key),
  bytes: column(Count),
  /** For each, who has it in memory: worker names, or "scheduler". */
  holders: column(Type.Array(Name)),
});
/** To every client that wants them: these tasks failed, all for one reason. */
const FailedToClient = Type.Object({
  type: Type.Literal("failed"),
  keys: column(Key),
  failure: FailureSchema,
});
/** To every client that wants them: these tasks were cancelled. */
const CancelledToClient = Type.Object({
  type: Type.Literal("cancelled"),
  keys: column(Key),
  reason: Type.Optional(Text),
});
/** To one client, in answer to `fetch`: the scheduler had it. */
const Fetched = Type.Object({ type: Type.Literal("fetched"), key: Key, value: PayloadSchema });
/** To one client, in answer to `retry`: these tasks are under way again. */
const Reopened = keysOf("reopened");
export const ToClientSchema = Type.Union([
  FinishedToClient,
  Stored,
  FailedToClient,
  CancelledToClient,
  results.Lost,
  results.Located,
  Fetched,
  Reopened,
  Ending,
  events.EventsToClient,
  output.OutputToClient,
]);
export type ToClient = Static<typeof ToClientSchema> | AnswerMessage;

// ── Scheduler → worker ───────────────────────────────────────────────────────────────────────────

/** To a worker: run these tasks of one function, in this order unless priorities differ. */
const Run = Type.Object({
  type: Type.Literal("run"),
  name: Name,
  /** As in `submit`; `name` is then for people. */
  digest: Type.Optional(Digest),
  keys: column(Key),
  attempts: column(Attempt),
  /** How often each had begun before, for the tasks to see; none when all are one less than `attempts`. */
  starts: Type.Optional(column(Count)),
  args: PayloadColumn,
  /** The values of the futures that each `args` refers to by position. */
  inputs: Type.Optional(column(Type.Array(Type.Union([PayloadSchema, results.ReferenceSchema])))),
  peers: results.PeersSchema,
  priority: Type.Optional(Type.Integer()),
  options: Type.Optional(RunOptionsSchema),
  /** Say `started` before each begins: one of these may have taken a worker down. */
  announce: Type.Optional(Type.Boolean()),
  /** Each holds these, none perhaps, and lends them with its slot: it waits for `resume` before it goes on. */
  resources: Type.Optional(ResourcesSchema),
  /** Tasks of tasks, so deep: before shallower ones of the same priority. */
  depth: Type.Optional(Count),
});
/** To a worker: end these, running or not, and answer `stopped` when each is off its thread. */
const CancelByScheduler = Type.Object({
  type: Type.Literal("cancel"),
  keys: column(Key),
  attempts: column(Attempt),
  reason: Type.Optional(Text),
});
/** To a worker: give these back if they have not started; answered by `withdrawn`. */
const Withdraw = attemptsOf("withdraw");
/** To a worker: end the threads, whatever they do, and answer `restarted` when they are gone. */
const RestartThreads = Type.Object({ type: Type.Literal("restart") });

export const ToWorkerSchema = Type.Union([
  Run,
  CancelByScheduler,
  Withdraw,
  subTasks.Resume,
  subTasks.ToTask,
  output.OutputTaken,
  RestartThreads,
  results.Free,
  results.Copy,
  results.Keep,
  results.RetireByScheduler,
  results.Farewell,
]);
export type ToWorker = Static<typeof ToWorkerSchema>;
export type RunMessage = Static<typeof Run>;

// ── Worker → scheduler ───────────────────────────────────────────────────────────────────────────

/** From a worker: these attempts returned; `micros` is what each took on its thread. */
const FinishedByWorker = Type.Object({
  type: Type.Literal("finished"),
  keys: column(Key),
  attempts: column(Attempt),
  values: results.ValueColumn,
  micros: column(Count),
});
/** From a worker: this attempt threw, ran out of time, could not be encoded, or lost its thread. */
const FailedByWorker = Type.Object({
  type: Type.Literal("failed"),
  key: Key,
  attempt: Attempt,
  failure: FailureSchema,
  /** Its thread was lost with other calls that executed there: any of them may be the cause. */
  shared: Type.Optional(Type.Boolean()),
});
/** From a worker: these are executing: after a while for every long task, at once if announced. */
const Started = attemptsOf("started");
/** From a worker: given back unstarted, in answer to `withdraw`, or because it leaves or is paused. */
const Withdrawn = attemptsOf("withdrawn");
/** From a worker: off their threads. They were cancelled; or they were executing, and run elsewhere. */
const Stopped = attemptsOf("stopped");
/** From a worker: what a task said of itself by `currentTask().progress()`. */
const Progress = Type.Object({
  type: Type.Literal("progress"),
  key: Key,
  attempt: Attempt,
  fraction: Type.Number({ minimum: 0, maximum: 1 }),
  text: Type.Optional(Text),
});
/** From a worker, in answer to `restart`: the threads that there were are gone, with all they had. */
const Restarted = Type.Object({ type: Type.Literal("restarted") });
/** From a worker that shuts down: send no more; what runs is being finished. */
const Leaving = Type.Object({
  type: Type.Literal("leaving"),
  reason: Type.Optional(Text),
  /** It stays, as long as it can, while it holds what no other worker can take. */
  keeps: Type.Optional(Type.Boolean()),
});

export const FromWorkerSchema = Type.Union([
  FinishedByWorker,
  FailedByWorker,
  Started,
  Withdrawn,
  Stopped,
  Progress,
  output.Output,
  Restarted,
  subTasks.Lent,
  subTasks.Resuming,
  subTasks.FromTask,
  results.HeldByWorker,
  results.Missing,
  results.Paused,
  results.Resumed,
  Leaving,
]);
export type FromWorker = Static<typeof FromWorkerSchema>;
