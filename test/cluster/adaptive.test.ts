// How many workers a demand is, and when there have been too many for long enough.

import { describe, expect, test } from "vitest";
import { Surplus, workersNeeded } from "../../cluster/adaptive.ts";

const gpuWorker = { slots: 8, resources: { gpu: 2 } };

describe("the workers needed", () => {
  test.each([
    ["none without tasks", [], gpuWorker, 0],
    ["one for a task, however short", [{ slots: 0.001 }], gpuWorker, 1],
    ["as many as have the slots", [{ slots: 17 }], gpuWorker, 3],
    ["no more for a rounding error", [{ slots: 0.1 + 0.2 + 7.7 }], gpuWorker, 1],
    ["as many as have the resources", [{ slots: 6, resources: { gpu: 1 } }], gpuWorker, 3],
    ["whole tasks on each", [{ slots: 3, resources: { gpu: 1.5 } }], gpuWorker, 3],
    [
      "others run beside those that need resources",
      [{ slots: 20 }, { slots: 4, resources: { gpu: 1 } }],
      gpuWorker,
      3,
    ],
    ["none for a task that fits nowhere", [{ slots: 1, resources: { gpu: 3 } }], gpuWorker, 0],
    [
      "one to learn what workers have",
      [{ slots: 100, resources: { gpu: 1 } }],
      { slots: 8, resources: undefined },
      1,
    ],
  ])("%s", (_, demand, capacity, workers) => {
    expect(workersNeeded(demand, capacity)).toBe(workers);
  });
});

describe("a surplus", () => {
  const idleMs = 1_000;

  test("is one once it has lasted", () => {
    const surplus = new Surplus();
    expect(surplus.observe(3, 0, { now: 0, idleMs })).toBe(0);
    expect(surplus.observe(3, 0, { now: 999, idleMs })).toBe(0);
    expect(surplus.observe(3, 0, { now: 1_000, idleMs })).toBe(3);
  });

  test("is none when all were needed for a moment", () => {
    const surplus = new Surplus();
    surplus.observe(3, 1, { now: 0, idleMs });
    surplus.observe(3, 3, { now: 500, idleMs });
    expect(surplus.observe(3, 1, { now: 1_200, idleMs })).toBe(0);
    expect(surplus.observe(3, 1, { now: 2_200, idleMs })).toBe(2);
  });

  test("is no more than was not needed at any moment", () => {
    const surplus = new Surplus();
    surplus.observe(5, 1, { now: 0, idleMs });
    surplus.observe(5, 4, { now: 500, idleMs });
    expect(surplus.observe(5, 1, { now: 1_000, idleMs })).toBe(1);
    surplus.restart();
    expect(surplus.observe(4, 1, { now: 1_001, idleMs })).toBe(0);
    expect(surplus.observe(4, 1, { now: 2_001, idleMs })).toBe(3);
  });
});
