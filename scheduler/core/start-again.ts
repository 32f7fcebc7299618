// A scheduler goes on where an earlier one ended. What was true of the earlier one's surroundings, its
// options and the job that it ran in, is not true any more.

import { setNext } from "./schedules/filing.ts";
import type { CoreOptions, State } from "./state.ts";

export function startAgain(state: State, options: CoreOptions): void {
  Object.assign(state.options, options);
  if (state.timeLimit !== undefined) wakeSchedules(state);
  state.timeLimit = undefined;
  state.noWorkerComing = undefined;
  state.ledger.isExhausted = false;
}

/** The timers of those that came due near the time limit had no effect. */
function wakeSchedules(state: State): void {
  for (const schedule of state.schedules.all.values()) {
    if (schedule.everyMs !== undefined) setNext({ state }, schedule, schedule.nextAt!);
  }
}
