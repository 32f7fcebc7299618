// Stories of results that stay with workers: who fetches them where, what is made again when they are
// lost, what is freed when nobody needs them, and how a worker leaves without a loss.

import { describe, expect, test } from "vitest";
import type { FromWorker, ToWorker } from "../../../../src/wire/protocol.ts";
import { run, Story, type StoryWorker } from "../story.ts";

const large = 100_000_000;

/** These are done, and their values stay there. */
function keeps(worker: StoryWorker, key: string, attempt = 1, bytes = large) {
  const one = { keys: [key], attempts: [attempt], values: [{ bytes }], micros: [1_000] };
  return worker.say({ type: "finished", ...one });
}

function held(key: string, order: number, attempt = 1, bytes = large): FromWorker {
  return { type: "held", keys: [key], orders: [order], attempts: [attempt], bytes: [bytes] };
}

function free(key: string, order: number, attempt = 1): ToWorker {
  return { type: "free", keys: [key], orders: [order], attempts: [attempt] };
}

function stored(key: string, holder: string) {
  return { type: "stored", keys: [key], bytes: [large], holders: [[holder]] };
}

function stage(...names: string[]) {
  const story = new Story({ maxAhead: 0 });
  const ann = story.client("ann");
  const workers = names.map((name) => story.worker(name, { address: `ws://${name}` }));
  for (const worker of workers) worker.join();
  return { story, ann, workers };
}

describe("a large result", () => {
  test("stays where it was made; a dependent runs there, and is told that it is there", () => {
    const { ann, workers } = stage("w1", "w2");
    ann.submit("f", ["a"]);
    expect(keeps(workers[0]!, "a")).toEqual({ ann: [stored("a", "w1")] });
    const reference = { key: "a", order: 0, attempt: 1, bytes: large, from: [], here: true };
    expect(ann.submit("f", { b: ["a"] })).toEqual({
      w1: [run("b", { inputs: [[reference]] })],
    });
  });

  test("is moved when waiting for its holder costs more, and its fetcher holds it too", () => {
    const { ann, workers } = stage("w1", "w2");
    ann.submit("f", ["a"]);
    keeps(workers[0]!, "a");
    ann.submit("f", ["busy"], { workers: ["w1"] });
    const reference = { key: "a", order: 0, attempt: 1, bytes: large, from: [0] };
    expect(ann.submit("f", { b: ["a"] })).toEqual({
      w2: [run("b", { inputs: [[reference]], peers: ["ws://w1"] })],
    });
    workers[1]!.say(held("a", 0));
    expect(ann.explain("a")).toMatchObject({ holders: ["w1", "w2"] });
  });

  test("that fits nobody who is free holds up nothing that needs less", () => {
    const story = new Story({ maxAhead: 0 });
    const ann = story.client("ann");
    const big = story.worker("big", { address: "ws://big", memoryBytes: 10 * large });
    const small = story.worker("small", { address: "ws://small", memoryBytes: large / 10 });
    big.join();
    small.join();
    ann.submit("f", ["a"], { workers: ["big"] });
    keeps(big, "a");
    ann.submit("f", ["busy"], { workers: ["big"] });
    expect(ann.submit("f", { b: ["a"] })).toEqual({});
    expect(ann.submit("f", ["c"])).toEqual({ small: [run("c")] });
    big.finish("busy");
    expect(story.at(Infinity)["big"]).toMatchObject([{ type: "run", keys: ["b"] }]);
  });

  test("that fits no worker here waits for a larger one, and no longer", () => {
    const story = new Story({ maxAhead: 0 });
    const ann = story.client("ann");
    const memory = (memoryBytes: number) => ({ memoryBytes });
    const big = story.worker("big", { address: "ws://big", ...memory(10 * large) });
    const small = story.worker("small", { address: "ws://small", ...memory(large / 10) });
    for (const worker of [big, small]) worker.join();
    ann.submit("f", ["a"], { workers: ["small"] });
    keeps(small, "a");
    story.at(1_000);
    big.lost();
    ann.submit("f", { b: ["a"] });
    expect(ann.explain("b")).toMatchObject({ why: expect.stringMatching(/held back/) as string });
    story.at(2_000);
    const next = story.worker("next", { address: "ws://next", ...memory(10 * large) });
    expect(next.join()["next"]).toMatchObject([{ type: "run", keys: ["b"] }]);
  });

  test("that fits no worker here, and is lost too, is waited for when a larger one joins", () => {
    const story = new Story({ maxAhead: 0 });
    const ann = story.client("ann");
    const small = story.worker("small", { address: "ws://small", memoryBytes: large / 10 });
    small.join();
    ann.submit("f", ["a"]);
    keeps(small, "a");
    ann.submit("f", { b: ["a"] });
    small.lost();
    expect(ann.explain("b")).toMatchObject({ state: "waiting" });
    const next = story.worker("next", { address: "ws://next", memoryBytes: 10 * large });
    expect(next.join()["next"]).toMatchObject([{ type: "run", keys: ["a"] }]);
    expect(keeps(next, "a", 2)["next"]).toMatchObject([{ type: "run", keys: ["b"] }]);
  });

  test("is freed everywhere when nobody needs it", () => {
    const { ann, workers } = stage("w1", "w2");
    ann.submit("f", ["a"]);
    keeps(workers[0]!, "a");
    workers[1]!.say(held("a", 0));
    expect(ann.release("a")).toEqual({ w1: [free("a", 0)], w2: [free("a", 0)] });
  });

  test("of a cancelled call is not kept", () => {
    const { ann, workers } = stage("w1");
    ann.submit("f", ["a"]);
    ann.cancel(["a"]);
    expect(keeps(workers[0]!, "a")).toEqual({ w1: [free("a", 0)] });
  });

  test("is made again when its last holder is lost, with what it was made of", () => {
    const { ann, workers } = stage("w1");
    ann.submit("f", { a: [], b: ["a"] });
    keeps(workers[0]!, "a");
    keeps(workers[0]!, "b");
    // Only remembered: its value is freed.
    expect(ann.release("a")).toEqual({ w1: [free("a", 0)] });
    expect(ann.explain("a").state).toBe("released");
    expect(workers[0]!.lost()).toMatchObject({ ann: [{ type: "lost", keys: ["b"] }] });
    expect(ann.explain("b")).toMatchObject({ state: "waiting", missingInputs: ["a"] });
    expect(workers[0]!.join()).toMatchObject({ w1: [run("a", { attempt: 2 })] });
    keeps(workers[0]!, "a", 2);
    expect(keeps(workers[0]!, "b", 2)).toEqual({ ann: [stored("b", "w1")], w1: [free("a", 0, 2)] });
  });

  test("that its holder turns out not to have is made again", () => {
    const { ann, workers } = stage("w1", "w2");
    ann.submit("f", ["a"]);
    keeps(workers[0]!, "a");
    ann.submit("f", { b: ["a"] }, { workers: ["w2"] });
    const done = workers[1]!.say({
      type: "missing",
      call: { key: "b", attempt: 1 },
      ...{ key: "a", order: 0, attempt: 1, lacking: ["ws://w1"], why: "it does not have it" },
    });
    expect(done["ann"]).toEqual([{ type: "lost", keys: ["a"] }]);
    expect(done["log"]).toContain("worker w1 does not have the value of a");
    expect(ann.explain("b")).toMatchObject({ state: "waiting", missingInputs: ["a"] });
  });

  test("whose holder does not answer is tried again after a while", () => {
    const { story, ann, workers } = stage("w1", "w2");
    ann.submit("f", ["a"]);
    keeps(workers[0]!, "a");
    ann.submit("f", { b: ["a"] }, { workers: ["w2"] });
    workers[1]!.say({
      type: "missing",
      call: { key: "b", attempt: 1 },
      ...{ key: "a", order: 0, attempt: 1, lacking: [], why: "no answer" },
    });
    expect(story.nextWakeUp).toBe(500);
    expect(story.at(500)).toMatchObject({ w2: [{ type: "run", keys: ["b"], attempts: [2] }] });
  });
});

