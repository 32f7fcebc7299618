// The runs of schedules: a moment becomes a task, or is left out because the run before it has not ended.

import { keep } from "../clients/keeping.ts";
import { whyNoRate } from "../placement/limits.ts";
import { mayStart } from "../time-limit.ts";
import type { State, Task } from "../state.ts";
import { admit, cancelOne, createTask, isSettled } from "../tasks/lifecycle.ts";
import { endUse, specFor, useSpec } from "../tasks/specs.ts";
import { findInputs } from "../tasks/submitting.ts";
import type { StepContext } from "../tasks/transition.ts";
import { setBehind } from "./filing.ts";
import { keyOf, mostDue, type Schedule } from "./schedules.ts";

/** A moment has come: a task of it is submitted, unless the one before it still goes on and may not be joined. */
export function comeDue(step: StepContext, schedule: Schedule, moment: number): void {
  if (step.state.ledger.level === "full") {
    schedule.skipped++;
    return;
  }
  const { overlap } = schedule;
  const before = overlap === "allow" ? undefined : runOf(step.state, schedule);
  if (overlap === "skip" && (before !== undefined || schedule.backlog.length > 0)) {
    schedule.skipped++;
    return;
  }
  if (before) cancelOne(step, before, `the next run of ${schedule.client.name} has begun`);
  submitRun(step, schedule, moment);
}

/** Missed moments run after what goes on, one after another. */
export function queueMissed(step: StepContext, schedule: Schedule, moments: readonly number[]) {
  const { backlog } = schedule;
  backlog.push(...moments);
  schedule.skipped += backlog.splice(0, Math.max(0, backlog.length - mostDue)).length;
  if (backlog.length === 0) return;
  setBehind(step.state, schedule, true);
  advance(step, schedule);
}

/** At the end of every step: the next missed moment of each backlog runs when it can. Returns whether one does. */
export function advanceBacklogs(step: StepContext): boolean {
  const { state } = step;
  if (state.schedules.behind.size === 0 || !mayStart(state)) return false;
  const { submitted } = state.totals;
  for (const schedule of [...state.schedules.behind]) advance(step, schedule);
  return state.totals.submitted > submitted;
}

function advance(step: StepContext, schedule: Schedule): void {
  const { backlog } = schedule;
  if (step.state.ledger.level === "full") return;
  while (backlog.length > 0 && runOf(step.state, schedule) === undefined) {
    submitRun(step, schedule, backlog.shift()!);
  }
  if (backlog.length === 0) setBehind(step.state, schedule, false);
}

/** The newest task, while it has not ended. */
export function runOf({ tasks }: State, { lastKey }: Schedule): Task | undefined {
  const task = lastKey === undefined ? undefined : tasks.get(lastKey);
  return task === undefined || isSettled(task) ? undefined : task;
}

/** The task runs to its end though no client holds a future of it. */
function submitRun(step: StepContext, schedule: Schedule, moment: number): void {
  const { state, now, effects } = step;
  const { client, call } = schedule;
  const key = keyOf(schedule, moment);
  const why = call.options && whyNoRate(state, call.function.name, call.options);
  if (why !== undefined) {
    schedule.skipped++;
    effects.log("warning", `a moment of ${client.name} is left out: ${why}`);
    return;
  }
  if (state.tasks.has(key)) {
    schedule.skipped++;
    effects.log("warning", `a moment of ${client.name} is left out: a task has its key ${key}`);
    return;
  }
  const spec = specFor(state, client, call.function, call.options);
  useSpec(spec);
  const { args, inputKeys } = call;
  const task = createTask(step, spec, { key, args, inputKeys });
  task.detachedBy = client;
  schedule.runs++;
  schedule.lastAt = Math.floor(now);
  schedule.lastKey = key;
  const { keepMs } = spec.options;
  if (keepMs !== undefined) keep(step, task, keepMs);
  if (inputKeys === undefined || findInputs(step, task, inputKeys)) {
    admit(step, task, client.name);
  }
  endUse(state, spec);
}
