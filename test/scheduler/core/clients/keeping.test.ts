// Stories of tasks that are kept after they settled, and of clients that ask for tasks by key.

import { describe, expect, test } from "vitest";
import {
  argsOf,
  cancel,
  cancelled,
  failed,
  finished,
  inside,
  run,
  Story,
  valueOf,
} from "../story.ts";

const keepMs = 1_000;

function stage() {
  const story = new Story({ maxAhead: 0 });
  const [ann, bob, w1] = [story.client("ann"), story.client("bob"), story.worker("w1")];
  return { story, ann, bob, w1 };
}

const told = (...unknown: string[]) => ({ type: "answer", id: 1, to: "want", result: { unknown } });

describe("a task with keepMs", () => {
  test("runs to its end without its client, with what it needs, and goes when its time is over", () => {
    const { story, ann, bob, w1 } = stage();
    ann.submit("f", ["a"]);
    ann.submit("f", { b: ["a"] }, { keepMs });
    ann.leave();
    w1.join();
    w1.finish("a");
    story.at(5_000);
    w1.finish("b");
    expect([...story.state.tasks.keys()]).toEqual(["b"]);
    expect(bob.explain("b").wantedBy).toEqual(["keepMs: for another 1 s"]);
    story.at(5_999);
    expect(bob.want("b")).toEqual({ bob: [told(), finished("b")] });
    bob.release("b");
    expect(story.state.tasks.size).toBe(1);
    story.at(6_000);
    expect(story.state.tasks.size).toBe(0);
    expect(bob.want("b")).toEqual({ bob: [told("b")] });
  });

  test("stays longer while somebody needs it, and not longer than that", () => {
    const { story, ann, bob, w1 } = stage();
    w1.join();
    ann.submit("f", ["a"], { keepMs });
    w1.finish("a");
    bob.want("a");
    ann.release("a");
    story.at(2_000);
    expect(bob.explain("a").wantedBy).toEqual(["bob"]);
    bob.release("a");
    expect(story.state.tasks.size).toBe(0);
  });

  test("is kept when it failed, and when it was cancelled: for the words", () => {
    const { story, ann, bob, w1 } = stage();
    w1.join();
    ann.submit("f", ["a", "b"], { keepMs });
    ann.leave();
    expect(w1.fail("a")["log"]).toEqual([expect.stringContaining("a threw")]);
    expect(bob.want("a", "b")["bob"]).toEqual([told(), failed("a")]);
    bob.release("b");
    expect(bob.cancel(["b"], { reason: "no more" })).toMatchObject({
      w1: [cancel("b", "no more")],
    });
    expect(bob.want("b")).toEqual({ bob: [told(), cancelled("b", "no more")] });
    bob.release("a", "b");
    expect(story.state.tasks.size).toBe(2);
    story.at(1_000);
    expect(story.state.tasks.size).toBe(0);
  });

  test("is kept from its newest end on, when it was retried or made again", () => {
    const { story, ann, bob, w1 } = stage();
    const w2 = story.worker("w2");
    w1.join();
    ann.submit("f", ["a", "b"], { keepMs });
    w1.fail("a");
    w1.say({
      type: "finished",
      keys: ["b"],
      attempts: [1],
      values: [{ bytes: 1_000_000 }],
      micros: [1],
    });
    ann.leave();
    story.at(900);
    bob.want("a");
    bob.retry("a");
    bob.release("a");
    w1.lost();
    story.at(1_500);
    w2.join();
    expect(w2.finish("b", { attempt: 2 })).toMatchObject({ w2: [run("a", { attempt: 3 })] });
    story.at(2_000);
    w2.finish("a", { attempt: 3 });
    story.at(2_499);
    expect(story.state.tasks.size).toBe(2);
    story.at(2_500);
    expect([...story.state.tasks.keys()]).toEqual(["a"]);
    story.at(3_000);
    expect(story.state.tasks.size).toBe(0);
    expect(story.nextWakeUp).toBeUndefined();
  });

  test("that is cancelled for its last client ends, and its key is free at once", () => {
    const { ann, w1 } = stage();
    w1.join();
    ann.submit("f", ["a"], { keepMs });
    expect(ann.cancel(["a"])).toEqual({ ann: [cancelled("a")], w1: [cancel("a")] });
    ann.submit("g", ["a"]);
    expect(ann.explain("a")).toMatchObject({ function: "g", state: "ready" });
  });

  test("is kept as long as the longest of the same calls asks for, from its last submission", () => {
    const { story, ann, bob, w1 } = stage();
    w1.join();
    ann.submit("f", ["a", "b"], { keepMs });
    ann.submit("f", ["c"]);
    bob.submit("f", ["a"], { keepMs: 3_000 });
    bob.submit("f", ["b"], { keepMs: 10 });
    w1.finish("a");
    w1.finish("b");
    w1.finish("c");
    story.at(500);
    bob.submit("f", ["c"], { keepMs: 200 });
    ann.leave();
    bob.leave();
    const left = (now: number) => {
      story.at(now);
      return [...story.state.tasks.keys()];
    };
    expect([left(699), left(700), left(999), left(1_000)]).toEqual([
      ["a", "b", "c"],
      ["a", "b"],
      ["a", "b"],
      ["a"],
    ]);
    expect([left(2_999), left(3_000)]).toEqual([["a"], []]);
  });

  test("is let go of by a restart", () => {
    const { story, ann, bob, w1 } = stage();
    w1.join();
    ann.submit("f", ["a", "b"], { keepMs });
    w1.finish("a");
    ann.leave();
    bob.restart();
    expect(story.state.tasks.size).toBe(0);
  });

  test("outlives the attempt that submitted it", () => {
    const { ann, bob, w1 } = stage();
    w1.join();
    ann.submit("f", ["a"]);
    w1.started("a");
    w1.submitsInside("a", ["b"], { keepMs });
    expect(w1.finish("a")).toEqual({ ann: [finished("a")], w1: [run("b", { depth: 1 })] });
    ann.leave();
    w1.finish("b");
    expect(bob.want("b")).toEqual({ bob: [told(), finished("b")] });
  });

  test("whose input fails is kept with that failure", () => {
    const { ann, bob, w1 } = stage();
    w1.join();
    ann.submit("f", ["a"]);
    ann.submit("f", { b: ["a"] }, { keepMs });
    ann.submit("f", { c: ["unknown"] }, { keepMs });
    w1.fail("a");
    ann.leave();
    expect(bob.want("b", "c")["bob"]).toMatchObject([
      told(),
      { type: "failed", keys: ["b"] },
      { type: "failed", keys: ["c"], failure: { code: "lost-data" } },
    ]);
  });
});

