// Schedules on the wire: what a client says of one, and what it is told. A schedule submits a task at each
// of its moments.

import { Type, type Static } from "typebox";
import { limits } from "./limits.ts";
import { Count, Digest, Key, Milliseconds, Name, PayloadSchema, Text } from "./parts.ts";
import { TaskOptionsSchema } from "./task-options.ts";

export const catchUps = ["one", "all", "none"] as const;
/** What becomes of moments that were missed: the newest runs, each runs, or none does. */
export type CatchUp = (typeof catchUps)[number];
const CatchUpSchema = Type.Unsafe<CatchUp>(Type.Enum([...catchUps]));

export const overlaps = ["skip", "allow", "replace"] as const;
/** What becomes of a moment that comes while the run before it has not ended. */
export type Overlap = (typeof overlaps)[number];
const OverlapSchema = Type.Unsafe<Overlap>(Type.Enum([...overlaps]));

/** The keys of its tasks begin with it, so it is shorter than a key. */
export const ScheduleName = Type.String({
  minLength: 1,
  maxLength: limits.keyLength - "@2026-01-01T00:00:00.000Z".length,
});
export const Cron = Type.String({ minLength: 1, maxLength: limits.nameLength });
export const TimeZone = Type.String({ minLength: 1, maxLength: limits.nameLength });
export const Interval = Type.Integer({
  minimum: limits.shortestIntervalMs,
  maximum: limits.longestIntervalMs,
});

/** What a client asks for: a call, and when it is made. Either `cron` or `everyMs` is there. */
export const ScheduleParameters = {
  name: ScheduleName,
  cron: Type.Optional(Cron),
  timezone: Type.Optional(TimeZone),
  everyMs: Type.Optional(Interval),
  catchUp: CatchUpSchema,
  overlap: OverlapSchema,
  function: Name,
  digest: Type.Optional(Digest),
  /** The encoded arguments. */
  value: PayloadSchema,
  inputs: Type.Optional(Type.Array(Key, { maxItems: limits.inputs })),
  options: Type.Optional(TaskOptionsSchema),
};

export const ScheduleInfoSchema = Type.Object({
  name: ScheduleName,
  /** The function that its tasks call. */
  function: Name,
  /** One of these two says when. */
  cron: Type.Optional(Cron),
  everyMs: Type.Optional(Interval),
  /** Of `cron`. */
  timezone: Type.Optional(TimeZone),
  catchUp: CatchUpSchema,
  overlap: OverlapSchema,
  /** Its next moment, in milliseconds since 1970; absent when there is none. */
  nextAt: Type.Optional(Milliseconds),
  /** When its newest task was submitted, in milliseconds since 1970. */
  lastAt: Type.Optional(Milliseconds),
  /** The key of that task. */
  lastKey: Type.Optional(Key),
  /** Tasks that it has submitted. */
  runs: Count,
  /** Moments without a task: missed ones, and those at which the run before had not ended. */
  skipped: Count,
  /** The name of the client that it is from. */
  by: Text,
  /** Milliseconds since 1970. */
  createdAt: Milliseconds,
});
export type ScheduleInfo = Static<typeof ScheduleInfoSchema>;
