// A client that hears of everything: what it is told of each task has to be a story that could be true, and
// has to agree with the state after every step.

import { expect } from "vitest";
import type { State } from "../../../scheduler/core/state.ts";
import { isScattered } from "../../../scheduler/core/values/lineage.ts";
import type { ClusterEvent, TaskEvent } from "../../../src/wire/events.ts";

type Standing = "open" | "finished" | "failed" | "cancelled" | "released";
type Kind = TaskEvent["type"];

/** After which events another may come, and what the task is then. */
const follows: Record<Kind, { after: readonly Standing[]; then: Standing }> = {
  submitted: { after: ["cancelled", "released", "finished", "failed"], then: "open" },
  started: { after: ["open"], then: "open" },
  progress: { after: ["open"], then: "open" },
  finished: { after: ["open"], then: "finished" },
  failed: { after: ["open"], then: "failed" },
  cancelled: { after: ["open"], then: "cancelled" },
  released: { after: ["open"], then: "released" },
  retried: { after: ["open", "failed", "finished", "released"], then: "open" },
  lost: { after: ["open", "finished"], then: "open" },
};

export class Listener {
  readonly tasks = new Map<string, Standing>();
  readonly workers = new Set<string>();
  readonly heard: ClusterEvent[] = [];

  hear(events: readonly ClusterEvent[]): void {
    for (const event of events) {
      this.heard.push(event);
      if (event.type === "missed") throw new Error("it missed something");
      else if (event.type === "worker-joined") this.workers.add(event.worker);
      else if (event.type === "worker-left") this.workers.delete(event.worker);
      else {
        const { after, then } = follows[event.type];
        const before = this.tasks.get(event.key);
        const isRight = before === undefined ? event.type === "submitted" : after.includes(before);
        if (!isRight) throw new Error(`${JSON.stringify(event)} came after ${before}`);
        this.tasks.set(event.key, then);
      }
    }
  }

  /** What it was told is what there is. Without `expect`, which would take most of the time. */
  check({ tasks, workers }: State): void {
    expect([...workers.values()].map(({ name }) => name).sort()).toEqual([...this.workers].sort());
    let open = 0;
    for (const task of tasks.values()) {
      if (isScattered(task)) continue;
      const told = this.tasks.get(task.key);
      const { at } = task.state;
      const isOpen = at === "waiting" || at === "ready" || at === "running";
      if (isOpen) open++;
      // The value of a released one may have been let go, or lost while nobody needed it.
      const isRight =
        at === "released"
          ? told === "finished" || told === "open" || told === "released"
          : told === (isOpen ? "open" : at);
      if (at === "released" && told === "open") open++;
      if (!isRight) throw new Error(`${task.key} is ${at}, and was told as ${told}`);
    }
    let toldOpen = 0;
    for (const standing of this.tasks.values()) if (standing === "open") toldOpen++;
    expect(toldOpen).toBe(open);
  }
}
