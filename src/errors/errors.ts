// The catalogue of errors: every failure that a user can see, each with a code that stays the same
// across versions. `failure.ts` sends them over the wire.

/** Facts that an error may carry beside its message. */
export type ThenceErrorOptions = {
  /** The underlying error; for a `TaskError`, what your function threw. */
  cause?: unknown;
  /** The key of the task that failed first. */
  key?: string | undefined;
  /** The registered name of the function that failed first. */
  task?: string | undefined;
  /** Default: what the code says. */
  retriable?: boolean | undefined;
};

/**
 * The base class of all errors of this package.
 *
 * @example
 * try {
 *   await future.result();
 * } catch (error) {
 *   if (error instanceof ThenceError && error.retriable) await future.retry();
 * }
 */
export class ThenceError extends Error {
  /** One of `ErrorCode`; programs can rely on it. */
  readonly code: string;
  /** Whether the same call may succeed when it is made again, without a change to the program. */
  readonly retriable: boolean;
  declare readonly key?: string;
  declare readonly task?: string;

  constructor(code: string, message: string, options: ThenceErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retriable = options.retriable ?? retriableCodes.has(code);
    if (options.key !== undefined) this.key = options.key;
    if (options.task !== undefined) this.task = options.task;
  }
}

/** The error that a function threw, as it arrives, with its extra own properties. */
export type ThrownError = Error & {
  /** On the worker. */
  readonly stack: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- with `unknown`, `as MyError` does not compile
  readonly [property: string]: any;
};

/** Your function threw. `cause` is what it threw, with its name, message, remote stack and causes. */
export class TaskError extends ThenceError {
  /** Not an error when what was thrown was none: `throw "text"` arrives as the text. */
  declare readonly cause: ThrownError;

  constructor(message: string, options?: ThenceErrorOptions) {
    super("task-failed", message, options);
  }
}

/** The task, or a task that it depends on, was cancelled; the message has the reason. */
export class TaskCancelledError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("task-cancelled", message, options);
  }
}

/** The task ran longer than its `timeoutMs`, or did not start within its `expiresMs`. */
export class TaskTimeoutError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("task-timeout", message, options);
  }
}

/**
 * Too many workers died while they executed the task; the message says which ones and how. With
 * `atMostOnce` one is too many, also when the task only may have started there.
 */
export class WorkerLostError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("worker-lost", message, options);
  }
}

/** No worker has registered a function of this name, or the one that was passed; the message has registered names. */
export class UnknownTaskError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("unknown-task", message, options);
  }
}

/** No present worker could ever run the task; the message says what is missing. */
export class UnschedulableError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("unschedulable", message, options);
  }
}

/** The time limit of the job that the scheduler runs in is near, so the task was not started. */
export class TimeLimitError extends ThenceError {
  /** Milliseconds left until the limit when the client heard of it; of the reason of `client.signal`. */
  declare readonly leftMs?: number;

  constructor(message: string, options: ThenceErrorOptions & { leftMs?: number } = {}) {
    super("time-limit", message, options);
    if (options.leftMs !== undefined) this.leftMs = options.leftMs;
  }
}

/** Data that cannot be recomputed, or must not be (`atMostOnce`), was lost with the worker that held it. */
export class LostDataError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("lost-data", message, options);
  }
}

/** The same explicit `key` was used for another function or other arguments. */
export class KeyConflictError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("key-conflict", message, options);
  }
}

/**
 * A request to a lock, semaphore, queue or variable was refused: its `n` or `maxSize` differs, the
 * lock to release is not held, or a limit is reached; the message says which.
 */
export class CoordinationError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("coordination-refused", message, options);
  }
}

/**
 * A schedule was refused: its `cron` means nothing or never comes, its `timezone` is unknown, or there are too
 * many; the message says which.
 */
export class ScheduleError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("schedule-refused", message, options);
  }
}

/** A value cannot be sent unaltered, or received data is not an encoded value. */
export class SerializationError extends ThenceError {
  /** The place inside the value, for example `argument[0].user.callback`; absent for the whole value. */
  declare readonly path?: string;

  constructor(message: string, options: ThenceErrorOptions & { path?: string | undefined } = {}) {
    super("not-serializable", message, options);
    if (options.path !== undefined) this.path = options.path;
  }
}

/**
 * The scheduler takes nothing new for now, since the disk of its journal is full: the call was not made, and can be
 * made again later.
 *
 * @example
 * const error = await future.exception();
 * if (error instanceof OverloadedError) future = client.submit("add", 1, 2);
 */
export class OverloadedError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("overloaded", message, options);
  }
}

/** The time limit of a wait has passed; the task continues. */
export class TimeoutError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("timeout", message, options);
  }
}

/** The scheduler cannot be reached, or its link was down for longer than the grace period. */
export class ConnectionError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("connection-failed", message, options);
  }
}

/** The scheduler did not accept the token. */
export class AuthenticationError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("not-authenticated", message, options);
  }
}

/** The token does not allow the call: a view token only allows to look. */
export class PermissionError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("not-permitted", message, options);
  }
}

/** A peer violated the protocol, or uses another version of it. */
export class ProtocolError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("protocol-violated", message, options);
  }
}

/**
 * For a task to throw: it is not tried again, whatever its `retries`. Recognised by its name, in subclasses
 * too; an error of another copy of this package counts as well.
 *
 * @example
 * export function charge(card: string) {
 *   if (!isValid(card)) throw new NonRetriableError("the card is not valid");
 * }
 */
export class NonRetriableError extends Error {}

/** The class of each code. */
export const errorClasses = {
  "task-failed": TaskError,
  "task-cancelled": TaskCancelledError,
  "task-timeout": TaskTimeoutError,
  "worker-lost": WorkerLostError,
  "unknown-task": UnknownTaskError,
  unschedulable: UnschedulableError,
  "time-limit": TimeLimitError,
  "lost-data": LostDataError,
  "key-conflict": KeyConflictError,
  "coordination-refused": CoordinationError,
  "schedule-refused": ScheduleError,
  "not-serializable": SerializationError,
  overloaded: OverloadedError,
  timeout: TimeoutError,
  "connection-failed": ConnectionError,
  "not-authenticated": AuthenticationError,
  "not-permitted": PermissionError,
  "protocol-violated": ProtocolError,
} as const;

/** The codes of `ThenceError`. */
export type ErrorCode = keyof typeof errorClasses;

/** Whether the scheduler did not take a call, which so has no task. */
export function isRefusal(error: unknown): error is OverloadedError | PermissionError {
  return error instanceof OverloadedError || error instanceof PermissionError;
}

/** Calls with other codes fail again until the call, the token or the program is changed. */
const retriableCodes: ReadonlySet<string> = new Set<ErrorCode>([
  "task-failed",
  "task-timeout",
  "worker-lost",
  "unschedulable",
  "overloaded",
  "timeout",
  "connection-failed",
]);

// Names are set on the prototypes, so that printed errors stay short and minifiers change nothing.
for (const [name, errorClass] of Object.entries({
  ThenceError,
  TaskError,
  TaskCancelledError,
  TaskTimeoutError,
  WorkerLostError,
  UnknownTaskError,
  UnschedulableError,
  TimeLimitError,
  LostDataError,
  KeyConflictError,
  CoordinationError,
  ScheduleError,
  SerializationError,
  OverloadedError,
  TimeoutError,
  ConnectionError,
  AuthenticationError,
  PermissionError,
  ProtocolError,
  NonRetriableError,
})) {
  Object.defineProperty(errorClass.prototype, "name", {
    value: name,
    configurable: true,
    writable: true,
  });
}
