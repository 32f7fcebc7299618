// Stories of tasks that go well: waiting for workers, for each other, for being fetched.

import { describe, expect, test } from "vitest";
import { finished, run, Story, valueOf } from "../story.ts";

describe("submitting", () => {
  test("what is submitted with no worker there waits, and runs when one joins", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1");

    expect(ann.submit("f", ["a"])).toEqual({});
    expect(w1.join()).toEqual({
      w1: [run("a")],
      log: ["worker w1 joined: 1 slot, 1 function"],
    });
    expect(w1.finish("a")).toEqual({ ann: [finished("a")] });
  });

  test("a slot that becomes free is refilled in the same step", () => {
    const story = new Story({ maxAhead: 0 });
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();

    expect(ann.submit("f", ["a", "b"])).toEqual({ w1: [run("a")] });
    expect(w1.finish("a")).toEqual({ w1: [run("b")], ann: [finished("a")] });
  });

  test("neighbours of one call site leave in one message, and their results come in one", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1", { slots: 3 });
    w1.join();

    expect(ann.submit("f", ["a", "b", "c"])).toEqual({ w1: [run(["a", "b", "c"])] });
    expect(w1.finish(["b", "c", "a"])).toEqual({ ann: [finished("b", "c", "a")] });
  });

  test("options travel with the task as far as the worker needs them", () => {
    const story = new Story();
    const ann = story.client("ann");
    story.worker("w1").join();

    expect(
      ann.submit("f", ["a"], { priority: 2, run: { timeoutMs: 500 }, retries: { max: 1 } }),
    ).toEqual({
      w1: [run("a", { priority: 2, options: { timeoutMs: 500 } })],
    });
  });

  test("the same call under the same key is one task for both clients", () => {
    const story = new Story();
    const [ann, bob] = [story.client("ann"), story.client("bob")];
    const w1 = story.worker("w1");
    w1.join();

    expect(ann.submit("f", ["a"])).toEqual({ w1: [run("a")] });
    expect(bob.submit("f", ["a"])).toEqual({});
    expect(w1.finish("a")).toEqual({ ann: [finished("a")], bob: [finished("a")] });
    expect(ann.submit("f", ["a"])).toEqual({ ann: [finished("a")] });
  });

  test("a key whose task was cancelled is free, though another client still holds a future", () => {
    const story = new Story();
    const [ann, bob, w1] = [story.client("ann"), story.client("bob"), story.worker("w1")];
    ann.submit("f", ["a"]);
    bob.submit("f", ["a"]);
    ann.cancel(["a"], { force: true });
    w1.join();
    expect(ann.submit("f", ["a"])).toEqual({ w1: [run("a")] });
    expect(bob.release("a")).toEqual({});
    expect(w1.finish("a")).toEqual({ ann: [finished("a")] });
  });

  test("another call under the same key is refused, and the first goes on", () => {
    const story = new Story();
    const [ann, bob] = [story.client("ann"), story.client("bob")];
    const w1 = story.worker("w1", { functions: ["f", "g"] });
    w1.join();

    ann.submit("f", ["a"]);
    expect(bob.submit("g", ["a"])).toEqual({
      bob: [
        {
          type: "failed",
          keys: ["a"],
          failure: {
            code: "key-conflict",
            message:
              'choose another key: "a" already names a call of "f", with this or other arguments',
            key: "a",
            task: "g",
          },
        },
      ],
    });
    expect(w1.finish("a")).toEqual({ ann: [finished("a")] });
  });
});

describe("depending", () => {
  test("a task waits for its inputs and gets their values, in the order of its arguments", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1", { slots: 4 });
    w1.join();

    expect(ann.submit("f", { a: [], b: [], sum: ["b", "a"] })).toEqual({
      w1: [run(["a", "b"])],
    });
    expect(w1.finish("a")).toEqual({ ann: [finished("a")] });
    expect(w1.finish("b")).toEqual({
      w1: [run("sum", { inputs: [[valueOf("b"), valueOf("a")]] })],
      ann: [finished("b")],
    });
  });

  test("a diamond runs its middle side by side and its end once", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1", { slots: 4 });
    w1.join();

    ann.submit("f", { top: [], left: ["top"], right: ["top"], end: ["left", "right"] });
    const inputs = [[valueOf("top")], [valueOf("top")]];
    expect(w1.finish("top")).toEqual({
      w1: [run(["left", "right"], { inputs })],
      ann: [finished("top")],
    });
    expect(w1.finish("right")).toEqual({ ann: [finished("right")] });
    expect(w1.finish("left")).toEqual({
      w1: [run("end", { inputs: [[valueOf("left"), valueOf("right")]] })],
      ann: [finished("left")],
    });
  });

  test("tasks with inputs and without share a message", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1", { slots: 3 });
    w1.join();
    ann.submit("f", ["a"]);
    w1.finish("a");

    expect(ann.submit("f", { b: [], c: ["a"] })).toEqual({
      w1: [run(["c", "b"], { inputs: [[valueOf("a")], []] })],
    });
  });

  test("the same input twice is waited for once and given twice", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();

    ann.submit("f", { a: [], twice: ["a", "a"] });
    expect(w1.finish("a")).toEqual({
      w1: [run("twice", { inputs: [[valueOf("a"), valueOf("a")]] })],
      ann: [finished("a")],
    });
  });

  test("an input that was let go is kept for the task that waits for it, and goes with it", () => {
    const story = new Story();
    const [ann, bob] = [story.client("ann"), story.client("bob")];
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", { a: [], b: ["a"] });
    ann.release("a");

    expect(w1.finish("a")).toEqual({ w1: [run("b", { inputs: [[valueOf("a")]] })] });
    expect(story.state.tasks.has("a")).toBe(true);
    expect(w1.finish("b")).toEqual({ ann: [finished("b")] });
    expect([...story.state.tasks.keys()]).toEqual(["b"]);
    expect(() => bob.explain("a")).toThrow(expect.objectContaining({ code: "lost-data" }));
  });

  test("a future that is not known here fails what is given it, and a retry does not help", () => {
    const story = new Story();
    const ann = story.client("ann");
    story.worker("w1").join();
    const failure = {
      code: "lost-data",
      message:
        "the future gone among its arguments is not known here: was it released, or is it of another scheduler?",
      key: "a",
      task: "f",
    };

    expect(ann.submit("f", { a: ["gone"], b: ["a"] })).toEqual({
      ann: [{ type: "failed", keys: ["a", "b"], failure }],
    });
    expect(ann.retry("b")).toEqual({
      ann: [
        { type: "reopened", keys: ["b"] },
        { type: "failed", keys: ["b"], failure },
      ],
    });
    expect(ann.retry("a")).toEqual({ ann: [{ type: "failed", keys: ["a"], failure }] });
  });
});

describe("large results", () => {
  test("a large result is announced, sent when asked for, and given to dependents", () => {
    const story = new Story({ smallResultBytes: 10 });
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", { a: [], b: ["a"] });
    const value = '"a large value"';

    expect(w1.finish("a", { value })).toEqual({
      w1: [run("b", { inputs: [[value]] })],
      ann: [{ type: "stored", keys: ["a"], bytes: [15], holders: [["scheduler"]] }],
    });
    expect(ann.fetch("a")).toEqual({ ann: [{ type: "fetched", key: "a", value }] });
    ann.release("a", "b");
    w1.stopped("b");
    expect(ann.fetch("a")).toEqual({
      ann: [
        {
          type: "failed",
          keys: ["a"],
          failure: {
            code: "lost-data",
            message: "the value of a is not there: was the future released?",
            key: "a",
          },
        },
      ],
    });
  });
});
