// `unschedulableTimeoutMs`: how long tasks wait for a worker that could ever run them. One timer
// for each spec that says so and has ready tasks, so that a million of them cost no more than one.
//
// That nobody here could run a task can only begin when a worker goes. So it has been so all the
// while when it is so now, and no worker went meanwhile.

import type { State, Task } from "../state.ts";

/** A task became ready: from here on somebody must be there who could run it some day. */
export function beginPatience(state: State, now: number, { spec }: Task): void {
  const { unschedulableTimeoutMs } = spec.options;
  if (unschedulableTimeoutMs === undefined || state.patient.has(spec)) return;
  state.patient.add(spec);
  const at = now + unschedulableTimeoutMs;
  state.timers.add({ at, due: "patience", spec, before: state.totals.submitted });
}
