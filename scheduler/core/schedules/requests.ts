// What clients ask for: a schedule is made, or removed. The very same schedule again changes nothing, so a
// program may make its schedules whenever it starts.

import { samePayload } from "../../../src/payload/same-payload.ts";
import type { ParametersOf, ResultOf } from "../../../src/wire/requests.ts";
import { later, refuse, Refusal, type Asked } from "../clients/answers.ts";
import { findTasks, retain } from "../clients/retention.ts";
import type { State, Task } from "../state.ts";
import { enterSchedule } from "../memory/ledger.ts";
import { functionKey } from "../tasks/functions.ts";
import type { StepContext } from "../tasks/transition.ts";
import { discard, file, infoOf } from "./filing.ts";
import { clientOf, mostSchedules, type Schedule } from "./schedules.ts";

type Parameters = ParametersOf<"schedule">;

export function makeSchedule(
  step: StepContext,
  asked: Asked<"schedule">,
  parameters: Parameters,
): ResultOf<"schedule"> | Refusal | typeof later {
  const { schedules } = step.state;
  const wrong = whyNot(step.state, parameters);
  if (wrong !== undefined) return new Refusal({ code: "schedule-refused", message: wrong });
  const tasks = findTasks(step.state, parameters.inputs ?? []);
  if (typeof tasks === "string") {
    const message = `the future ${tasks} in it is not known here: was it released, or is it of another scheduler?`;
    return new Refusal({ code: "lost-data", message, key: tasks });
  }
  const schedule = createSchedule(step, asked, parameters, tasks);
  const before = schedules.all.get(schedule.name);
  if (before !== undefined && isSame(before, schedule)) {
    discard(step, schedule);
    return infoOf(before);
  }
  if (schedule.cron !== undefined) {
    schedules.pending.set(schedule, asked);
    schedules.crons.set(schedule.number, schedule);
    schedules.revision++;
    return later;
  }
  file(step, schedule);
  return infoOf(schedule);
}

function whyNot({ schedules }: State, { name, cron, everyMs, timezone }: Parameters) {
  if ((cron === undefined) === (everyMs === undefined)) return "give cron or everyMs: one of them";
  if (timezone !== undefined && cron === undefined) return "timezone needs cron";
  const { all, pending } = schedules;
  if (all.has(name) || all.size + pending.size < mostSchedules) return undefined;
  return `there are ${all.size} schedules, and no more are taken: unschedule some`;
}

function createSchedule(
  step: StepContext,
  { client }: Asked,
  parameters: Parameters,
  tasks: readonly Task[],
): Schedule {
  const { state, now } = step;
  const { name, cron, timezone = "UTC", everyMs, catchUp, overlap } = parameters;
  const { function: called, digest, value, inputs, options } = parameters;
  const createdAt = Math.floor(now);
  const itsClient = clientOf(name, now);
  const schedule: Schedule = {
    number: state.schedules.made++,
    name,
    cron: cron === undefined ? undefined : { expression: cron, timezone },
    everyMs,
    catchUp,
    overlap,
    call: {
      function: { name: called, digest },
      args: value,
      inputKeys: inputs?.length ? inputs : undefined,
      options,
    },
    retention: retain(step, itsClient.name, tasks),
    client: itsClient,
    by: client.name,
    createdAt,
    seenAt: undefined,
    nextAt: everyMs === undefined ? undefined : createdAt + everyMs,
    lastAt: undefined,
    lastKey: undefined,
    runs: 0,
    skipped: 0,
    backlog: [],
    gone: false,
  };
  // Let go by `discard`.
  enterSchedule(state, schedule, 1);
  return schedule;
}

function isSame(one: Schedule, other: Schedule): boolean {
  return samePayload(one.call.args, other.call.args) && textOf(one) === textOf(other);
}

/** All that was said of a schedule but its arguments. */
function textOf({ cron, everyMs, catchUp, overlap, call }: Schedule): string {
  const { function: called, inputKeys, options } = call;
  const when = [cron?.expression, cron?.timezone, everyMs, catchUp, overlap];
  return JSON.stringify([...when, functionKey(called), inputKeys, options]);
}

export function unschedule(
  step: StepContext,
  _: Asked,
  { name }: ParametersOf<"unschedule">,
): null | Refusal {
  const { all, pending } = step.state.schedules;
  const waiting = [...pending].filter(([schedule]) => schedule.name === name);
  for (const [schedule, asked] of waiting) {
    discard(step, schedule);
    refuse(step, asked, {
      code: "schedule-refused",
      message: `"${name}" was unscheduled meanwhile`,
    });
  }
  const found = all.get(name);
  if (found === undefined && waiting.length === 0) return unknown(step.state, name);
  if (found !== undefined) discard(step, found);
  return null;
}

function unknown({ schedules, options }: State, name: string): Refusal {
  const near = options.nearestNames(name, schedules.all.keys());
  const orNear =
    near.length === 0 ? "" : `; there is ${near.map((each) => `"${each}"`).join(", ")}`;
  return new Refusal({ code: "lost-data", message: `nothing is scheduled as "${name}"${orNear}` });
}
