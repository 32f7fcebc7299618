// The timers against a sorted list.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Spec, Task, TaskState } from "../../../scheduler/core/state.ts";
import { KeyTable } from "../../../src/key-table.ts";
import { Timers, type Due } from "../../../scheduler/core/timers.ts";

const spec = { signature: "f" } as Spec;
/** Files a task, and names it. */
function taskAt(tasks: KeyTable<Task>, order: number, at: TaskState["at"]) {
  const key = `t-${order}`;
  tasks.add({ key, order, state: { at } } as Task);
  return { key, order };
}

const actions = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("add" as const), at: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ do: fc.constant("take" as const), now: fc.integer({ min: 0, max: 50 }) }),
  ),
  { maxLength: 200, size: "max" },
);

test("what is due comes soonest first, and nothing before its moment", () => {
  fc.assert(
    fc.property(actions, (run) => {
      const timers = new Timers(new KeyTable());
      const model: number[] = [];
      for (const action of run) {
        if (action.do === "add") {
          timers.add(action.at, { kind: "unschedulable", spec, before: action.at });
          model.push(action.at);
          model.sort((a, b) => a - b);
        } else {
          const isDue = model.length > 0 && model[0]! <= action.now;
          expect(timers.takeDue(action.now)).toEqual(
            isDue ? { kind: "unschedulable", spec, before: model.shift() } : undefined,
          );
        }
        expect([timers.size, timers.nextAt]).toEqual([model.length, model[0]]);
      }
    }),
  );
});

test("timers of tasks that are through do not pile up until their moment comes", () => {
  const tasks = new KeyTable<Task>();
  const timers = new Timers(tasks);
  const waiting: Due[] = [];
  for (let at = 100_000; at > 0; at--) {
    const isOpen = at % 1_000 === 0;
    const due: Due = { kind: "expiry", ...taskAt(tasks, at, isOpen ? "ready" : "finished") };
    if (isOpen) waiting.push(due);
    timers.add(at, due);
  }
  expect(timers.size).toBeLessThan(2_000);
  const taken: Due[] = [];
  for (let next = timers.takeDue(1e6); next; next = timers.takeDue(1e6)) taken.push(next);
  expect(taken.filter((due) => waiting.includes(due))).toEqual(waiting.reverse());
});
