// Keeping: a task with `keepMs` stays for so long after it settled, though nobody holds a future of it.
// Whoever needs it otherwise keeps it longer. This file is used by the setter of the states of tasks, so
// that whatever settles a task begins the time, and whatever runs it again ends that.

import type { State, Task } from "../state.ts";
import { ofTask } from "../timers.ts";

/** How long a task is kept. */
export type Keep = {
  keepMs: number;
  /** When the time is over; undefined until the task has settled. */
  until: number | undefined;
  /** Its timer runs: one at a time, however often the task settles. */
  hasTimer: boolean;
};

type Context = { readonly state: State; readonly now: number };

/** Keeps a task so long after it settled, or longer; one that has settled already, from now on. */
export function keep(step: Context, task: Task, keepMs: number): void {
  const { kept } = step.state;
  let its = kept.get(task);
  if (its === undefined) kept.set(task, (its = { keepMs, until: undefined, hasTimer: false }));
  its.keepMs = Math.max(its.keepMs, keepMs);
  if (!hasOutcome(task)) return;
  keepUntil(step.state, task, its, Math.max(its.until ?? 0, step.now + keepMs));
}

/** The task has another state now. */
export function followKept({ state, now }: Context, task: Task): void {
  const kept = state.kept.get(task);
  if (kept === undefined) return;
  if (hasOutcome(task)) keepUntil(state, task, kept, now + kept.keepMs);
  else kept.until = undefined;
}

/** The timer of a task is due. Returns whether its time is over, so that it may be forgotten. */
export function endKeep({ state, now }: Context, task: Task): boolean {
  const kept = state.kept.get(task);
  if (kept === undefined) return false;
  kept.hasTimer = false;
  // It runs again, or has settled again since.
  if (kept.until === undefined) return false;
  if (kept.until > now) {
    keepUntil(state, task, kept, kept.until);
    return false;
  }
  state.kept.delete(task);
  return true;
}

function keepUntil({ timers }: State, task: Task, kept: Keep, until: number): void {
  kept.until = until;
  if (kept.hasTimer) return;
  kept.hasTimer = true;
  timers.add(until, { kind: "keep-over", ...ofTask(task) });
}

/** Whether it has settled, and the value of one that finished is there. */
function hasOutcome({ state: { at } }: Task): boolean {
  return at === "finished" || at === "failed" || at === "cancelled";
}
