// The deque against an array.

import fc from "fast-check";
import { expect, test } from "vitest";
import { Deque } from "../../../../scheduler/core/structures/deque.ts";

const actions = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("pushBack" as const), item: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("pushFront" as const), item: fc.nat() }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("popFront" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("keepEven" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("clear" as const) }) },
  ),
  { maxLength: 200, size: "max" },
);

test("a deque holds what an array would hold, in the same order", () => {
  fc.assert(
    fc.property(actions, (run) => {
      const deque = new Deque<number>();
      let model: number[] = [];
      for (const action of run) {
        if (action.do === "pushBack") {
          deque.pushBack(action.item);
          model.push(action.item);
        } else if (action.do === "pushFront") {
          deque.pushFront(action.item);
          model.unshift(action.item);
        } else if (action.do === "popFront") {
          expect(deque.popFront()).toBe(model.shift());
        } else if (action.do === "keepEven") {
          deque.keep((item) => item % 2 === 0);
          model = model.filter((item) => item % 2 === 0);
        } else {
          deque.clear();
          model = [];
        }
        expect([deque.size, deque.first]).toEqual([model.length, model[0]]);
        expect([...deque]).toEqual(model);
      }
    }),
  );
});

test("an undefined item is an item", () => {
  const deque = new Deque<undefined>();
  deque.pushBack(undefined);
  expect([deque.size, [...deque]]).toEqual([1, [undefined]]);
});
