// Stories of tasks that are not wanted any more: cancelled, let go, or left behind by their client.

import { describe, expect, test } from "vitest";
import { checkToClient } from "../../../../src/wire/check.ts";
import { limits } from "../../../../src/wire/limits.ts";
import { cancel, cancelled, finished, run, Story, valueOf } from "../story.ts";

function stage(slots = 1) {
  const story = new Story({ maxAhead: 0 });
  const [ann, bob] = [story.client("ann"), story.client("bob")];
  const w1 = story.worker("w1", { slots });
  w1.join();
  return { story, ann, bob, w1 };
}

describe("cancelling", () => {
  test("a task that waits, one that is ready and what depends on them never run", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", { busy: [], ready: [], waiting: ["busy"], leaf: ["ready", "waiting"] });

    expect(ann.cancel(["ready", "waiting"], { reason: "enough" })).toEqual({
      ann: [
        cancelled("leaf", "ready, which it depends on, was cancelled: enough"),
        cancelled(["ready", "waiting"], "enough"),
      ],
    });
    expect(w1.finish("busy")).toEqual({ ann: [finished("busy")] });
    expect([...story.state.tasks.keys()]).toEqual(["busy"]);
  });

  test("one that runs is cancelled at once, and its slot is free when the worker says so", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a", "b"]);

    expect(ann.cancel(["a"], { reason: "too slow" })).toEqual({
      w1: [cancel("a", "too slow")],
      ann: [cancelled("a", "too slow")],
    });
    expect(w1.stopped("a")).toEqual({ w1: [run("b")] });
  });

  test("it may have finished or failed just before: that frees the slot too, and tells nobody", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a", "b", "c"]);
    ann.cancel(["a"]);
    expect(w1.finish("a")).toEqual({ w1: [run("b")] });
    ann.cancel(["b"]);
    expect(w1.fail("b")).toEqual({ w1: [run("c")] });
    expect(w1.stopped("b")).toEqual({});
  });

  test("what failed just before is not revived by a retry of its input", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", { a: [], b: ["a"] });
    w1.fail("a");
    expect(ann.cancel(["b"])).toEqual({});
    expect([...story.state.tasks.keys()]).toEqual(["a"]);
    ann.retry("a");
    expect(w1.finish("a", { attempt: 2 })).toEqual({ ann: [finished("a")] });
  });

  test("what is settled stays as it is", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a", "b"]);
    w1.finish("a");
    w1.fail("b");

    expect(ann.cancel(["a", "b", "unheard of"])).toEqual({});
    expect(ann.submit("f", ["a"])).toEqual({ ann: [finished("a")] });
  });

  test("for one client it goes on for another that wants it, or something that depends on it", () => {
    const { ann, bob, w1 } = stage();
    ann.submit("f", ["shared", "input", "own"]);
    bob.submit("f", { shared: [], sum: ["input"] });

    expect(ann.cancel(["shared", "input", "own"])).toEqual({
      ann: [cancelled(["shared", "input", "own"])],
    });
    expect(w1.finish("shared")).toEqual({ w1: [run("input")], bob: [finished("shared")] });
    expect(w1.finish("input")).toEqual({ w1: [run("sum", { inputs: [[valueOf("input")]] })] });
  });

  test("by force it ends for everybody", () => {
    const { ann, bob } = stage();
    ann.submit("f", ["a"]);
    bob.submit("f", { a: [], b: ["a"] });

    const because = "a, which it depends on, was cancelled: stop";
    expect(ann.cancel(["a"], { force: true, reason: "stop" })).toEqual({
      w1: [cancel("a", "stop")],
      bob: [cancelled("b", because), cancelled("a", "stop")],
      ann: [cancelled("a", "stop")],
    });
    expect(bob.submit("f", { c: ["a"] })).toEqual({ bob: [cancelled("c", because)] });
    // However far down: the one that somebody cancelled is named.
    expect(bob.submit("f", { d: ["b"] })).toEqual({ bob: [cancelled("d", because)] });
  });

  test("of what depends on it keeps the reason within what a message may hold", () => {
    const { ann } = stage();
    ann.submit("f", { busy: [], a: [], b: ["a"] });
    const [forB] = ann.cancel(["a"], { reason: "x".repeat(limits.textLength) })["ann"] ?? [];
    expect(() => checkToClient(forB)).not.toThrow();
    expect(forB).toMatchObject({ keys: ["b"], reason: expect.stringMatching(/^a, .*: x{1000}/) });
  });

  test("the same call may be made again while the old one still ends, elsewhere or after it", () => {
    const { story, ann, w1 } = stage(2);
    const again = { workers: ["w1"] };
    ann.submit("f", ["a"]);
    ann.cancel(["a"]);

    expect(ann.submit("f", ["a", "b"], again)).toEqual({ w1: [run("b")] });
    expect(w1.stopped("a")).toEqual({});
    expect(story.at(20)).toEqual({ w1: [run("a")] });
    expect(w1.finish("a")).toEqual({ ann: [finished("a")] });
  });
});

