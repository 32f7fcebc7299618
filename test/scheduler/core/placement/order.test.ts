// Stories of who comes first: by priority, by turns, depth first, in the order of submission.

import { describe, expect, test } from "vitest";
import type { RunMessage, ToWorker } from "../../../../src/wire/protocol.ts";
import { run, Story, type Done, type StoryWorker } from "../story.ts";

/** A worker that runs one at a time, and the order in which it was given what was submitted. */
function stage(options = {}) {
  const story = new Story({ maxAhead: 0, ...options });
  const w1 = story.worker("w1", { functions: ["f", "g"], resources: { gpu: 1 } });
  return { story, w1, order: (first: Done) => orderOf(w1, first) };
}

function orderOf(worker: StoryWorker, first: Done): string[] {
  const order: string[] = [];
  for (let done = first; ;) {
    const messages = (done[worker.id] ?? []) as ToWorker[];
    const keys = messages.flatMap((message) => (message.type === "run" ? message.keys : []));
    if (keys.length === 0) return order;
    order.push(...keys);
    done = worker.finish(keys);
  }
}

describe("the order of tasks", () => {
  test("of one client is that of submission, across functions", () => {
    const { story, w1, order } = stage();
    const ann = story.client("ann");
    ann.submit("f", ["a", "b"]);
    ann.submit("g", ["c"]);
    ann.submit("f", ["d"], { run: { timeoutMs: 5 } });
    ann.submit("g", ["e"], { resources: { gpu: 1 } });
    ann.submit("f", ["h"]);

    expect(order(w1.join())).toEqual(["a", "b", "c", "d", "e", "h"]);
  });

  test("is that of priority first, the higher the earlier", () => {
    const { story, w1, order } = stage();
    const ann = story.client("ann");
    ann.submit("f", ["low"], { priority: -1 });
    ann.submit("f", ["a", "b"]);
    ann.submit("g", ["high"], { priority: 1 });
    ann.submit("f", ["higher"], { priority: 2 });

    expect(order(w1.join())).toEqual(["higher", "high", "a", "b", "low"]);
  });

  test("has clients take turns: one with a million tasks does not starve one with two", () => {
    const { story, w1, order } = stage();
    const [ann, bob, cid] = [story.client("ann"), story.client("bob"), story.client("cid")];
    ann.submit("f", ["a1", "a2", "a3", "a4"]);
    bob.submit("g", ["b1", "b2"]);
    cid.submit("f", ["c1"], { priority: 1 });

    expect(order(w1.join())).toEqual(["c1", "a1", "b1", "a2", "b2", "a3", "a4"]);
  });

  test("has one task of another client come second when 100,000 of one are there before it", () => {
    const { story, w1 } = stage();
    const [ann, bob] = [story.client("ann"), story.client("bob")];
    for (let first = 0; first < 100_000; first += 10_000) {
      ann.submit(
        "f",
        Array.from({ length: 10_000 }, (_, index) => `a${first + index}`),
      );
    }
    bob.submit("g", ["b"]);
    const keysOf = (done: Done) => ((done["w1"] ?? []) as RunMessage[]).flatMap(({ keys }) => keys);

    expect(keysOf(w1.join())).toEqual(["a0"]);
    expect(keysOf(w1.finish("a0"))).toEqual(["b"]);
    expect(keysOf(w1.finish("b"))).toEqual(["a1"]);
  });

  test("tells a worker of the tasks of clients in turn by one message, if they run alike", () => {
    const { story } = stage();
    const [ann, bob] = [story.client("ann"), story.client("bob")];
    ann.submit("f", ["a1", "a2", "a3"]);
    bob.submit("f", ["b1", "b2"]);
    bob.submit("f", ["b3"], { run: { timeoutMs: 1_000 } });

    expect(story.worker("w2", { slots: 6 }).join()["w2"]).toEqual([
      run(["a1", "b1", "a2", "b2", "a3"]),
      run("b3", { options: { timeoutMs: 1_000 } }),
    ]);
  });

  test("keeps the turn of a client whose task found no room", () => {
    const { story } = stage();
    const [ann, bob] = [story.client("ann"), story.client("bob")];
    const w1 = story.worker("w1", { slots: 2, resources: { gpu: 1 } });
    w1.join();
    ann.submit("f", ["a1", "a2", "a3"], { resources: { gpu: 1 } });
    bob.submit("f", ["b1", "b2", "b3"]);
    const keysOf = (done: Done) => keysIn(done["w1"] as ToWorker[]);

    // Both run one. When bob's ends, only his next has room; when hers ends, it is her turn.
    expect(keysOf(w1.finish("b1"))).toEqual(["b2"]);
    expect(keysOf(w1.finish("b2"))).toEqual(["b3"]);
    expect(keysOf(w1.finish(["a1", "b3"]))).toEqual(["a2"]);
  });

  test("finishes a started part of a graph before it starts a new one", () => {
    const { story, w1, order } = stage();
    const ann = story.client("ann");
    ann.submit("f", {
      load1: [],
      load2: [],
      clean1: ["load1"],
      clean2: ["load2"],
      sum1: ["clean1"],
      sum2: ["clean2"],
    });

    expect(order(w1.join())).toEqual(["load1", "clean1", "sum1", "load2", "clean2", "sum2"]);
  });

  test("takes the dependents of one task in the order of submission", () => {
    const { story, w1, order } = stage();
    const ann = story.client("ann");
    ann.submit("f", { top: [], a: ["top"], b: ["top"], c: ["top"], afterA: ["a"] });

    expect(order(w1.join())).toEqual(["top", "a", "afterA", "b", "c"]);
  });

  test("puts what was sent back before what never went out", () => {
    const { story, w1, order } = stage();
    const ann = story.client("ann");
    const w2 = story.worker("w2");
    w2.join();
    ann.submit("f", ["a", "b"]);
    expect(w2.lost()).toEqual({
      disconnect: ["w2"],
      log: ["worker w2 was lost: it was killed; 1 task to run elsewhere"],
    });

    expect(w1.join()).toMatchObject({ w1: [{ type: "run", keys: ["a"], announce: true }] });
    const next = w1.finish("a", { attempt: 2 });
    expect(order(next)).toEqual(["b"]);
  });
});

