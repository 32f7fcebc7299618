// The catalogue of errors: every failure a user can meet, each with a code that stays the same from
// one version to the next. How errors cross the wire is in `failure.ts`; nothing here knows of it.

/** What an error may say of itself beside its message. */
export type ThenceErrorOptions = {
  /** What went wrong underneath; for a `TaskError`, what your function threw. */
  cause?: unknown;
  /** The key of the task that failed first. */
  key?: string | undefined;
  /** The registered name of the function that failed first. */
  task?: string | undefined;
};

/**
 * What every error of this package extends.
 *
 * @example
 * try {
 *   await future.result();
 * } catch (error) {
 *   if (error instanceof ThenceError && error.retriable) await future.retry();
 * }
 */
export class ThenceError extends Error {
  /** Stable, for programs: one of `ErrorCode`. */
  readonly code: string;
  /** Whether the very same call may succeed when made again, with nothing changed in the program. */
  readonly retriable: boolean;
  declare readonly key?: string;
  declare readonly task?: string;

  constructor(code: string, message: string, options: ThenceErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retriable = retriableCodes.has(code);
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

/** The task was cancelled, or one that it depends on; the message has the reason given. */
export class TaskCancelledError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("task-cancelled", message, options);
  }
}

/** The task ran past its `timeoutMs`, or had not started by its `expiresMs`. */
export class TaskTimeoutError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("task-timeout", message, options);
  }
}

/** The task was executing on too many workers that died; the message says which and how. */
export class WorkerLostError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("worker-lost", message, options);
  }
}

/** No worker has a function of this name; the message has the nearest known names. */
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

/** Data that cannot be made again is gone with the worker that held it. */
export class LostDataError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("lost-data", message, options);
  }
}

/** The same explicit `key` was given to another function or to other arguments. */
export class KeyConflictError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("key-conflict", message, options);
  }
}

/**
 * A lock, semaphore, queue or variable cannot do what was asked of it: another `n` or `maxSize` than
 * it has, the release of what is not held, a limit; the message says which.
 */
export class CoordinationError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("coordination-refused", message, options);
  }
}

/** A value cannot be sent without being altered, or what arrived is not an encoded value. */
export class SerializationError extends ThenceError {
  /** Where inside the value, for example `argument[0].user.callback`; absent when all of it is. */
  declare readonly path?: string;

  constructor(message: string, options: ThenceErrorOptions & { path?: string | undefined } = {}) {
    super("not-serializable", message, options);
    if (options.path !== undefined) this.path = options.path;
  }
}

/** You stopped waiting; the task goes on. */
export class TimeoutError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("timeout", message, options);
  }
}

/** The scheduler cannot be reached, or the link to it was lost for longer than the grace period. */
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

/** A peer said something that the protocol does not allow, or speaks another version of it. */
export class ProtocolError extends ThenceError {
  constructor(message: string, options?: ThenceErrorOptions) {
    super("protocol-violated", message, options);
  }
}

/** One class for every code. */
export const errorClasses = {
  "task-failed": TaskError,
  "task-cancelled": TaskCancelledError,
  "task-timeout": TaskTimeoutError,
  "worker-lost": WorkerLostError,
  "unknown-task": UnknownTaskError,
  unschedulable: UnschedulableError,
  "lost-data": LostDataError,
  "key-conflict": KeyConflictError,
  "coordination-refused": CoordinationError,
  "not-serializable": SerializationError,
  timeout: TimeoutError,
  "connection-failed": ConnectionError,
  "not-authenticated": AuthenticationError,
  "protocol-violated": ProtocolError,
} as const;

/** The codes of `ThenceError`. */
export type ErrorCode = keyof typeof errorClasses;

/** The other codes fail the same way again until somebody changes the call, the token or the code. */
const retriableCodes: ReadonlySet<string> = new Set<ErrorCode>([
  "task-failed",
  "task-timeout",
  "worker-lost",
  "unschedulable",
  "timeout",
  "connection-failed",
]);

// On the prototypes and not on each error: printed errors stay short, and names outlive minifiers.
for (const [name, errorClass] of Object.entries({
  ThenceError,
  TaskError,
  TaskCancelledError,
  TaskTimeoutError,
  WorkerLostError,
  UnknownTaskError,
  UnschedulableError,
  LostDataError,
  KeyConflictError,
  CoordinationError,
  SerializationError,
  TimeoutError,
  ConnectionError,
  AuthenticationError,
  ProtocolError,
})) {
  Object.defineProperty(errorClass.prototype, "name", {
    value: name,
    configurable: true,
    writable: true,
  });
}
