// The states of a task as numbers. Every task goes through five of them, and a look-up in an object by
// a name that varies costs more than all else in a transition: hence the switches.

import type { TaskStateName } from "../state.ts";

/** The index of a name is its code. */
export const stateNames: readonly TaskStateName[] = [
  "new",
  "waiting",
  "ready",
  "running",
  "finished",
  "failed",
  "cancelled",
  "forgotten",
  "released",
];

export function codeOf(name: TaskStateName): number {
  switch (name) {
    case "new":
      return 0;
    case "waiting":
      return 1;
    case "ready":
      return 2;
    case "running":
      return 3;
    case "finished":
      return 4;
    case "failed":
      return 5;
    case "cancelled":
      return 6;
    case "forgotten":
      return 7;
    case "released":
      return 8;
  }
}

/** Adds to the count of one state. */
export function count(counts: Record<TaskStateName, number>, name: TaskStateName, by: number) {
  switch (name) {
    case "new":
      counts.new += by;
      return;
    case "waiting":
      counts.waiting += by;
      return;
    case "ready":
      counts.ready += by;
      return;
    case "running":
      counts.running += by;
      return;
    case "finished":
      counts.finished += by;
      return;
    case "failed":
      counts.failed += by;
      return;
    case "cancelled":
      counts.cancelled += by;
      return;
    case "forgotten":
      counts.forgotten += by;
      return;
    case "released":
      counts.released += by;
  }
}
