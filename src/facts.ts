// The scheduler's answers to the requests `info`, `workers` and `explain`.

/** The state of a task, for people. */
export type TaskStanding =
  | "waiting"
  | "ready"
  | "running"
  | "finished"
  /** Finished, and its value was freed. It runs again if a result computed from it is lost. */
  | "released"
  | "failed"
  | "cancelled";

export type SchedulerInfo = {
  /** Tasks that are still needed, by state. */
  tasks: Record<TaskStanding, number>;
  /** Since the scheduler started. */
  totals: { submitted: number; finished: number; failed: number; dispatched: number };
  workers: number;
  clients: number;
  /** Tasks that all workers together can run at once. */
  slots: number;
  /** Names of the functions that connected workers have registered, sorted. */
  functions: string[];
  /** Published names, sorted. */
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
  /** Tasks sent to it that have not ended, including those in its queue. */
  tasks: number;
  finished: number;
  resources: Record<string, { total: number; used: number }>;
  functions: string[];
  /** "away": its link is down, within the grace period. "paused": its memory is full. */
  status: "up" | "away" | "paused" | "leaving";
  /** The number and bytes of the results that it holds. */
  held: { results: number; bytes: number };
  /** Milliseconds since 1970. */
  joinedAt: number;
};

export type Explanation = {
  key: string;
  function: string;
  state: TaskStanding;
  /** One sentence: why the task is in this state, and what it waits for. */
  why: string;
  /** Dispatches so far. */
  attempt: number;
  /** Name of the worker that it was sent to. */
  worker?: string | undefined;
  progress?: { fraction: number; text?: string | undefined } | undefined;
  /** Keys of the inputs that it still waits for, at most a hundred. */
  missingInputs: string[];
  /** Names of the workers that hold its value, or "scheduler"; empty without a value. */
  holders: string[];
  dependents: number;
  /** Names of the clients that hold a future of it, and other things that keep it: `queue "results"`. */
  wantedBy: string[];
  /** The workers that were lost while it ran there, and how each of them ended. */
  losses: { worker: string; how: string }[];
  /** Its transitions, oldest first, as far as the scheduler remembers; `at` is in ms since 1970. */
  history: { at: number; from?: string | undefined; to: string; why: string }[];
};
