// The floor against itself: what is left on the table by holding calls back, and what a call on a
// worker thread costs before thence does anything.

import type { Scenario } from "../scenario.ts";

export const floorBurst: Scenario = {
  name: "floor-burst",
  size: 100_000,
  quickSize: 20_000,
  turns: 3,
  subject: { system: "floor", measure: "burst" },
  floor: { measure: "window" },
  rows: [{ about: "floor, all {size} in flight", figure: "tasksPerSecond" }],
};

export const floorThread: Scenario = {
  name: "floor-thread",
  size: 100_000,
  quickSize: 20_000,
  turns: 3,
  subject: { system: "floor-thread", measure: "window" },
  floor: { measure: "window" },
  rows: [
    { about: "floor, calls on a thread", figure: "tasksPerSecond" },
    { about: "  worker, a call", figure: "workerMicros" },
  ],
};

export const floorThreadTrip: Scenario = {
  name: "floor-thread-round-trip",
  size: 2_000,
  quickSize: 400,
  turns: 5,
  subject: { system: "floor-thread", measure: "round-trip" },
  floor: { measure: "round-trip" },
  rows: [{ about: "floor, calls on a thread, p50", figure: "p50Ms" }],
};
