// The ring of transitions against a list of all of them.

import fc from "fast-check";
import { expect, test } from "vitest";
import { History } from "../../../../scheduler/core/tasks/history.ts";

test("the history tells the newest transitions of a task, oldest first, and forgets the rest", () => {
  const keys = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 60, size: "max" });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), keys, (size, run) => {
      const history = new History(size);
      const all: { key: string; at: number }[] = [];
      for (const [at, key] of run.entries()) {
        history.add(key, at, at === 0 ? "new" : "waiting", "ready", `why ${at}`);
        all.push({ key, at });
        const remembered = all.slice(-size);
        for (const each of ["a", "b", "c"]) {
          const expected = remembered.filter((one) => one.key === each).map((one) => one.at);
          expect(history.of(each).map((one) => one.at)).toEqual(expected);
        }
      }
    }),
  );
});

test("a transition is told as it was written", () => {
  const history = new History(2);
  history.add("a", 5, "ready", "running", "w1");
  expect(history.of("a")).toEqual([{ at: 5, from: "ready", to: "running", why: "w1" }]);
  expect(history.of("b")).toEqual([]);
});
