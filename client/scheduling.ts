// Schedules as a program makes them: what is wrong with one is an error here, but for what only the
// scheduler knows, the meaning of a cron expression.

import type { ScheduleInfo } from "../src/wire/schedules.ts";
import {
  catchUps,
  Cron,
  Interval,
  overlaps,
  ScheduleName,
  TimeZone,
  type CatchUp,
  type Overlap,
} from "../src/wire/schedules.ts";
import { referenceTo } from "./function-reference.ts";
import { encodeArguments } from "./future.ts";
import { checkedNames, number, text, wrongType } from "./option-checks.ts";
import type { Session } from "./session.ts";
import { CallSettings, type CallOptions } from "./task-options.ts";

type ByCron = {
  /**
   * Five fields (minute, hour, day of the month, month, day of the week), six with seconds first, or `@hourly`,
   * `@daily`, `@weekly`, `@monthly`, `@yearly`.
   */
  cron: string;
  /** The time zone of `cron`, as "Europe/Vienna". Default: "UTC". */
  timezone?: string;
  everyMs?: never;
};

type ByInterval = {
  /** Milliseconds from one moment to the next, a whole number from 100; the first comes when they have passed once. */
  everyMs: number;
  cron?: never;
  timezone?: never;
};

/** When a schedule submits its task: by `cron`, or every `everyMs`. */
export type ScheduleOptions = (ByCron | ByInterval) & {
  /**
   * What becomes of moments that were missed, because no scheduler ran: "one" runs once for all of them, "all" once
   * for each (the newest 1,000), "none" not at all. Missed is what is over a minute late. Default: "one".
   */
  catchUp?: CatchUp;
  /**
   * What becomes of a moment that comes while the run before has not ended: "skip" leaves it out, "allow" lets both
   * run, "replace" cancels the run before. Default: "skip".
   */
  overlap?: Overlap;
  /** Options of each task, as `client.with` takes them, without those that name the task or hold back one call. */
  options?: Omit<CallOptions, "key" | "pure" | "output" | "startAt">;
};

export async function schedule(
  session: Session,
  name: string,
  options: ScheduleOptions,
  task: unknown,
  args: readonly unknown[],
): Promise<ScheduleInfo> {
  const checkedName = text(name, "the name of a schedule", ScheduleName);
  const timing = checkedTiming(options);
  const reference = referenceTo(task);
  const { options: taskOptions } = callSettings(options.options).headFor(reference);
  const { payload, inputs } = encodeArguments(args, session);
  return session.request("schedule", {
    name: checkedName,
    ...timing,
    function: reference.name,
    ...(reference.digest !== undefined && { digest: reference.digest }),
    value: payload,
    ...(inputs.length > 0 && { inputs: [...inputs] }),
    ...(taskOptions && { options: taskOptions }),
  });
}

export async function unschedule(session: Session, name: string): Promise<void> {
  await session.request("unschedule", { name: text(name, "the name of a schedule", ScheduleName) });
}

const known = ["cron", "everyMs", "timezone", "catchUp", "overlap", "options"] as const;

function checkedTiming(options: ScheduleOptions) {
  const { cron, everyMs, timezone, catchUp, overlap } = checkedNames(options, known, "a schedule");
  if ((cron === undefined) === (everyMs === undefined)) {
    throw new TypeError(
      cron === undefined ? "give cron or everyMs" : "give cron or everyMs, not both",
    );
  }
  if (timezone !== undefined && cron === undefined) throw new TypeError("timezone needs cron");
  return {
    ...(cron !== undefined && { cron: text(cron, "cron", Cron) }),
    ...(everyMs !== undefined && { everyMs: number(everyMs, "everyMs", Interval) }),
    ...(timezone !== undefined && { timezone: text(timezone, "timezone", TimeZone) }),
    catchUp: oneOf(catchUp ?? "one", "catchUp", catchUps),
    overlap: oneOf(overlap ?? "skip", "overlap", overlaps),
  };
}

function oneOf<Word extends string>(value: unknown, name: string, words: readonly Word[]): Word {
  if ((words as readonly unknown[]).includes(value)) return value as Word;
  const quoted = words.map((word) => `"${word}"`).join(", ");
  if (typeof value !== "string") throw wrongType(name, `one of ${quoted}`, value);
  throw new RangeError(`${name} must be one of ${quoted}: "${value}"`);
}

function callSettings(options: CallOptions = {}): CallSettings {
  const settings = new CallSettings(options);
  for (const name of ["key", "pure", "output", "startAt"] as const) {
    if (options[name] === undefined) continue;
    throw new TypeError(`${name} is not an option of a schedule: it is of one task`);
  }
  return settings;
}
