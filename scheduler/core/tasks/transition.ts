// The one setter of a task's state, and the table of allowed transitions.

import { broken } from "../assert.ts";
import { followKept } from "../clients/keeping.ts";
import type { Effects } from "../effects.ts";
import { followFailure, followReasons } from "../memory/ledger.ts";
import type { State, Task, TaskState, TaskStateName } from "../state.ts";
import { unpark } from "../placement/parked.ts";
import { noteChange } from "../values/scatters.ts";
import { codeOf, count, stateNames } from "./state-names.ts";

/** What the functions of the core work with during one step. */
export type StepContext = {
  readonly state: State;
  readonly now: number;
  readonly effects: Effects;
};

export const allowed: Record<TaskStateName, readonly TaskStateName[]> = {
  new: ["waiting", "ready", "failed", "cancelled"],
  waiting: ["ready", "finished", "released", "failed", "cancelled", "forgotten"],
  ready: ["running", "waiting", "released", "failed", "cancelled", "forgotten"],
  running: ["finished", "ready", "waiting", "released", "failed", "cancelled", "forgotten"],
  finished: ["released", "forgotten"],
  released: ["waiting", "forgotten"],
  failed: ["waiting", "ready", "failed", "cancelled", "forgotten"],
  cancelled: ["waiting", "ready", "failed", "forgotten"],
  forgotten: [],
};

/** The same table as bits, by code. */
const allowedBits = stateNames.map((from) =>
  allowed[from].reduce((bits, to) => bits | (1 << codeOf(to)), 0),
);

/** `why` goes into the history. It is a constant, or a name that exists anyway. */
export function transition(step: StepContext, task: Task, next: TaskState, why: string): void {
  const { state, now, effects } = step;
  effects.countChange();
  const before = task.state;
  const from = before.at;
  const to = next.at;
  if ((allowedBits[codeOf(from)]! & (1 << codeOf(to))) === 0) {
    broken(`${task.key}: ${from} to ${to} (${why})`);
  }
  task.state = next;
  if (from === "ready") state.ready.remove(task.spec.lane);
  count(state.counts, from, -1);
  count(state.counts, to, 1);
  if (to === "ready") {
    state.ready.add(task);
    if (task.spec.options.unschedulableTimeoutMs !== undefined) state.becameReady.add(task.spec);
  }
  if (to === "failed" || from === "failed") followFailure(state, before, next);
  if (to === "cancelled" || from === "cancelled") followReasons(state, before, next);
  if (state.kept.size > 0) followKept(step, task);
  noteChange(state, task);
  if (to === "ready" || to === "waiting") state.timeLimit?.unstarted.push(task);
  if (from === "waiting" && state.suspects.parked.size > 0) unpark(state, task);
  state.history.add(task.key, now, from, to, why);
}
