// Stories of time limits: that of the scheduler's job, and the ends of workers.

import { describe, expect, test } from "vitest";
import type { ToClient } from "../../../src/wire/protocol.ts";
import { failed, finished, inside, run, Story, withdraw } from "./story.ts";

const limit = "the time limit of 1 hour of Slurm job 12";
const reason = `save what has finished, and run the rest in another job: ${limit} is near, so no more tasks start`;
const ending = (leftMs: number): ToClient => ({ type: "ending", leftMs, reason });
const unstarted = (...keys: string[]): ToClient => {
  return { type: "failed", keys, failure: { code: "time-limit", message: reason } };
};

function stage() {
  const story = new Story({ maxAhead: 1 });
  const limitIsNear = (leftMs = 1_000) => story.handle({ type: "time-limit", limit, leftMs });
  return { story, limitIsNear, ann: story.client("ann"), w1: story.worker("w1") };
}

describe("when the time limit is near", () => {
  test("clients are told, what has not started fails, and what runs goes on", () => {
    const { story, limitIsNear, ann, w1 } = stage();
    w1.join();
    ann.submit("f", ["a", "b", "c"]);
    ann.submit("f", { d: ["a"] });
    ann.submit("f", ["e"], { delayMs: 5_000 });
    expect(limitIsNear()).toEqual({
      ann: [ending(1_000), unstarted("c", "d", "e")],
      w1: [withdraw("b")],
      log: [`${limit} is near: no more tasks start`],
    });
    expect(w1.withdrawn("b")).toEqual({ ann: [unstarted("b")] });
    expect(w1.finish("a")).toEqual({ ann: [finished("a")] });
    expect(story.at(10_000)).toEqual({});
  });

  test("what is submitted afterwards fails at once, whoever comes is told, and it is said once", () => {
    const { story, limitIsNear, ann, w1 } = stage();
    w1.join();
    limitIsNear();
    expect(limitIsNear()).toEqual({});
    expect(ann.submit("f", ["a"])).toEqual({ ann: [unstarted("a")] });
    story.now = 400;
    const joins = story.handle({ type: "client-joins", id: "bob", name: "bob" });
    expect(joins["bob"]).toEqual([ending(600)]);
  });

  test("an attempt that throws is not tried again, and fails with its own error", () => {
    const { limitIsNear, ann, w1 } = stage();
    w1.join();
    ann.submit("f", ["a"], { retries: { max: 5 } });
    limitIsNear();
    expect(w1.fail("a")).toEqual({ ann: [failed("a")] });
  });

  test("a task that is given back, or whose worker is lost, fails", () => {
    const { story, limitIsNear, ann, w1 } = stage();
    const w2 = story.worker("w2");
    w1.join();
    w2.join();
    ann.submit("f", ["a", "b"]);
    limitIsNear();
    expect(w1.stopped("a")).toEqual({ ann: [unstarted("a")] });
    expect(w2.lost()["ann"]).toEqual([unstarted("b")]);
  });

  test("clients inside tasks are told too, those that are there and those that come", () => {
    const { limitIsNear, story, ann, w1 } = stage();
    const w2 = story.worker("w2");
    w1.join();
    w2.join();
    ann.submit("f", ["a", "b"]);
    w1.submitsInside("a", ["a1"]);
    expect(limitIsNear()["w1"]).toEqual([withdraw("a1"), inside("a", ending(1_000))]);
    expect(w2.submitsInside("b", ["b1"])).toEqual({
      w2: [inside("b", ending(1_000)), inside("b", unstarted("b1"))],
    });
  });
});

describe("a worker with an end", () => {
  test("is sent what is expected to fit before it, and what was never measured", () => {
    const { story, ann } = stage();
    const w2 = story.worker("w2", { endsInMs: 10_000 });
    w2.join();
    expect(ann.submit("f", ["a"])).toEqual({ w2: [run("a")] });
    story.now = 3_000;
    w2.finish("a", { micros: 3_000_000 });
    expect(ann.submit("f", ["b"])).toEqual({ w2: [run("b")] });
    story.now = 7_001;
    expect(w2.finish("b", { micros: 3_000_000 })).toEqual({ ann: [finished("b")] });
    expect(ann.submit("f", ["c"])).toEqual({});
    expect(ann.explain("c").why).toBe(
      "it takes about 3 s, and worker w2, which is free, ends in 3 s",
    );
  });

  test("leaves such tasks to another worker, the one that joins next too", () => {
    const { story, ann, w1 } = stage();
    const w2 = story.worker("w2", { endsInMs: 1_000 });
    w2.join();
    ann.submit("f", ["a"]);
    w2.finish("a", { micros: 5_000_000 });
    expect(ann.submit("f", ["b"])).toEqual({});
    expect(w1.join()).toMatchObject({ w1: [run("b")] });
  });

  test("runs what fits, while what is longer and came before waits for another", () => {
    const { story, ann } = stage();
    const w2 = story.worker("w2", { endsInMs: 10_000, functions: ["f", "g"] });
    w2.join();
    ann.submit("f", ["a"]);
    w2.finish("a", { micros: 9_000_000 });
    ann.submit("g", ["b"]);
    w2.finish("b", { micros: 1_000_000 });
    story.now = 5_000;
    expect(ann.submit("f", ["c"])).toEqual({});
    expect(ann.submit("g", ["d"])).toMatchObject({ w2: [{ type: "run", keys: ["d"] }] });
    expect(ann.submit("g", ["e"], { maxRunning: 1 })).toEqual({});
    expect(ann.submit("f", ["h"], { maxRunning: 1 })).toEqual({});
    expect(w2.finish("d", { micros: 1_000_000 })["w2"]).toMatchObject([{ keys: ["e"] }]);
  });

  test("that keeps what it holds stays while nobody can take it", () => {
    const { ann, w1 } = stage();
    w1.join();
    ann.submit("f", ["a"]);
    w1.say({
      type: "finished",
      keys: ["a"],
      attempts: [1],
      values: [{ bytes: 100_000 }],
      micros: [1],
    });
    expect(w1.say({ type: "leaving", reason: "the time limit", keeps: true })).toEqual({
      log: [expect.stringMatching(/before its time is over$/)],
    });
    expect(ann.release("a")["w1"]).toMatchObject([{ type: "free" }, { type: "farewell" }]);
  });
});
