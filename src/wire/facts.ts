// What a scheduler says of itself when asked: the results of the requests `info`, `workers`, `tasks` and `explain`.

import { Type, type Static } from "typebox";
import { DepartureSchema } from "./lifetimes.ts";
import { Count, Key, Milliseconds, Name, Text } from "./parts.ts";

export const taskStandings = [
  "waiting",
  "ready",
  "running",
  "finished",
  /** Its value was freed, and is computed again should a result made of it be lost. */
  "released",
  "failed",
  "cancelled",
] as const;
/** The state of a task. */
export type TaskStanding = (typeof taskStandings)[number];
export const TaskStandingSchema = Type.Unsafe<TaskStanding>(Type.Enum([...taskStandings]));

export const SchedulerInfoSchema = Type.Object({
  /** Tasks that somebody needs, by their state now. */
  tasks: Type.Object({
    waiting: Count,
    ready: Count,
    running: Count,
    finished: Count,
    released: Count,
    failed: Count,
    cancelled: Count,
  }),
  /** Since the scheduler started. */
  totals: Type.Object({ submitted: Count, finished: Count, failed: Count, dispatched: Count }),
  workers: Count,
  clients: Count,
  /** Tasks that all workers together run at once. */
  slots: Count,
  /** Names of the functions that a present worker has registered, sorted. */
  functions: Type.Array(Name),
  /** Names under which something is published, sorted. */
  published: Type.Array(Name),
  /** The newest of the workers that went or could not start, the newest last. */
  departures: Type.Array(DepartureSchema),
  /** What is kept in memory, of how much: "tight" is slowed down, and "full" is refused what is new. */
  memory: Type.Object({
    usedBytes: Count,
    limitBytes: Count,
    level: Type.Unsafe<"ample" | "tight" | "full">(Type.Enum(["ample", "tight", "full"])),
  }),
  /** How long anybody waits for a worker while there is none; absent without a limit. */
  workerTimeoutMs: Type.Optional(Milliseconds),
  /** Why no worker is coming, while that is known. */
  noWorkerComing: Type.Optional(Text),
});
export type SchedulerInfo = Static<typeof SchedulerInfoSchema>;

export const WorkerInfoSchema = Type.Object({
  id: Key,
  name: Name,
  host: Name,
  pid: Count,
  threads: Count,
  /** Tasks it runs at once: threads × concurrency. */
  slots: Count,
  /** Tasks sent to it that have not ended, those waiting behind others too. */
  tasks: Count,
  finished: Count,
  resources: Type.Record(Type.String(), Type.Object({ total: Type.Number(), used: Type.Number() })),
  /** What it is fit for, as it says itself, sorted. */
  tags: Type.Array(Name),
  functions: Type.Array(Name),
  /** Where others fetch what it holds; absent when they cannot. */
  address: Type.Optional(Text),
  /** The version of this package that it runs; absent when it does not say. */
  version: Type.Optional(Text),
  /** "away": its link is down, and it has its grace to come back. "paused": it takes no tasks for now. */
  status: Type.Unsafe<"up" | "away" | "paused" | "leaving">(
    Type.Enum(["up", "away", "paused", "leaving"]),
  ),
  /** Why it is paused, or why it has not left yet. */
  why: Type.Optional(Text),
  /** Results that it holds, for itself and for others, and how many bytes they have. */
  held: Type.Object({ results: Count, bytes: Count }),
  /** Milliseconds since 1970. */
  joinedAt: Milliseconds,
});
export type WorkerInfo = Static<typeof WorkerInfoSchema>;

/** Slots that tasks could use now, of those that ask for the same resources. */
export const DemandSchema = Type.Object({
  slots: Type.Number(),
  /** What each of these tasks asks for besides a slot. */
  resources: Type.Optional(Type.Record(Type.String(), Type.Number())),
});
export type Demand = Static<typeof DemandSchema>;

/** One task of a list of tasks. */
export const TaskInfoSchema = Type.Object({
  key: Key,
  /** Its number in the order of submission. */
  order: Count,
  function: Name,
  state: TaskStandingSchema,
  /** Name of the client that submitted it; of a task's own client `task` and the key of that task. */
  client: Type.String(),
  /** Absent when it is 0. */
  priority: Type.Optional(Type.Number()),
  /** Milliseconds since 1970. */
  submittedAt: Milliseconds,
  /** How often it began to execute, with the attempt that was sent to a worker. */
  attempt: Count,
  /** Name of the worker that it is on, while it runs. */
  worker: Type.Optional(Name),
  /** Size of its value, once it has finished. */
  bytes: Type.Optional(Count),
  /** Why it failed: code and message, the first line and not all of a long one. */
  error: Type.Optional(Text),
  /** Why it was cancelled, as short. */
  reason: Type.Optional(Text),
  /** With `keepMs`, once it has settled: until when it is kept, in milliseconds since 1970. */
  keptUntil: Type.Optional(Milliseconds),
});
export type TaskInfo = Static<typeof TaskInfoSchema>;

export const ExplanationSchema = Type.Object({
  key: Key,
  function: Name,
  state: TaskStandingSchema,
  /** One sentence: why it is in that state, and what it waits for. */
  why: Type.String(),
  /** How often it began to execute, with the attempt that was sent to a worker. */
  attempt: Count,
  /** Name of the worker it is on. */
  worker: Type.Optional(Name),
  progress: Type.Optional(Type.Object({ fraction: Type.Number(), text: Type.Optional(Text) })),
  /** Keys of the inputs it still waits for, the first hundred. */
  missingInputs: Type.Array(Key),
  /** Names of the workers that hold its value, "scheduler" when it is there; none while it has none. */
  holders: Type.Array(Name),
  dependents: Count,
  /** Names of the clients that hold a future of it, and what else keeps it: `queue "results"`. */
  wantedBy: Type.Array(Type.String()),
  /** The workers that were lost while it ran there, each with how it ended. */
  losses: Type.Array(Type.Object({ worker: Name, how: Text })),
  /** How it came here, oldest first, as far as the scheduler remembers; `at` in ms since 1970. */
  history: Type.Array(
    Type.Object({
      at: Milliseconds,
      from: Type.Optional(Type.String()),
      to: Type.String(),
      why: Type.String(),
    }),
  ),
});
export type Explanation = Static<typeof ExplanationSchema>;
