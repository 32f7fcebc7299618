// The moments of schedules, as they come: of intervals by the clock of the core, of cron expressions as the
// shell tells of them. A moment that is over a minute late was missed, and is caught up as its schedule says.

import { answer, refuse } from "../clients/answers.ts";
import type { StepContext } from "../tasks/transition.ts";
import { mayStart } from "../time-limit.ts";
import { discard, file, infoOf, setNext } from "./filing.ts";
import { comeDue, queueMissed } from "./runs.ts";
import { missedAfterMs, mostDue, wasWrong, type Schedule } from "./schedules.ts";

/** What the shell found for one cron expression. */
export type CronMoments = {
  /** The number of the schedule. */
  readonly schedule: number;
  /** Moments that have come since those that were dealt with, oldest first. */
  readonly due: readonly number[];
  /** There were more of them before these. */
  readonly hasMore?: boolean;
  /** The first moment that is still to come; absent when there is none. */
  readonly next?: number;
  /** Why the expression or its time zone means nothing. */
  readonly wrong?: string;
};

/** @param at what the clock of the machine said */
export function receiveMoments(step: StepContext, at: number, all: readonly CronMoments[]): void {
  const { schedules } = step.state;
  for (const found of all) {
    const schedule = schedules.crons.get(found.schedule);
    if (schedule === undefined) continue;
    schedules.revision++;
    const asked = schedules.pending.get(schedule);
    if (asked === undefined) {
      dealWith(step, schedule, at, found);
      continue;
    }
    const { expression } = schedule.cron!;
    const { next, wrong = next === undefined ? `"${expression}" never comes` : undefined } = found;
    if (wrong === undefined) {
      file(step, schedule);
      dealWith(step, schedule, at, { ...found, due: [] });
      answer(step, asked, infoOf(schedule));
    } else {
      discard(step, schedule);
      refuse(step, asked, { code: "schedule-refused", message: wrong });
    }
  }
}

function dealWith(
  step: StepContext,
  schedule: Schedule,
  at: number,
  { due, hasMore = false, next, wrong }: CronMoments,
): void {
  const { seenAt = at, client } = schedule;
  if (wrong !== undefined)
    step.effects.log("error", `${client.name} has no more moments: ${wrong}`);
  schedule.nextAt = next;
  schedule.seenAt = wasWrong(seenAt, at) ? at : Math.max(seenAt, at);
  if (schedule.seenAt < seenAt) {
    const text = `${client.name} goes on by a clock that was set back by more than a day`;
    return step.effects.log("warning", text);
  }
  // An event may say again what an earlier one has said.
  const fresh = due.filter((moment) => moment > seenAt);
  come(step, schedule, { due: fresh, hasMore, at });
}

/** The moment of an interval has come. */
export function endInterval(step: StepContext, schedule: Schedule): void {
  const { state, now } = step;
  const { everyMs, nextAt, gone } = schedule;
  if (gone || everyMs === undefined || nextAt === undefined || nextAt > now) return;
  // It stays due, for the scheduler that goes on where this one ends.
  if (!mayStart(state)) return;
  const count = Math.floor((now - nextAt) / everyMs) + 1;
  const shown = Math.min(count, mostDue);
  const due = Array.from({ length: shown }, (_, index) => {
    return nextAt + (count - shown + index) * everyMs;
  });
  setNext(step, schedule, nextAt + count * everyMs);
  schedule.skipped += count - shown;
  come(step, schedule, { due, hasMore: count > shown, at: now });
}

type Come = { due: readonly number[]; hasMore: boolean; at: number };

function come(step: StepContext, schedule: Schedule, { due, hasMore, at }: Come): void {
  const { catchUp, overlap, client } = schedule;
  const onTime = due.filter((moment) => at - moment <= missedAfterMs);
  const missed = due.slice(0, due.length - onTime.length);
  const most = { all: missed.length, one: 1, none: 0 }[catchUp];
  const wanted = missed.slice(Math.max(0, missed.length - most));
  schedule.skipped += missed.length - wanted.length;
  if (catchUp === "all" && hasMore) {
    step.effects.log(
      "warning",
      `${client.name} missed more than ${mostDue} moments: the newest run`,
    );
  }
  if (overlap === "skip" && catchUp === "all") queueMissed(step, schedule, wanted.splice(0));
  wanted.push(...onTime);
  // Each would end the one before it at once.
  if (overlap === "replace") schedule.skipped += wanted.splice(0, wanted.length - 1).length;
  for (const moment of wanted) comeDue(step, schedule, moment);
}
