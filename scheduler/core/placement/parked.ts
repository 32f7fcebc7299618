// Parked suspects: those that wait until they can run apart from others. Used by the setter of the states of tasks, so
// that whatever ends the wait of a suspect takes it out.

import type { State, Task } from "../state.ts";

/** It waits no more, or has another state. */
export function unpark({ suspects }: State, task: Task): void {
  if (!suspects.parked.delete(task)) return;
  suspects.alone.delete(task);
  suspects.limited.delete(task);
}

export function isParked({ suspects }: State, task: Task): boolean {
  const { state } = task;
  if (state.at !== "waiting" || state.missing > 0 || state.until !== undefined) return false;
  return suspects.parked.has(task);
}