describe("a copy", () => {
  test("of an earlier task under the same key is not taken for one of the present task", () => {
    const { ann, workers } = stage("w1", "w2");
    ann.submit("f", ["a"]);
    keeps(workers[0]!, "a");
    ann.release("a");
    ann.submit("f", ["a"]);
    keeps(workers[1]!, "a");
    expect(workers[0]!.say(held("a", 0))).toEqual({ w1: [free("a", 0)] });
    expect(ann.explain("a").holders).toEqual(["w2"]);
  });
});

describe("a worker whose memory is full", () => {
  test("is sent no tasks until it says that it takes them again", () => {
    const { ann, workers } = stage("w1");
    workers[0]!.say({ type: "paused", reason: "full" });
    expect(ann.submit("f", ["a"])).toEqual({});
    expect(ann.explain("a").why).toContain("paused (w1: full)");
    expect(workers[0]!.say({ type: "resumed" })).toMatchObject({ w1: [run("a")] });
  });
});

describe("a worker that leaves", () => {
  test("is let go when others have what it was the last to hold", () => {
    const { ann, workers } = stage("w1", "w2");
    ann.submit("f", ["a"]);
    keeps(workers[0]!, "a");
    const reference = { key: "a", order: 0, attempt: 1, bytes: large, from: [0] };
    expect(workers[0]!.leaving()).toEqual({
      w2: [{ type: "copy", references: [reference], peers: ["ws://w1"] }],
    });
    expect(workers[1]!.say(held("a", 0))).toEqual({ w1: [{ type: "farewell" }] });
    expect(workers[0]!.lost("it left")["ann"]).toBeUndefined();
    expect(ann.explain("a")).toMatchObject({ state: "finished", attempt: 1, holders: ["w2"] });
  });
});
