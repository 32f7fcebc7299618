// The heap against a sorted list.

import fc from "fast-check";
import { expect, test } from "vitest";
import { Heap, type Heaped } from "../../../../scheduler/core/structures/heap.ts";

type Item = Heaped & { key: number };

const actions = fc.array(
  fc.record({
    do: fc.constantFrom("add", "remove", "move", "keep"),
    key: fc.nat(50),
    which: fc.nat(),
  }),
  { maxLength: 200, size: "max" },
);

test("the smallest item is first, whatever was added, removed, moved or dropped", () => {
  fc.assert(
    fc.property(actions, (run) => {
      const heap = new Heap<Item>((a, b) => a.key < b.key);
      let model: Item[] = [];
      for (const { do: action, key, which } of run) {
        const item = model[which % Math.max(1, model.length)];
        if (action === "add") {
          const added = { key, heapAt: -1 };
          heap.add(added);
          model.push(added);
        } else if (action === "keep") {
          const dropped = model.filter((each) => each.key < key / 4);
          model = model.filter((each) => each.key >= key / 4);
          heap.keep((each) => each.key >= key / 4);
          expect(dropped.every(({ heapAt }) => heapAt === -1)).toBe(true);
        } else if (item && action === "remove") {
          heap.remove(item);
          model.splice(model.indexOf(item), 1);
          expect(item.heapAt).toBe(-1);
        } else if (item) {
          item.key = key;
          heap.moved(item);
        }
        expect(heap.size).toBe(model.length);
        expect(heap.first?.key).toBe(model.toSorted((a, b) => a.key - b.key)[0]?.key);
        expect([...heap].every((each, index) => each.heapAt === index)).toBe(true);
      }
    }),
  );
});
