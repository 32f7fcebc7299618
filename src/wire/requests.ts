// What a client asks of its scheduler and hears an answer to: by name, the schema of the parameters
// and that of the result. A request is one entry here and one handler in the core's map of the same
// names (`scheduler/core/clients/requests.ts`); both sides are typed and checked from the entry.
//
// On the wire a request is a message of its name: `{ type: "who-has", id, keys }`. Its answer is
// `{ type: "answer", id, to: "who-has", result }`, or has a `failure` in place of the result.

import { Type, type Static, type TObject, type TProperties, type TSchema } from "typebox";
import { Coordinate, Coordinated } from "./coordination.ts";
import { EventFilter } from "./events.ts";
import {
  DemandSchema,
  ExplanationSchema,
  SchedulerInfoSchema,
  TaskInfoSchema,
  taskStandings,
  TaskStandingSchema,
  WorkerInfoSchema,
} from "./facts.ts";
import { limits } from "./limits.ts";
import { ScheduleInfoSchema, ScheduleName, ScheduleParameters } from "./schedules.ts";
import {
  column,
  Count,
  Digest,
  FailureSchema,
  Key,
  Milliseconds,
  Name,
  PayloadSchema,
  Text,
  type Failure,
} from "./parts.ts";

const request = <Parameters extends TProperties, Result extends TSchema>(
  parameters: Parameters,
  result: Result,
) => ({ parameters, result });

/** The result of what is only done. */
const done = Type.Null();

/** The keys of the futures in a value, which refers to them by position. */
const inputs = Type.Optional(Type.Array(Key, { maxItems: limits.inputs }));

const workerNames = Type.Array(Name, {
  title: "worker names",
  minItems: 1,
  maxItems: limits.columnLength,
});

/** Questions: nothing changes, so anybody who may look can ask them, over HTTP too. */
export const queries = {
  /** An answer, which is proof that all that was said before it has been heard. */
  ping: request({}, done),
  info: request({}, SchedulerInfoSchema),
  workers: request({}, Type.Array(WorkerInfoSchema)),
  /** The slots that tasks could use now; `targetMs`: the work for which one slot is enough. */
  demand: request({ targetMs: Type.Number({ minimum: 1 }) }, Type.Array(DemandSchema)),
  /** The ids of the workers that registered a function, by its name or by its digest. */
  "registered-at": request({ name: Name, digest: Type.Optional(Digest) }, Type.Array(Key)),
  explain: request({ key: Key }, ExplanationSchema),
  /** The first tasks in the order of submission that are so. */
  tasks: request(
    {
      states: Type.Optional(
        Type.Array(TaskStandingSchema, { minItems: 1, maxItems: taskStandings.length }),
      ),
      function: Type.Optional(Name),
      /** Name of the client that submitted them. */
      client: Type.Optional(Type.String({ minLength: 1, maxLength: 2 * limits.nameLength })),
      /** Submitted then or later, in milliseconds since 1970. */
      since: Type.Optional(Milliseconds),
      /** Submitted after the task of this number in the order of submission. */
      after: Type.Optional(Count),
      limit: Type.Integer({ minimum: 1, maximum: limits.columnLength }),
    },
    Type.Array(TaskInfoSchema),
  ),
  /** For each key the names of the holders of its value; "scheduler" for a value that is kept there. */
  "who-has": request({ keys: column(Key) }, Type.Array(Type.Array(Name))),
  schedules: request({}, Type.Array(ScheduleInfoSchema)),
};

/** Requests that change something. */
export const commands = {
  /**
   * The client holds futures of these tasks from now on, whoever submitted them. What it hears of a key
   * after the answer is about the task that has the key now; `unknown` has those that no task has.
   */
  want: request(
    { keys: column(Key) },
    Type.Object({
      unknown: Type.Array(Key, { maxItems: limits.columnLength }),
      /** Those for which there is no room. */
      refused: Type.Optional(
        Type.Object({
          keys: Type.Array(Key, { maxItems: limits.columnLength }),
          failure: FailureSchema,
        }),
      ),
    }),
  ),
  /** A value that outlives its client under a name, with the tasks that it refers to. */
  publish: request(
    {
      name: Name,
      value: PayloadSchema,
      inputs,
      /** Takes the place of what has the name. */
      override: Type.Optional(Type.Boolean()),
    },
    done,
  ),
  /** The value of a name, and the keys in it, kept for this client until it says `take`. */
  published: request(
    { name: Name },
    Type.Object({ value: PayloadSchema, inputs, offer: Type.Optional(Count) }),
  ),
  unpublish: request({ name: Name }, done),
  /** A value of the client's own becomes a task's. */
  scatter: request(
    {
      key: Key,
      bytes: Count,
      /** The value itself when it is small; else `located` says where to send it. */
      value: Type.Optional(PayloadSchema),
      /** Names or hosts of the workers that are to hold it; default: any one. */
      workers: Type.Optional(workerNames),
      /** All of them are to hold it, and not just one. */
      broadcast: Type.Optional(Type.Boolean()),
    },
    Type.Object({ at: Type.Enum(["scheduler", "workers"]) }),
  ),
  /**
   * These workers hand over what they hold and end; answered when they have. A worker stays while it
   * holds what no other can take, unless it is forced to give that up.
   */
  retire: request({ workers: workerNames, force: Type.Optional(Type.Boolean()) }, done),
  /** Every task of everybody is cancelled, and the workers start their threads anew. */
  restart: request({ reason: Type.Optional(Text) }, done),
  /** While no worker is here, what waits for one fails with this reason; without a reason it waits again. */
  "expect-no-workers": request({ reason: Type.Optional(Text) }, done),
  /** Begins a feed of `events`, which ends with `events-end`. */
  events: request(EventFilter, done),
  /** A task is submitted at each moment of this schedule; answered when its next moment is known. */
  schedule: request(ScheduleParameters, ScheduleInfoSchema),
  unschedule: request({ name: ScheduleName }, done),
  /** An operation on a lock, semaphore, event, queue or variable. */
  coordinate: request(Coordinate, Coordinated),
};

export const requests = { ...queries, ...commands };
type Requests = typeof requests;

export type QueryName = keyof typeof queries;
export type RequestName = keyof Requests;
export type ParametersOf<Name extends RequestName> = Static<TObject<Requests[Name]["parameters"]>>;
export type ResultOf<Name extends RequestName> = Static<Requests[Name]["result"]>;

/** From a client: the request of this name, answered by an `answer` of the same id. */
export type RequestMessage<Name extends RequestName = RequestName> = {
  [Each in Name]: { type: Each; id: number } & ParametersOf<Each>;
}[Name];

/** To one client: what came of the request of this id. */
export type AnswerMessage =
  | {
      [Name in RequestName]: { type: "answer"; id: number; to: Name; result: ResultOf<Name> };
    }[RequestName]
  | { type: "answer"; id: number; failure: Failure };

export const requestSchemas: readonly TObject[] = Object.entries(requests).map(
  ([name, { parameters }]) =>
    Type.Object({ type: Type.Literal(name), id: Count, ...(parameters as TProperties) }),
);

export const AnswerSchema = Type.Object({
  type: Type.Literal("answer"),
  id: Count,
  to: Type.Optional(Type.Enum(Object.keys(requests) as RequestName[])),
  result: Type.Optional(Type.Unknown()),
  failure: Type.Optional(FailureSchema),
});
