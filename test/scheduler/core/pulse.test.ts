// A step that changes much says so again and again, so that heartbeats get through meanwhile.

import { expect, test } from "vitest";
import { createState } from "../../../scheduler/core/state.ts";
import { step, type Event } from "../../../scheduler/core/step.ts";
import type { FromClient } from "../../../src/wire/protocol.ts";

const count = 100_000;
const perMessage = 10_000;

/** A client with so many tasks that wait for one, or for the one before. */
function crowd(shape: "star" | "chain") {
  const state = createState();
  let now = 1_000;
  let pulses = 0;
  const handle = (event: Event) => {
    pulses = 0;
    step(state, now++, event, () => pulses++);
    return pulses;
  };
  const say = (...messages: FromClient[]) =>
    handle({ type: "client-messages", from: "ann", messages });
  handle({ type: "client-joins", id: "ann", name: "ann" });
  say({ type: "submit", name: "f", keys: ["0"], args: ["[]"] });
  for (let from = 1; from < count; from += perMessage) {
    const numbers = Array.from({ length: perMessage }, (_, index) => from + index);
    say({
      ...{ type: "submit", name: "f", keys: numbers.map(String), args: numbers.map(() => "[]") },
      inputs: numbers.map((number) => [shape === "star" ? "0" : `${number - 1}`]),
    });
  }
  return { state, handle, say };
}

test.each(["star", "chain"] as const)("a client leaves with 100,000 tasks: a %s", (shape) => {
  const { state, handle } = crowd(shape);
  expect(handle({ type: "client-leaves", id: "ann" })).toBeGreaterThanOrEqual(count / 1_000);
  expect(state.tasks.size).toBe(0);
});

test.each(["star", "chain"] as const)("a task is cancelled, with 99,999 behind: a %s", (shape) => {
  const { state, say } = crowd(shape);
  const pulses = say({ type: "cancel", keys: ["0"] });
  expect(pulses).toBeGreaterThanOrEqual(count / 1_000);
  expect(state.tasks.size).toBe(0);
});

test("10,000 tasks are submitted, and let go, in one message", () => {
  const { say } = crowd("star");
  const keys = Array.from({ length: perMessage }, (_, index) => `more ${index}`);
  const args = keys.map(() => "[]");
  expect(say({ type: "submit", name: "f", keys, args })).toBeGreaterThanOrEqual(10);
  expect(say({ type: "release", keys })).toBeGreaterThanOrEqual(10);
});
