// The local queue against the plainest thing that keeps its promise: a sorted array.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CallQueue } from "../../../worker/pool/call-queue.ts";

type Item = { order: number; terms: { priority: number; depth: number }; queued: boolean };

const item = (order: number, priority = 0): Item => ({
  order,
  terms: { priority, depth: 0 },
  queued: false,
});

class SortedArray {
  items: Item[] = [];
  add(added: Item): void {
    this.items.push(added);
    this.items.sort((a, b) => b.terms.priority - a.terms.priority || a.order - b.order);
  }
  remove(removed: Item): boolean {
    const index = this.items.indexOf(removed);
    if (index !== -1) this.items.splice(index, 1);
    return index !== -1;
  }
}

describe("the local queue", () => {
  test("gives higher priorities first, then what arrived first", () => {
    const queue = new CallQueue<Item>();
    const [a, b, c, d] = [item(0), item(1, 5), item(2), item(3, -1)] as const;
    for (const each of [a, b, c, d]) queue.push(each);
    expect([queue.shift(), queue.shift(), queue.shift(), queue.shift()]).toEqual([b, a, c, d]);
    expect(queue.shift()).toBeUndefined();
    expect(queue.size).toBe(0);
  });

  test("does whatever a sorted array would, in any order of pushes, removals and returns", () => {
    const actions = fc.array(
      fc.oneof(
        {
          weight: 4,
          arbitrary: fc.record({
            do: fc.constant("push"),
            priority: fc.integer({ min: -2, max: 2 }),
          }),
        },
        { weight: 3, arbitrary: fc.record({ do: fc.constant("shift") }) },
        { weight: 2, arbitrary: fc.record({ do: fc.constant("remove"), which: fc.nat() }) },
        { weight: 2, arbitrary: fc.record({ do: fc.constant("restore"), which: fc.nat() }) },
        { weight: 1, arbitrary: fc.record({ do: fc.constant("clear") }) },
      ),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(actions, (steps) => {
        const queue = new CallQueue<Item>();
        const model = new SortedArray();
        const all: Item[] = [];
        const out: Item[] = [];
        for (const step of steps) {
          if (step.do === "push" && "priority" in step) {
            const added = item(all.length, step.priority);
            all.push(added);
            queue.push(added);
            model.add(added);
          } else if (step.do === "shift") {
            const taken = queue.shift();
            expect(taken).toBe(model.items.shift());
            if (taken) out.push(taken);
          } else if (step.do === "remove" && "which" in step && all.length > 0) {
            const removed = all[step.which % all.length]!;
            expect(queue.remove(removed)).toBe(model.remove(removed));
          } else if (step.do === "restore" && "which" in step && out.length > 0) {
            const [restored] = out.splice(step.which % out.length, 1);
            queue.restore(restored!);
            model.add(restored!);
          } else if (step.do === "clear") {
            expect(queue.clear()).toEqual(model.items.splice(0));
          }
          expect(queue.size).toBe(model.items.length);
          expect(queue.first).toBe(model.items[0]);
        }
      }),
    );
  });

  test("stays small while calls come and are taken back behind one that never gets its turn", () => {
    const queue = new CallQueue<Item>();
    queue.push(item(0));
    const started = performance.now();
    for (let order = 1; order < 200_000; order += 1) {
      const passing = item(order);
      queue.push(passing);
      queue.remove(passing);
    }
    expect(queue.size).toBe(1);
    expect(queue.shift()?.order).toBe(0);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
