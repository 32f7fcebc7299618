// A whole cluster on virtual time, in thousands of seeded runs: the real scheduler, workers and clients
// among cut and silent links, processes that die, leave, stand still and come back, and tasks of every kind.

import { describe, expect, test } from "vitest";
import { expectRight } from "./seeds.ts";
import { simulate } from "./simulation.ts";

describe("a simulated cluster", () => {
  test("a run is the same to the last frame when its seed is", async () => {
    for (const seed of [3, 57, 332, 446]) {
      const told = { withLogs: true };
      const [first, second] = [await simulate(seed, told), await simulate(seed, told)];
      expect(second).toEqual(first);
      expect(first.turns).toBeGreaterThan(100);
      // Nothing that has to be loaded first, in real time, may keep the processes from each other.
      expect(first.story.join("\n")).toContain("client client-0 joined");
    }
    const hashes = new Set<number>();
    for (let seed = 1; seed <= 20; seed += 1) hashes.add((await simulate(seed)).hash);
    expect(hashes.size).toBe(20);
  });

  test(
    "every future settles once and rightly, every invariant holds, and nothing is left behind",
    () => expectRight(1, 1_000),
    300_000,
  );
});
