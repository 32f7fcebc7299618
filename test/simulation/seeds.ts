// Many seeds in one test: each must come out right, and what went wrong is in the error of the first
// that does not.

import { expect } from "vitest";
import type { Durability } from "../../scheduler/journal/durability.ts";
import { simulate } from "./simulation.ts";

/** @param journal the scheduler has one of this durability, and dies now and then */
export async function expectRight(
  from: number,
  until: number,
  journal?: Durability,
): Promise<void> {
  for (let seed = from; seed < until; seed += 1) {
    const { problems, story } = await simulate(seed, { journal });
    if (problems.length > 0) {
      const how = journal === undefined ? "" : ` --journal ${journal}`;
      const again = `npm run simulate -- --seed ${seed}${how} --verbose --logs`;
      expect.fail([`seed ${seed}: ${again}`, ...story, ...problems].join("\n"));
    }
    // What is real in this process has its turn: the test runner, and the collector of garbage.
    await new Promise((resolve) => setImmediate(resolve));
  }
}
