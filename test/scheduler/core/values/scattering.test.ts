// Stories of values that clients scatter, and of what becomes of those that never arrive.

import { expect, test } from "vitest";
import { Story } from "../story.ts";

/** A client that is told to send a value of its own to the first of two workers. */
function sending() {
  const story = new Story({ maxAhead: 0 });
  const ann = story.client("ann");
  const workers = ["w1", "w2"].map((name) => story.worker(name, { address: `ws://${name}` }));
  for (const worker of workers) worker.join();
  const scatter = () =>
    story.handle({
      type: "client-messages",
      from: "ann",
      messages: [{ type: "scatter", id: 5, key: "a", bytes: 10_000, broadcast: true }],
    });
  const located = { type: "located", key: "a", order: 0, attempt: 1, bytes: 10_000 };
  expect(scatter()).toEqual({ ann: [{ ...located, from: ["ws://w1"] }] });
  return { story, ann, workers, scatter, located };
}

test("a client whose value was sent to a worker that is lost is told, and sends it to another", () => {
  const { ann, workers, scatter, located } = sending();
  const message = 'scatter it again: the worker that "a" was sent to was lost';
  expect(workers[0]!.lost()["ann"]).toEqual([
    { type: "answer", id: 5, failure: { code: "unschedulable", message, key: "a" } },
  ]);
  expect(scatter()).toEqual({ ann: [{ ...located, from: ["ws://w2"] }] });
  const held = { keys: ["a"], orders: [0], attempts: [1], bytes: [10_000] };
  const done = workers[1]!.say({ type: "held", ...held });
  expect(done["ann"]).toContainEqual({
    type: "answer",
    id: 5,
    to: "scatter",
    result: { at: "workers" },
  });
  expect(ann.explain("a")).toMatchObject({ holders: ["w2"] });
});

test("a client whose value was sent to one worker does not mind the loss of another", () => {
  const { workers } = sending();
  expect(workers[1]!.lost()["ann"]).toBeUndefined();
});

test("a scatter that a restart cancels fails at once", () => {
  const { story } = sending();
  const bob = story.client("bob");
  const message = 'scatter it again: "a" was cancelled while its value was sent';
  expect(bob.restart()["ann"]).toContainEqual({
    type: "answer",
    id: 5,
    failure: { code: "task-cancelled", message, key: "a" },
  });
});

test("a client that tries again does not mind that its value had come after all", () => {
  const { workers, scatter } = sending();
  const held = { keys: ["a"], orders: [0], attempts: [1], bytes: [10_000] };
  workers[0]!.say({ type: "held", ...held });
  workers[1]!.say({ type: "held", ...held });
  expect(scatter()).toEqual({
    ann: [{ type: "answer", id: 5, to: "scatter", result: { at: "workers" } }],
  });
});

test("a client whose value is lost before all have it is told, and sends it again", () => {
  const { ann, workers, scatter, located } = sending();
  const held = { keys: ["a"], orders: [0], attempts: [1], bytes: [10_000] };
  workers[0]!.say({ type: "held", ...held });
  const message = 'scatter it again: the value of "a" was lost before all had it';
  expect(workers[0]!.lost()["ann"]).toContainEqual({
    type: "answer",
    id: 5,
    failure: { code: "unschedulable", message, key: "a" },
  });
  expect(ann.explain("a")).toMatchObject({ state: "failed" });
  expect(scatter()).toEqual({
    ann: [
      { type: "reopened", keys: ["a"] },
      { ...located, from: ["ws://w2"] },
    ],
  });
  expect(workers[1]!.say({ type: "held", ...held })["ann"]).toMatchObject([
    { type: "stored", keys: ["a"] },
    { type: "answer", id: 5, to: "scatter", result: { at: "workers" } },
  ]);
});

test("a client that tries again sends a value anew that had come and is gone", () => {
  const { workers, scatter, located } = sending();
  for (const worker of workers) {
    worker.say({ type: "held", keys: ["a"], orders: [0], attempts: [1], bytes: [10_000] });
  }
  workers[0]!.lost();
  workers[1]!.lost();
  const message = "start a worker: none is here to hold the scattered value";
  const failure = { code: "unschedulable", message };
  expect(scatter()).toMatchObject({ ann: [{ type: "answer", failure }] });
  workers[0]!.join();
  expect(scatter()["ann"]).toContainEqual({ ...located, from: ["ws://w1"] });
});

test("a scattered value that is lost cannot be made by a retry, of it or of what depends on it", () => {
  const { ann, workers } = sending();
  const held = { keys: ["a"], orders: [0], attempts: [1], bytes: [10_000] };
  workers[0]!.say({ type: "held", ...held });
  ann.submit("f", { b: ["a"] });
  for (const worker of workers) worker.lost();
  workers[0]!.join();
  const lost = [expect.objectContaining({ type: "failed", keys: ["a"] })];
  expect(ann.retry("a")).toEqual({ ann: lost });
  expect(ann.retry("b")["ann"]).toContainEqual(
    expect.objectContaining({
      type: "failed",
      keys: ["b"],
      failure: expect.objectContaining({ code: "lost-data" }),
    }),
  );
});
