// The words for what happens to tasks and workers, as told to clients that listen. An `events` request begins
// a feed under its id; the client says how much of it has been read, so that a slow reader is told less and
// not later. Part of the unions in `protocol.ts` and `requests.ts`.

import { Type, type Static, type TProperties } from "typebox";
import { How } from "./lifetimes.ts";
import { limits } from "./limits.ts";
import { Count, Key, Milliseconds, Name, Text } from "./parts.ts";

const event = <Name extends string, Fields extends TProperties>(type: Name, fields: Fields) =>
  Type.Object({
    type: Type.Literal(type),
    /** Milliseconds since 1970, by the clock of the scheduler. */
    at: Milliseconds,
    ...fields,
  });

const ofTask = <Name extends string, Fields extends TProperties>(type: Name, fields: Fields) =>
  event(type, { key: Key, function: Name, ...fields });

/** Of an error, without its causes. */
const error = { code: Type.String(), message: Text };
const worker = { worker: Name };

const TaskEventSchema = Type.Union([
  ofTask("submitted", { client: Name }),
  /** It is known to execute: at once when a task takes long, else with its end. `start` counts from 1. */
  ofTask("started", { ...worker, start: Count }),
  ofTask("progress", { ...worker, fraction: Type.Number(), text: Type.Optional(Text) }),
  ofTask("finished", { ...worker, bytes: Count }),
  /** With the error of the task that failed first, which may be one that it depends on. */
  ofTask("failed", error),
  ofTask("cancelled", { reason: Type.Optional(Text) }),
  /** It had not settled, and nobody needs it any more. */
  ofTask("released", {}),
  /** It runs again: after an error, because a client asked for that, or because its value is needed again. */
  ofTask("retried", { error: Type.Optional(Type.Object(error)) }),
  /** What ran it or held its result is gone: it runs again. */
  ofTask("lost", { ...worker, how: How }),
]);

/** What happened to a task. */
export type TaskEvent = Static<typeof TaskEventSchema>;

const WorkerEventSchema = Type.Union([
  event("worker-joined", { ...worker, slots: Count }),
  event("worker-left", { ...worker, how: How }),
]);

/** What happened to a worker. */
export type WorkerEvent = Static<typeof WorkerEventSchema>;

/** So many events were left out here, since the reader was too slow. */
const MissedSchema = event("missed", { count: Count });

/** What `client.events()` gives: what happened to a task or a worker, or how much was missed. */
export type ClusterEvent = TaskEvent | WorkerEvent | Static<typeof MissedSchema>;

/** Which events: of any of these functions or keys. Without both, of all tasks and of workers. */
export const EventFilter = {
  functions: Type.Optional(Type.Array(Name, { maxItems: limits.columnLength })),
  of: Type.Optional(Type.Array(Key, { maxItems: limits.columnLength })),
};

/** To a client that listens, under the id of its `events` request. */
export const EventsToClient = Type.Object({
  type: Type.Literal("events"),
  feed: Count,
  events: Type.Array(
    Type.Union([...TaskEventSchema.anyOf, ...WorkerEventSchema.anyOf, MissedSchema]),
  ),
});

/** From a client: so many more events of this feed have been read. */
export const EventsRead = Type.Object({
  type: Type.Literal("events-read"),
  feed: Count,
  count: Count,
});
/** From a client: it does not listen to this feed any more. */
export const EventsEnd = Type.Object({ type: Type.Literal("events-end"), feed: Count });
