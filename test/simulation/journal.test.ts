// A whole cluster on virtual time whose scheduler has a journal, and dies again and again among all the
// other faults: with it nothing may be lost, and what its journal holds must be what it was. Its disk may be full,
// and what is refused then must say so and never run; or fail, which is the end of that scheduler.

import { expect, test } from "vitest";
import { expectRight } from "./seeds.ts";
import { simulate } from "./simulation.ts";

test("a run with a journal is the same to the last frame when its seed is", async () => {
  const [first, second] = [
    await simulate(3, { journal: "machine", withLogs: true }),
    await simulate(3, { journal: "machine", withLogs: true }),
  ];
  expect(second).toEqual(first);
});

test.each(["process", "machine"] as const)(
  "a scheduler that dies is no more than a pause with durability: %s",
  (journal) => expectRight(1, 250, journal),
  300_000,
);
