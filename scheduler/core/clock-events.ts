// Timers that are due: delayed tasks start, unstarted ones expire, grace periods end.

import { describeDuration } from "../../src/duration.ts";
import * as client from "./clients/client-events.ts";
import { endKeep } from "./clients/keeping.ts";
import { openRate } from "./placement/limits.ts";
import { endVigil } from "./placement/no-workers.ts";
import { reviewReservation } from "./placement/reservation.ts";
import { endInterval } from "./schedules/moments.ts";
import type { State, Task } from "./state.ts";
import { endHold, fail, forgetIfUnneeded, proceed } from "./tasks/lifecycle.ts";
import type { StepContext } from "./tasks/transition.ts";
import { failUnknownFunction, failUnschedulable } from "./placement/unschedulable.ts";
import { stoodStill, taskOf } from "./timers.ts";
import * as worker from "./workers/membership.ts";

export function clock(step: StepContext): void {
  const { state, now } = step;
  const next = () => state.timers.takeDue(now) ?? state.wallTimers.takeDue(now + state.wallAheadMs);
  for (let due = next(); due; due = next()) {
    switch (due.kind) {
      case "start":
        withTask(state, due, (task) => proceed(step, task, "its delay is over"));
        break;
      case "start-at":
        withTask(state, due, (task) => endHold(step, task));
        break;
      case "expiry":
        withTask(state, due, (task) => expire(step, task));
        break;
      case "keep-over":
        withTask(state, due, (task) => {
          if (endKeep(step, task)) forgetIfUnneeded(step, task);
        });
        break;
      case "worker-grace": {
        const { awayUntil, id } = due.worker;
        // The same process may have joined anew, as another worker to the scheduler.
        const isHere = state.workers.get(id) === due.worker;
        if (!isHere || awayUntil === undefined || awayUntil > now) break;
        if (stoodStill(awayUntil, now)) {
          worker.away(step, id);
        } else {
          worker.lose(step, id, "its link dropped and it did not come back");
        }
        break;
      }
      case "client-grace":
        client.endGrace(step, due.client);
        break;
      case "unschedulable":
        failUnschedulable(step, due);
        break;
      case "rebalance":
        due.worker.lookAgainAt = undefined;
        due.worker.nothingToWithdrawAt = undefined;
        break;
      case "reservation":
        reviewReservation(step);
        break;
      case "no-workers":
        endVigil(step, due.vigil);
        break;
      case "unknown-function":
        failUnknownFunction(step, due.function);
        break;
      case "schedule":
        endInterval(step, due.schedule);
        break;
      case "rate":
        openRate(state, now, due.rate);
        break;
      default:
        due satisfies never;
    }
  }
}

function withTask(
  { tasks }: State,
  of: Parameters<typeof taskOf>[1],
  act: (task: Task) => void,
): void {
  const task = taskOf(tasks, of);
  if (task) act(task);
}

/** Fails a task whose `expiresMs` passed before its first attempt. */
function expire(step: StepContext, task: Task): void {
  const { at } = task.state;
  if (task.expiresAt === undefined || task.starts > 0) return;
  if (at !== "waiting" && at !== "ready") return;
  const { name } = task.spec.function;
  const message = `"${name}" had not started when its expiresMs of ${describeDuration(task.spec.options.expiresMs!)} ran out`;
  fail(step, task, { code: "task-timeout", message, key: task.key, task: name }, "expired");
}