describe("a client that asks by key", () => {
  test("wants the task like whoever submitted it, and hears first which keys are unknown", () => {
    const { story, ann, bob, w1 } = stage();
    w1.join();
    ann.submit("f", ["a", "b"]);
    w1.finish("a");
    expect(bob.want("a", "x", "b")).toEqual({ bob: [told("x"), finished("a")] });
    ann.leave();
    expect(w1.finish("b")).toEqual({ bob: [finished("b")] });
    bob.release("a", "b");
    expect(story.state.tasks.size).toBe(0);
  });

  test("has a released value made again", () => {
    const { story, ann, bob, w1 } = stage();
    w1.join();
    ann.submit("f", ["a"]);
    const large = (key: string) => ({
      type: "finished" as const,
      keys: [key],
      attempts: [1],
      values: [{ bytes: 1_000_000 }],
      micros: [1],
    });
    w1.say(large("a"));
    ann.submit("f", { b: ["a"] });
    w1.say(large("b"));
    ann.release("a");
    expect(ann.explain("a").state).toBe("released");
    expect(bob.want("a")).toEqual({ bob: [told()], w1: [run("a", { attempt: 2 })] });
    w1.finish("a", { attempt: 2 });
    expect(story.state.counts.finished).toBe(2);
  });

  test("may be inside a task", () => {
    const { ann, w1 } = stage();
    w1.join();
    ann.submit("f", ["a", "b"]);
    w1.finish("a");
    w1.started("b");
    expect(w1.saysInside("b", { type: "want", id: 1, keys: ["a", "x"] })).toEqual({
      w1: [inside("b", told("x") as never), inside("b", finished("a"))],
    });
    ann.release("a");
    expect(ann.explain("a").wantedBy).toEqual(["task b"]);
    w1.finish("b");
    expect(() => ann.explain("a")).toThrow(/no task has the key/);
  });
});

