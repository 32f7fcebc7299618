// What the passing of time does: held tasks start, unstarted ones expire, grace periods end.

import * as client from "./clients/client-events.ts";
import { whatIsMissing } from "./placement/missing.ts";
import { reviewReservation } from "./placement/reservation.ts";
import type { Task } from "./state.ts";
import { fail, proceed } from "./tasks/lifecycle.ts";
import type { Timer } from "./timers.ts";
import type { StepContext } from "./tasks/transition.ts";
import { failUnknownName } from "./placement/unschedulable.ts";
import * as worker from "./workers/worker-events.ts";

export function clock(step: StepContext): void {
  const { state, now } = step;
  for (let timer = state.timers.takeDue(now); timer; timer = state.timers.takeDue(now)) {
    switch (timer.due) {
      case "start":
        proceed(step, timer.task, "its time came");
        break;
      case "expiry":
        expire(step, timer.task);
        break;
      case "worker-grace": {
        const { awayUntil, id } = timer.worker;
        if (awayUntil !== undefined && awayUntil <= now) {
          worker.lose(step, id, "its link dropped and it did not come back");
        }
        break;
      }
      case "client-grace": {
        const { awayUntil, id, gone } = timer.client;
        if (!gone && awayUntil !== undefined && awayUntil <= now) client.leave(step, id);
        break;
      }
      case "patience":
        losePatience(step, timer);
        break;
      case "rebalance":
        timer.worker.lookAgainAt = undefined;
        timer.worker.nothingToGiveAt = undefined;
        break;
      case "starving":
        reviewReservation(step);
        break;
      case "unknown-name":
        failUnknownName(step, timer.function);
        break;
      default:
        timer satisfies never;
    }
  }
}

/** Nobody could ever run the tasks of a spec for so long as they would wait, unless it is otherwise. */
function losePatience(
  step: StepContext,
  { spec, before }: Extract<Timer, { due: "patience" }>,
): void {
  const { state, now } = step;
  const { unschedulableTimeoutMs } = spec.options;
  state.patient.delete(spec);
  if (unschedulableTimeoutMs === undefined || spec.lane.ready === 0) return;
  const wait = (at: number, upTo: number) => {
    state.patient.add(spec);
    state.timers.add({ at, due: "patience", spec, before: upTo });
  };
  const missing = whatIsMissing(state, spec.constraint);
  if (missing === undefined) return wait(now + unschedulableTimeoutMs, state.totals.submitted);
  const at = state.lastDepartureAt + unschedulableTimeoutMs;
  if (state.lastDepartureAt > 0 && at > now) return wait(at, before);
  const { name } = spec.function;
  const message = `"${name}" waited ${unschedulableTimeoutMs} ms for a worker that could ever run it: ${missing}`;
  let failed = 0;
  // Rare, so it may look at every task; a list for each spec would cost each task its place in it.
  for (const task of [...state.tasks.values()]) {
    if (task.spec !== spec || task.order >= before || task.state.at !== "ready") continue;
    const failure = { code: "unschedulable", message, key: task.key, task: name };
    fail(step, task, failure, "nobody could ever run it");
    failed++;
  }
  if (failed > 0) step.effects.log("warning", `${failed} of "${name}" failed: ${missing}`);
  if (spec.lane.ready > 0) wait(now + unschedulableTimeoutMs, state.totals.submitted);
}

/** Fails a task whose time ran out before any attempt of it began. */
function expire(step: StepContext, task: Task): void {
  const { at } = task.state;
  if (task.expiresAt === undefined || task.attempt > 0) return;
  if (at !== "waiting" && at !== "ready") return;
  const { name } = task.spec.function;
  const message = `"${name}" had not started when its expiresMs of ${task.spec.options.expiresMs} ran out`;
  fail(step, task, { code: "task-timeout", message, key: task.key, task: name }, "expired");
}