describe("letting go", () => {
  test("of a finished task frees its value; of an unfinished one ends it", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["done", "running", "ready"]);
    w1.finish("done");

    expect(ann.release("done", "running", "ready")).toEqual({
      w1: [cancel("running", "no longer wanted")],
    });
    expect(story.state.tasks.size).toBe(0);
    expect(w1.stopped("running")).toEqual({});
  });

  test("of a task that another client holds too, changes nothing for that one", () => {
    const { ann, bob, w1 } = stage();
    ann.submit("f", ["a"]);
    bob.submit("f", ["a"]);
    expect(ann.release("a")).toEqual({});
    expect(w1.finish("a")).toEqual({ bob: [finished("a")] });
  });

  test("a task that is fired and forgotten runs to its end, with all it needs", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", { a: [], b: ["a"] });
    ann.detach("b");
    expect(ann.release("a", "b")).toEqual({});
    expect(ann.leave()).toEqual({ disconnect: ["ann"], log: ["client ann left"] });

    expect(w1.finish("a")).toEqual({ w1: [run("b", { inputs: [[valueOf("a")]] })] });
    expect(w1.finish("b")).toEqual({});
    expect([story.state.tasks.size, story.state.constraints.size]).toEqual([0, 0]);
  });

  test("one that was fired and forgotten can still be cancelled by its client", () => {
    const { story, ann } = stage();
    ann.submit("f", ["a"]);
    ann.detach("a");
    ann.release("a");
    expect(ann.cancel(["a"])).toEqual({ w1: [cancel("a")] });
    expect(story.state.tasks.size).toBe(0);
  });
});

describe("a client that goes", () => {
  test("has its grace: what it submitted runs meanwhile, and it hears of it when it is back", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["a", "b"]);
    ann.away();
    expect(w1.finish("a")).toEqual({ w1: [run("b")], ann: [finished("a")] });
    story.at(29_999);
    ann.back();
    expect(story.at(30_000)).toEqual({});

    ann.away();
    expect(story.at(59_999)).toEqual({});
    expect(story.at(60_000)).toEqual({
      w1: [cancel("b", "no longer wanted")],
      disconnect: ["ann"],
      log: ["client ann left"],
    });
    expect(story.state.tasks.size).toBe(0);
  });

  test("is waited for longer when it is only silent, until its connection is closed", () => {
    const { story, ann } = stage();
    const silent = () => story.handle({ type: "client-away", id: "ann", isSilent: true });
    ann.submit("f", ["a"]);
    silent();
    expect(story.at(30_000)).toEqual({});
    story.at(599_999);
    ann.back();
    expect(story.at(600_000)).toEqual({});
    silent();
    story.now += 1_000;
    ann.away();
    story.at(630_999);
    expect(story.state.clients.has("ann")).toBe(true);
    story.at(631_000);
    expect(story.state.clients.has("ann")).toBe(false);
    expect(story.state.tasks.size).toBe(0);
  });

  test("has its grace anew when the scheduler itself stood still until it was over", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["a"]);
    ann.away();
    story.handle({ type: "worker-away", id: "w1" });
    // Its machine slept: what both did meanwhile has not been read yet.
    story.at(3_600_000);
    expect([story.state.clients.has("ann"), story.state.workers.has("w1")]).toEqual([true, true]);
    ann.back();
    story.handle({ type: "worker-back", id: "w1" });
    expect(w1.finish("a")).toEqual({ ann: [finished("a")] });
    ann.away();
    story.at(3_630_000);
    expect(story.state.clients.has("ann")).toBe(false);
  });

  test("has none when it said goodbye; what others hold goes on", () => {
    const { story, ann, bob, w1 } = stage();
    ann.submit("f", { a: [], b: [], c: ["b"] });
    bob.submit("f", ["a"]);

    expect(ann.leave()).toEqual({ disconnect: ["ann"], log: ["client ann left"] });
    expect([...story.state.tasks.keys()]).toEqual(["a"]);
    expect(w1.finish("a")).toEqual({ bob: [finished("a")] });
    expect(ann.submit("f", ["late"])).toEqual({});
  });
});
