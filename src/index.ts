// The public API of the package `thence`, for programs. Tasks import `thence/worker`.

import "./supported-node.ts";
export { Client } from "../cluster/client.ts";
export type { LocalOptions } from "../cluster/local.ts";
export type { RestartOptions, RetireOptions } from "../client/administration.ts";
export type { AsCompleted } from "../client/as-completed.ts";
export type { ConnectOptions } from "../client/connecting.ts";
export type { Held } from "../client/coordination/held.ts";
export type { Lock, Semaphore } from "../client/coordination/lock.ts";
export type { NamedEvent } from "../client/coordination/named-event.ts";
export type { Queue } from "../client/coordination/queue.ts";
export type { Variable } from "../client/coordination/variable.ts";
export type { EventOptions, EventStream } from "../client/events.ts";
export type { FutureStatus } from "../client/future-state.ts";
export type { Future } from "../client/future.ts";
export type { GatherOptions } from "../client/gather.ts";
export type { CancelOptions, Futures } from "../client/handles.ts";
export type { TasksOptions } from "../client/listing.ts";
export type { PublishOptions } from "../client/publishing.ts";
export type { ScheduleOptions } from "../client/scheduling.ts";
export { repeat, type Submit, type SubmitRows, type Submitter } from "../client/submitter.ts";
export type { CallOptions, RetryOptions } from "../client/task-options.ts";
export type {
  AnyFunction,
  AnyReference,
  FunctionArguments,
  FunctionOf,
  DecidedArguments,
  DecidedResult,
  ReferenceArguments,
  ReferenceResult,
  TaskArguments,
  TaskColumns,
  TaskFunction,
  TaskName,
  TaskReference,
  TaskResult,
  UntypedTasks,
} from "../client/types.ts";
export type {
  Gathered,
  GatheredSome,
  IsRefused,
  Received,
  Refused,
  RefusedArguments,
  RefusedResult,
  WithFutures,
} from "../client/value-types.ts";
export type { ProgressOptions, WaitOptions } from "../client/waiting.ts";
export {
  AuthenticationError,
  ConnectionError,
  CoordinationError,
  KeyConflictError,
  LostDataError,
  NonRetriableError,
  OverloadedError,
  PermissionError,
  ProtocolError,
  ScheduleError,
  SerializationError,
  TaskCancelledError,
  TaskError,
  TaskTimeoutError,
  ThenceError,
  TimeLimitError,
  TimeoutError,
  UnknownTaskError,
  UnschedulableError,
  WorkerLostError,
  type ErrorCode,
  type ThrownError,
} from "./errors/errors.ts";
export type { ClusterEvent, TaskEvent, WorkerEvent } from "./wire/events.ts";
export type {
  Explanation,
  SchedulerInfo,
  TaskInfo,
  TaskStanding,
  WorkerInfo,
} from "./wire/facts.ts";
export type { ScheduleInfo } from "./wire/schedules.ts";