describe("a task that needs a free slot of its own", () => {
  test("is not starved by short tasks sent ahead of it", () => {
    const { story, w1 } = stage({ maxAhead: 10 });
    const [ann, bob] = [story.client("ann"), story.client("bob")];
    w1.join();
    const short = Array.from({ length: 100 }, (_, index) => `s${index}`);
    bob.submit("f", ["first"]);
    w1.finish("first", { micros: 10 });
    bob.submit("f", short);
    ann.submit("g", ["big"], { resources: { gpu: 1 } });

    // Eleven are out. One more follows, since it is his turn; then the slot is left to become free.
    const out = short.slice(0, 11);
    while (!out.includes("big")) {
      const done = w1.finish(out.shift()!, { micros: 10 });
      out.push(...keysIn((done["w1"] ?? []) as ToWorker[]));
    }
    expect(out).toEqual(["big", ...short.slice(12, 22)]);
  });

  test("holds nothing back while what it needs is in use anyway", () => {
    const { story, w1 } = stage({ maxAhead: 2 });
    const [ann, bob] = [story.client("ann"), story.client("bob")];
    w1.join();
    ann.submit("g", ["big1", "big2"], { resources: { gpu: 1 } });

    expect(bob.submit("f", ["a", "b", "c"])).toMatchObject({ w1: [{ keys: ["a"] }] });
  });
});

function keysIn(messages: readonly ToWorker[]): string[] {
  return messages.flatMap((message) => (message.type === "run" ? message.keys : []));
}
