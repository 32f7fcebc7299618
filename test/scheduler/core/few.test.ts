// The few of a kind of scheduler/core/few.ts, held against sets.

import fc from "fast-check";
import { expect, test } from "vitest";
import { includes, listOf, without, withOne, type Few } from "../../../scheduler/core/few.ts";

test("few of a kind are what a set of them would be, and a set only from two on", () => {
  const items = [{ name: "a" }, { name: "b" }, { name: "c" }];
  const change = fc.record({ add: fc.boolean(), item: fc.constantFrom(...items) });
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      let few: Few<(typeof items)[number]>;
      const model = new Set<(typeof items)[number]>();
      for (const { add, item } of changes) {
        few = add ? withOne(few, item) : without(few, item);
        if (add) model.add(item);
        else model.delete(item);
        expect(listOf(few)).toEqual([...model]);
        expect(items.map((each) => includes(few, each))).toEqual(
          items.map((each) => model.has(each)),
        );
        expect(few instanceof Set).toBe(model.size > 1);
      }
    }),
  );
});
