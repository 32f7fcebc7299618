// The small sets of scheduler/core/small-set.ts, held against sets.

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  includes,
  listOf,
  without,
  withOne,
  type SmallSet,
} from "../../../../scheduler/core/structures/small-set.ts";

test("small sets are what a set of them would be, and a set only from two on", () => {
  const items = [{ name: "a" }, { name: "b" }, { name: "c" }];
  const change = fc.record({ add: fc.boolean(), item: fc.constantFrom(...items) });
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      let set: SmallSet<(typeof items)[number]>;
      const model = new Set<(typeof items)[number]>();
      for (const { add, item } of changes) {
        set = add ? withOne(set, item) : without(set, item);
        if (add) model.add(item);
        else model.delete(item);
        expect(listOf(set)).toEqual([...model]);
        expect(items.map((each) => includes(set, each))).toEqual(
          items.map((each) => model.has(each)),
        );
        expect(set instanceof Set).toBe(model.size > 1);
      }
    }),
  );
});
