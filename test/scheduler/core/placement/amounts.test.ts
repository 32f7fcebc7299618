// The amounts of resources that tasks take and give back, whatever fractions they are.

import fc from "fast-check";
import { expect, test } from "vitest";
import { Story } from "../story.ts";

test("a worker remembers no names of which tasks need nothing", () => {
  const story = new Story();
  const ann = story.client("ann");
  const worker = story.worker("w1", { resources: { gpu: 1 } });
  worker.join();
  ann.submit("f", ["a"], { resources: { gpu: 1, other: 0 } });
  worker.finish("a");
  const [here] = story.state.workers.values();
  expect(Object.keys(here!.used)).toEqual(["gpu"]);
});

test("what tasks took is free again when they have ended, in whatever order", () => {
  const fractions = fc.oneof(
    fc.double({ min: 0, max: 3, noNaN: true }),
    fc.constantFrom(1 / 3, 1 / 512, 0.1, 0.2, 1e-7),
  );
  const wholes = fc.constantFrom(1, 3, 123_456_789_013, 2 ** 40 + 1);
  const ranked = (amounts: fc.Arbitrary<number>) =>
    fc.array(fc.tuple(amounts, fc.nat()), { minLength: 1, maxLength: 12 });
  const tasks = fc.oneof(ranked(fractions), ranked(wholes));
  fc.assert(
    fc.property(tasks, (all) => {
      const story = new Story();
      const ann = story.client("ann");
      const worker = story.worker("w1", { slots: 12, resources: { share: 2 ** 45 } });
      worker.join();
      all.forEach(([share], index) => ann.submit("f", [`k${index}`], { resources: { share } }));
      const order = all.map(([, rank], index) => ({ rank, key: `k${index}` }));
      for (const { key } of order.sort((a, b) => a.rank - b.rank)) worker.finish(key);
      const [here] = story.state.workers.values();
      expect(Math.abs(here!.used["share"] ?? 0)).toBe(0);
    }),
  );
});