describe("the list of tasks", () => {
  function listed() {
    const { story, ann, bob, w1 } = stage();
    w1.join();
    story.at(100);
    ann.submit("f", ["done", "threw", "runs"], { keepMs });
    w1.finish("done");
    w1.fail("threw", { message: `first line ${"x".repeat(1_000)}\nsecond` });
    story.at(200);
    bob.submit("g", ["urgent"], { priority: 3 });
    bob.submit("f", ["ready", "over"]);
    ann.want("over");
    bob.cancel(["over"], { force: true, reason: "too late" });
    return { ann, bob };
  }

  test("has them in the order of submission, with what is known of each", () => {
    const { ann } = listed();
    const every = { client: "ann", function: "f", submittedAt: 100 };
    const own = { client: "bob", submittedAt: 200, attempt: 0 };
    expect(ann.ask("tasks", { limit: 100 })).toEqual([
      {
        ...{ ...every, key: "done", order: 0, state: "finished", attempt: 1 },
        ...{ bytes: valueOf("done").length, keptUntil: 1_100 },
      },
      {
        ...{ ...every, key: "threw", order: 1, state: "failed", attempt: 1, keptUntil: 1_100 },
        error: expect.stringMatching(/^task-failed: first line x{200,300}$/),
      },
      { ...every, key: "runs", order: 2, state: "running", attempt: 1, worker: "w1" },
      { ...own, key: "urgent", order: 3, state: "ready", function: "g", priority: 3 },
      { ...own, key: "ready", order: 4, state: "ready", function: "f" },
      { ...own, key: "over", order: 5, state: "cancelled", function: "f", reason: "too late" },
    ]);
  });

  test("has those that are asked for, a page at a time", () => {
    const { ann } = listed();
    const keys = (asked: object) =>
      ann.ask("tasks", { limit: 100, ...asked }).map(({ key }) => key);
    expect(keys({ states: ["failed", "cancelled"] })).toEqual(["threw", "over"]);
    expect(keys({ function: "g" })).toEqual(["urgent"]);
    expect(keys({ client: "ann" })).toEqual(["done", "threw", "runs"]);
    expect(keys({ client: "ann", function: "g" })).toEqual([]);
    expect(keys({ since: 101 })).toEqual(["urgent", "ready", "over"]);
    expect(keys({ limit: 2 })).toEqual(["done", "threw"]);
    expect(keys({ limit: 2, after: 1 })).toEqual(["runs", "urgent"]);
    expect(keys({ limit: 2, after: 5 })).toEqual([]);
  });

  test("of very many is right, whatever order their keys are in", () => {
    const story = new Story();
    story.isChecked = false;
    const ann = story.client("ann");
    const keys = Array.from({ length: 20_000 }, (_, index) => `${(index * 7_919) % 20_000}`);
    for (let at = 0; at < keys.length; at += 1_000) ann.submit("f", keys.slice(at, at + 1_000));
    const seen: string[] = [];
    for (let after = -1; ;) {
      const page = ann.ask("tasks", { limit: 300, ...(after >= 0 && { after }) });
      if (page.length === 0) break;
      seen.push(...page.map(({ key }) => key));
      after = page.at(-1)!.order;
    }
    expect(seen).toEqual(keys);
    expect(argsOf("0")).toBe('["0"]');
  });
});
