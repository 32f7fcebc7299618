// Stories of the demand for workers: how many slots could be used now.

import { expect, test } from "vitest";
import { Story } from "../story.ts";

const targetMs = 5_000;

test("without any worker every ready task could use a slot, for its duration is not known", () => {
  const story = new Story();
  const ann = story.client("ann");
  expect(ann.ask("demand", { targetMs })).toEqual([]);
  ann.submit("f", { a: [], b: [], c: ["a"] });
  expect(ann.ask("demand", { targetMs })).toEqual([{ slots: 2 }]);
});

test("short tasks share a slot, and one that runs longer than others is a long one", () => {
  const story = new Story({ maxAhead: 0 });
  const ann = story.client("ann");
  const w1 = story.worker("w1");
  w1.join();
  ann.submit("f", ["first"]);
  w1.finish("first", { micros: 500_000 });
  ann.submit(
    "f",
    Array.from({ length: 20 }, (_, i) => `t${i}`),
  );
  expect(ann.ask("demand", { targetMs })).toEqual([{ slots: 2 }]);
  w1.started("t0");
  story.at(60_000);
  expect(ann.ask("demand", { targetMs })[0]!.slots).toBeCloseTo(1.9 + 1);
});

test("tasks that ask for resources are counted apart", () => {
  const story = new Story({ maxAhead: 0 });
  const ann = story.client("ann");
  story.worker("w1", { resources: { gpu: 1 } }).join();
  ann.submit("f", ["a", "b", "c"], { resources: { gpu: 1 } });
  ann.submit("f", ["d"]);
  expect(ann.ask("demand", { targetMs })).toEqual([
    { slots: 3, resources: { gpu: 1 } },
    { slots: 1 },
  ]);
});

test("what more workers would not help is left out", () => {
  const story = new Story({ maxAhead: 0 });
  const ann = story.client("ann");
  const w1 = story.worker("w1", { slots: 2, resources: { gpu: 1 } });
  w1.join();
  ann.submit("f", ["there"], { workers: ["w9"] });
  ann.submit("f", ["big"], { resources: { gpu: 2 } });
  ann.submit("f", ["tagged"], { tags: ["highmem"] });
  ann.submit("f", ["a"]);
  w1.started("a");
  w1.lends("a");
  expect(ann.ask("demand", { targetMs })).toEqual([]);
  ann.submit("f", ["wish"], { workers: ["w9"], allowOtherWorkers: true });
  expect(ann.ask("demand", { targetMs })).toEqual([{ slots: 1 }]);
});
