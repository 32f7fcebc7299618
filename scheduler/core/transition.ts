// The one setter of a task's state, and the table of what may follow what.

import { broken } from "./assert.ts";
import type { Effects } from "./effects.ts";
import type { State, Task, TaskState, TaskStateName } from "./state.ts";

/** What a handler works with during one step. */
export type Step = { readonly state: State; readonly now: number; readonly effects: Effects };

export const allowed: Record<TaskStateName, readonly TaskStateName[]> = {
  new: ["waiting", "ready", "failed", "cancelled"],
  waiting: ["ready", "failed", "cancelled", "forgotten"],
  ready: ["running", "waiting", "failed", "cancelled", "forgotten"],
  running: ["finished", "ready", "waiting", "failed", "cancelled", "forgotten"],
  finished: ["forgotten"],
  failed: ["waiting", "ready", "failed", "cancelled", "forgotten"],
  cancelled: ["waiting", "ready", "failed", "forgotten"],
  forgotten: [],
};

/** `why` is kept in the history: a constant, or a name that exists anyway. */
export function transition({ state, now }: Step, task: Task, next: TaskState, why: string): void {
  const from = task.state.at;
  if (!allowed[from].includes(next.at)) broken(`${task.key}: ${from} to ${next.at} (${why})`);
  task.state = next;
  if (from === "ready") state.ready.remove(task);
  state.counts[from]--;
  state.counts[next.at]++;
  if (next.at === "ready") state.ready.add(task);
  state.history.add(task.key, now, from, next.at, why);
}
