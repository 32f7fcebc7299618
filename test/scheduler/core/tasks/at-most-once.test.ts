// Stories of tasks that are never started a second time.

import { describe, expect, test } from "vitest";
import type { FromWorker } from "../../../../src/wire/protocol.ts";
import { finished, run, Story, type Done } from "../story.ts";

const once = { atMostOnce: true };

function stage({ slots = 1 } = {}) {
  const story = new Story({ smallResultBytes: 4 });
  const ann = story.client("ann");
  const w1 = story.worker("w1", { slots, address: "ws://w1" });
  w1.join();
  return { story, ann, w1 };
}

function lost(key: string, how: string) {
  const message = `"f" may have run on worker w1, and atMostOnce forbids another start: ${how}`;
  return { type: "failed", keys: [key], failure: { code: "worker-lost", message, key, task: "f" } };
}

function stored(key: string): FromWorker {
  const values = [{ bytes: 1_000 }];
  return { type: "finished", keys: [key], attempts: [1], values, micros: [1] };
}

function failuresIn(done: Done): unknown[] {
  return (done["ann"] ?? []).flatMap((message) =>
    typeof message === "object" && message.type === "failed" ? [message.failure.code] : [],
  );
}

describe("a task that runs at most once", () => {
  test("fails with its worker, whether or not it was known to have begun", () => {
    for (const isKnown of [true, false]) {
      const { story, ann, w1 } = stage();
      ann.submit("f", ["a"], once);
      if (isKnown) w1.started("a");
      story.worker("w2").join();
      const done = w1.lost();
      expect(done["ann"]).toEqual([lost("a", "it was killed")]);
      expect(done["w2"]).toBeUndefined();
    }
  });

  test("is not sent ahead, so that it is not lost behind another one", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["a"]);
    expect(ann.submit("f", ["b"], once)).toEqual({});
    story.worker("w2").join();
    expect(ann.explain("b")).toMatchObject({ state: "running", worker: "w2" });
    w1.finish("a");
  });

  test("fails beside others that are tried again, apart", () => {
    const { story, ann, w1 } = stage({ slots: 2 });
    ann.submit("f", ["a"], once);
    ann.submit("f", ["b"]);
    w1.started("a");
    w1.started("b");
    story.worker("w2").join();
    const done = w1.lost();
    expect(done["ann"]).toEqual([lost("a", "it was killed")]);
    expect(done["w2"]).toMatchObject([{ type: "run", keys: ["b"], announce: true }]);
  });

  test("fails with its thread, alone there or with others", () => {
    for (const shared of [true, false]) {
      const { ann, w1 } = stage();
      ann.submit("f", ["a"], once);
      const failure = { code: "thread-lost", message: "it ended" };
      const said = { type: "failed", key: "a", attempt: 1, failure, shared } as const;
      expect(w1.say(said)["ann"]).toEqual([lost("a", "it ended")]);
    }
  });

  test("fails when it is stopped for another task, or because its worker leaves", () => {
    const { ann, w1 } = stage({ slots: 2 });
    ann.submit("f", ["a", "b"], once);
    const why = "stopped while it ran: its thread was ended for another task";
    expect(w1.stopped("a")).toEqual({ ann: [lost("a", why)] });
    w1.leaving();
    expect(failuresIn(w1.stopped("b"))).toEqual(["worker-lost"]);
  });

  test("fails when its worker has left without a word of it", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a"], once);
    w1.leaving();
    expect(w1.lost()["ann"]).toEqual([lost("a", "its worker left")]);
  });

  test("fails while it waits for its sub-tasks", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a"], once);
    w1.submitsInside("a", ["s"]);
    w1.lends("a");
    expect(w1.lost()["ann"]).toEqual([lost("a", "its sub-task s: it was killed")]);
  });

  test("runs elsewhere when it is given back unstarted", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["a"], once);
    const w2 = story.worker("w2");
    w2.join();
    w1.leaving();
    expect(w1.withdrawn("a")).toMatchObject({ w2: [run("a", { attempts: [2], starts: [0] })] });
    expect(w2.finish("a", { attempt: 2 })).toEqual({ ann: [finished("a")] });
  });

  test("is not tried again when it throws, though a client of another make asks for that", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a"], { ...once, retries: { max: 3 } });
    expect(failuresIn(w1.fail("a"))).toEqual(["task-failed"]);
  });

  test("is not computed again: what needs its lost value fails", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["input"]);
    w1.finish("input");
    ann.submit("f", { a: ["input"] }, once);
    ann.release("input");
    w1.say(stored("a"));
    ann.submit("f", { b: ["a"] }, { workers: ["w9"] });
    const done = w1.lost();
    const message =
      'the value of "a" was lost: the last worker that held it was lost; atMostOnce forbids to compute it again';
    expect(done["ann"]).toEqual([
      { type: "lost", keys: ["a"] },
      { type: "failed", keys: ["a", "b"], failure: { code: "lost-data", message, key: "a" } },
    ]);
    expect(ann.info().tasks).toMatchObject({ finished: 0, released: 0, failed: 2, waiting: 0 });
  });

  test("is not computed again for a descendant, nor is what it was made of", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["a"]);
    w1.say(stored("a"));
    ann.submit("f", { b: ["a"] }, once);
    w1.say(stored("b"));
    ann.submit("f", { c: ["b"] });
    w1.say(stored("c"));
    ann.release("a", "b");
    story.worker("w2").join();
    const done = w1.lost();
    expect(failuresIn(done)).toEqual(["lost-data"]);
    expect(done["w2"]).toBeUndefined();
    ann.release("c");
    expect(ann.info().tasks).toMatchObject({ released: 0, failed: 0, waiting: 0, ready: 0 });
  });

  test("keeps its worker from leaving while nobody else can take its value", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a"], once);
    w1.say(stored("a"));
    w1.leaving();
    expect(ann.workers()[0]!.why).toContain("it is to leave and stays");
  });

  test("runs again when a client retries it, and with what needs it", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["a"], once);
    ann.submit("f", { b: ["a"] }, once);
    const w2 = story.worker("w2");
    w2.join();
    w1.lost();
    expect(ann.retry("b")["w2"]).toMatchObject([{ type: "run", keys: ["a"], attempts: [2] }]);
    expect(w2.finish("a", { attempt: 2 })["w2"]).toMatchObject([{ keys: ["b"], attempts: [1] }]);
  });

  test("does not run again because another task is retried", () => {
    const { story, ann, w1 } = stage({ slots: 2 });
    ann.submit("f", ["a"], once);
    ann.submit("f", ["x"]);
    ann.submit("f", { b: ["a", "x"] });
    w1.fail("x");
    story.worker("w2", { slots: 2 }).join();
    w1.lost();
    const done = ann.retry("x");
    expect(done["w2"]).toMatchObject([{ type: "run", keys: ["x"] }]);
    expect(ann.explain("a").state).toBe("failed");
    expect(ann.explain("b").state).toBe("failed");
  });
});
