// The options of a task, as they cross the wire and as users read of them: `client.with` takes its types,
// their descriptions and its checks from here. A plain option (a number, a text, true or false, a list
// of texts) is one entry: in `RunOptionsSchema` when the worker acts on it, in `TaskOptionsSchema` when
// the scheduler does. Any other option needs a conversion in `client/task-options.ts`, without which it
// does not compile. The scheduler passes the options of the worker on unread.

import { Type, type Static } from "typebox";
import { limits } from "./limits.ts";
import { Count, Milliseconds, Name, TimeLimit } from "./parts.ts";

/** @param title the names, in the plural, for errors */
const names = (title: string, maxItems: number = limits.columnLength) =>
  Type.Array(Name, { title, minItems: 1, maxItems });

/** How a task that throws is tried again. */
export const RetriesSchema = Type.Object({
  /** Further attempts after the first. */
  max: Count,
  /** Milliseconds before the first retry. Default: 0. */
  delayMs: Type.Optional(Milliseconds),
  /** Each further wait is this many times longer, from 1 to 1,000. Default: 2. */
  factor: Type.Optional(Type.Number({ minimum: 1, maximum: 1000 })),
  /** No wait is longer than this many milliseconds. */
  maxDelayMs: Type.Optional(Milliseconds),
  /** Part of a wait that is left to chance, from 0 to 1, so that retries do not come all at once. */
  jitter: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
});
export type Retries = Static<typeof RetriesSchema>;

/** How often tasks may start in the whole cluster. */
export const RateLimitSchema = Type.Object({
  /** So many starts, up to 10,000, */
  count: Type.Integer({ minimum: 1, maximum: limits.rateCount }),
  /** in any time of so many milliseconds. */
  perMs: Type.Number({ exclusiveMinimum: 0, maximum: limits.ratePeriodMs }),
});
export type RateLimit = Static<typeof RateLimitSchema>;

export type Resources = Record<string, number>;
/**
 * The names of resources are keys of JSON objects. Not allowed is one that would set the prototype of an object,
 * and whatever JSON writes with an escape, which V8 may read as another key: see `isEscapedKey`.
 */
const resourceName = `^(?!__proto__$)(?:[^"\\\\\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]|[\\ud800-\\udbff][\\udc00-\\udfff]){1,${limits.nameLength}}$`;
const resourceNames = new RegExp(resourceName);
export const isResourceName = (name: string): boolean =>
  name.length <= limits.nameLength && resourceNames.test(name);
export const ResourcesSchema = Type.Unsafe<Resources>(
  Type.Record(
    Type.String({ pattern: resourceName }),
    Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    { additionalProperties: false, maxProperties: limits.resources },
  ),
);

/** Options that the worker acts on while it runs the task. */
export const RunOptionsSchema = Type.Object({
  /**
   * Milliseconds that one attempt may run. Then its signal fires: a task that returns after that, within
   * `graceMs`, has returned; else it fails with `TaskTimeoutError`. Default: no limit.
   */
  timeoutMs: Type.Optional(TimeLimit),
  /** How long it may take to end when it is asked to, before it loses its thread. */
  graceMs: Type.Optional(Milliseconds),
  /**
   * Receives what the task puts out by `currentTask().output()` before its end, in order. The task does not
   * run ahead of a listener that returns a promise by more than about 256 KiB.
   */
  output: Type.Optional(Type.Boolean()),
});
export type RunOptions = Static<typeof RunOptionsSchema>;

/** Options that the scheduler acts on, with those of the worker inside. */
export const TaskOptionsSchema = Type.Object({
  /** An integer; higher goes first. Default: 0. */
  priority: Type.Optional(
    Type.Integer({ minimum: -limits.priorityMagnitude, maximum: limits.priorityMagnitude }),
  ),
  /** Further attempts when the task throws; a lost worker does not use one up. Default: 0. */
  retries: Type.Optional(RetriesSchema),
  /**
   * Names or codes of the errors after which `retries` applies, of the thrown error, its causes, or
   * the errors in an `AggregateError`:
   * `["TaskTimeoutError", "ECONNREFUSED"]`. Any other error fails the task at once. Default: every error.
   * A `NonRetriableError` is never followed by a retry.
   */
  retryIf: Type.Optional(names("error names")),
  /** Milliseconds that the task is held back by the scheduler, from its acceptance. */
  delayMs: Type.Optional(Milliseconds),
  /**
   * The moment until which it is held back, by the clock of the scheduler's machine: a Date, or milliseconds since
   * 1970. When that clock is set, the moment moves with it; a task that has started goes on.
   */
  startAt: Type.Optional(Milliseconds),
  /** Milliseconds from its acceptance after which it fails if it has not started. */
  expiresMs: Type.Optional(TimeLimit),
  /**
   * Milliseconds that the task is kept after it has settled, though nobody holds a future of it: it runs to
   * its end, and any client gets a future of it by `client.future(key)`. When its value is lost with a
   * worker and made again, or it is retried, the time begins anew. At most ten years. Default: the task
   * goes with its last future.
   */
  keepMs: Type.Optional(Type.Number({ minimum: 1, maximum: limits.keepMs })),
  /** Names or addresses of the only workers that may run it. */
  workers: Type.Optional(names("worker names")),
  /** Makes `workers` a wish: when none of them can, others may. Default: false. */
  allowOtherWorkers: Type.Optional(Type.Boolean()),
  /**
   * Only workers that have all these tags may run it: `["gpu", "highmem"]`. A worker has those of its
   * option `--tags`.
   */
  tags: Type.Optional(names("tag names", limits.tags)),
  /** The resources of a worker that it uses while it runs, as `{ gpu: 1 }`. */
  resources: Type.Optional(ResourcesSchema),
  /**
   * It starts only while fewer than so many tasks of the same `limitName` run in the whole cluster, of all
   * clients. Those count that have this option. One that waits for its sub-tasks does not count meanwhile.
   */
  maxRunning: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
  /**
   * It starts only when fewer than `count` tasks have started within the last `perMs` milliseconds, of
   * those that have the same `rateLimit` and `limitName`, of all clients. Each attempt is a start.
   */
  rateLimit: Type.Optional(RateLimitSchema),
  /** The name under which `maxRunning` and `rateLimit` count, which functions may share. Default: that of the function. */
  limitName: Type.Optional(Name),
  /**
   * Milliseconds it waits while no worker that is here could ever run it, for want of its function, a
   * worker asked for or a resource; then it fails with `UnschedulableError`. Default: no limit.
   */
  unschedulableTimeoutMs: Type.Optional(TimeLimit),
  /**
   * It is never started a second time: when it may have started and its worker or thread is lost, it
   * fails with `WorkerLostError` instead, and with `LostDataError` when its value is lost. Not together
   * with `retries` or `maxWorkerLosses`. Default: false.
   */
  atMostOnce: Type.Optional(Type.Boolean()),
  /** Workers that may be lost while they run it, before it fails with `WorkerLostError`. Default: 3. */
  maxWorkerLosses: Type.Optional(Count),
  run: Type.Optional(RunOptionsSchema),
});
export type TaskOptions = Static<typeof TaskOptionsSchema>;
