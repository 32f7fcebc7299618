// Which schedules there are: a new one takes the place of the one that has its name.

import type { ScheduleInfo } from "../../../src/wire/schedules.ts";
import { endRetention } from "../clients/retention.ts";
import { enterHeap, enterSchedule } from "../memory/ledger.ts";
import { backlogBytes } from "../memory/sizes.ts";
import type { State } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";
import type { Schedule } from "./schedules.ts";

/** The schedule has its name from now on. What the one before it was doing is known to it, for its overlap. */
export function file(step: StepContext, schedule: Schedule): void {
  const { schedules } = step.state;
  schedules.pending.delete(schedule);
  const before = schedules.all.get(schedule.name);
  if (before !== undefined) {
    schedule.lastAt = before.lastAt;
    schedule.lastKey = before.lastKey;
    // A moment of it that has come may be one of these.
    if (schedule.cron && before.cron) schedule.seenAt = before.seenAt;
    discard(step, before);
  }
  schedules.all.set(schedule.name, schedule);
  const { nextAt, everyMs, client, by } = schedule;
  if (everyMs !== undefined) setNext(step, schedule, nextAt!);
  step.effects.log("info", `${client.name} is made by client ${by}`);
}

/** The next moment of an interval. */
export function setNext(
  { state }: Pick<StepContext, "state">,
  schedule: Schedule,
  nextAt: number,
): void {
  schedule.nextAt = nextAt;
  state.timers.add(nextAt, { kind: "schedule", schedule });
}

/** The schedule is no more, or will not be. Its tasks go on. */
export function discard(step: StepContext, schedule: Schedule): void {
  const { schedules } = step.state;
  if (!schedule.gone) enterSchedule(step.state, schedule, -1);
  schedule.gone = true;
  schedule.backlog = [];
  setBehind(step.state, schedule, false);
  schedules.pending.delete(schedule);
  if (schedules.all.get(schedule.name) === schedule) schedules.all.delete(schedule.name);
  if (schedules.crons.delete(schedule.number)) schedules.revision++;
  endRetention(step, schedule.retention);
}

/** Whether the schedule has missed moments that have to run. */
export function setBehind(state: State, schedule: Schedule, isBehind: boolean): void {
  const { behind } = state.schedules;
  if (behind.has(schedule) === isBehind) return;
  if (isBehind) behind.add(schedule);
  else behind.delete(schedule);
  enterHeap(state, backlogBytes, isBehind ? 1 : -1);
}

export function scheduleInfos({ schedules }: State): ScheduleInfo[] {
  return Array.from(schedules.all.values(), infoOf);
}

export function infoOf(schedule: Schedule): ScheduleInfo {
  const { name, call, cron, everyMs, catchUp, overlap, nextAt, lastAt, lastKey } = schedule;
  const { runs, skipped, by, createdAt } = schedule;
  return {
    name,
    function: call.function.name,
    ...(cron !== undefined && { cron: cron.expression, timezone: cron.timezone }),
    ...(everyMs !== undefined && { everyMs }),
    catchUp,
    overlap,
    ...(nextAt !== undefined && { nextAt }),
    ...(lastAt !== undefined && { lastAt }),
    ...(lastKey !== undefined && { lastKey }),
    runs,
    skipped,
    by,
    createdAt,
  };
}
