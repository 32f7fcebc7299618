// What the core knows of schedules, as plain data. A schedule submits a task at each of its moments. The
// moments of an interval are computed here, by the scheduler's own clock. Those of a cron expression come
// from the shell, by the clock of the machine, in events.

import { createClient } from "../clients/create-client.ts";
import type { CatchUp, Overlap } from "../../../src/wire/schedules.ts";
import type { Payload } from "../../../src/payload/payload.ts";
import type { TaskOptions } from "../../../src/wire/protocol.ts";
import type { Asked } from "../clients/answers.ts";
import type { Retention } from "../clients/retention.ts";
import type { Client, TaskKey } from "../state.ts";
import type { FunctionReference } from "../tasks/functions.ts";

export type Schedule = {
  /** Finds it when the shell tells of its moments: another schedule may have its name by then. */
  readonly number: number;
  readonly name: string;
  /** One of these is there. */
  readonly cron: Cron | undefined;
  readonly everyMs: number | undefined;
  readonly catchUp: CatchUp;
  readonly overlap: Overlap;
  readonly call: ScheduledCall;
  /** Of the futures in the arguments. */
  readonly retention: Retention;
  /** Its tasks are of this client, which has no session. */
  readonly client: Client;
  /** The name of the client that it is from. */
  readonly by: string;
  readonly createdAt: number;
  /** All its moments up to this one have been dealt with; undefined while the shell has said nothing. */
  seenAt: number | undefined;
  /** Undefined when none comes, or none is known yet. */
  nextAt: number | undefined;
  lastAt: number | undefined;
  /** The key of its newest task. */
  lastKey: TaskKey | undefined;
  runs: number;
  skipped: number;
  /** Missed moments whose tasks run one after another. */
  backlog: number[];
  /** It was removed, or another one has taken its name. */
  gone: boolean;
};

export type Cron = { readonly expression: string; readonly timezone: string };

export type ScheduledCall = {
  readonly function: FunctionReference;
  readonly args: Payload;
  readonly inputKeys: readonly TaskKey[] | undefined;
  readonly options: TaskOptions | undefined;
};

export type Schedules = {
  readonly all: Map<string, Schedule>;
  /** New ones whose first moment the shell has to find, and who waits to hear of it. */
  readonly pending: Map<Schedule, Asked<"schedule">>;
  /** Those with a cron expression, the pending ones too, by number. */
  readonly crons: Map<number, Schedule>;
  /** Those with a backlog. */
  readonly behind: Set<Schedule>;
  /** How many were made so far. */
  made: number;
  /** A version of `crons` and their moments, for the shell. */
  revision: number;
};

/** Schedules of one scheduler. */
export const mostSchedules = 10_000;

/** A moment that is later than this was missed. */
export const missedAfterMs = 60_000;

/** Of moments that have come together, the newest so many are looked at. */
export const mostDue = 1_000;

export function createSchedules(): Schedules {
  return {
    all: new Map(),
    pending: new Map(),
    crons: new Map(),
    behind: new Set(),
    made: 0,
    revision: 0,
  };
}

/**
 * Whether the clock of the machine, which says `at`, was wrong when the moments up to `seenAt` were dealt with. When it was
 * set back by less than a day, the schedule waits until the time comes that it has not had: no moment comes twice.
 */
export function wasWrong(seenAt: number, at: number): boolean {
  return seenAt - at > longestStepBackMs;
}
const longestStepBackMs = 24 * 3_600_000;

/** Names the task of a moment, so that no moment has two. */
export function keyOf({ name }: Schedule, moment: number): TaskKey {
  // eslint-disable-next-line no-restricted-globals -- it writes a moment that is given, and reads no clock
  return `${name}@${new Date(moment).toISOString()}`;
}

/** The client of a schedule. Its name is what histories and logs say. */
export function clientOf(name: string, now: number): Client {
  return createClient(`${idPrefix}${name}`, `schedule "${name}"`, now);
}
const idPrefix = "schedule ";

export function isOfSchedule({ id }: Client): boolean {
  return id.startsWith(idPrefix);
}
