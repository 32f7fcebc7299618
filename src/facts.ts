// What a scheduler says of itself when asked: the answers to `info`, `workers` and `explain`.

/** Where a task is. */
export type TaskStanding =
  | "waiting"
  | "ready"
  | "running"
  | "finished"
  /** Its value was let go, and can be made again should what was made of it be lost. */
  | "released"
  | "failed"
  | "cancelled";

export type SchedulerInfo = {
  /** Tasks that somebody needs, by where they are now. */
  tasks: Record<TaskStanding, number>;
  /** Since the scheduler started. */
  totals: { submitted: number; finished: number; failed: number; dispatched: number };
  workers: number;
  clients: number;
  /** Tasks that all workers together run at once. */
  slots: number;
  /** Names of the functions that a present worker has registered, sorted. */
  functions: string[];
  /** Names under which something is published, sorted. */
  published: string[];
};

export type WorkerInfo = {
  id: string;
  name: string;
  host: string;
  pid: number;
  threads: number;
  /** Tasks it runs at once: threads × concurrency. */
  slots: number;
  /** Tasks sent to it that have not ended, those waiting behind others too. */
  tasks: number;
  finished: number;
  resources: Record<string, { total: number; used: number }>;
  functions: string[];
  /** "away": its link is down, and it has its grace to come back. "paused": its memory is full. */
  status: "up" | "away" | "paused" | "leaving";
  /** Results that it holds, for itself and for others, and how many bytes they have. */
  held: { results: number; bytes: number };
  /** Milliseconds since 1970. */
  joinedAt: number;
};

export type Explanation = {
  key: string;
  function: string;
  state: TaskStanding;
  /** One sentence: why it is in that state, and what it waits for. */
  why: string;
  /** Dispatches so far. */
  attempt: number;
  /** Name of the worker it is on. */
  worker?: string | undefined;
  progress?: { fraction: number; text?: string | undefined } | undefined;
  /** Keys of the inputs it still waits for, the first hundred. */
  missingInputs: string[];
  /** Names of the workers that hold its value, "scheduler" when it is there; none while it has none. */
  holders: string[];
  dependents: number;
  /** Names of the clients that hold a future of it, and what else keeps it: `queue "results"`. */
  wantedBy: string[];
  /** The workers that were lost while it ran there, each with how it ended. */
  losses: { worker: string; how: string }[];
  /** How it came here, oldest first, as far as the scheduler remembers; `at` in ms since 1970. */
  history: { at: number; from?: string | undefined; to: string; why: string }[];
};
