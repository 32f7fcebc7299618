// Stories of the clock: tasks that are held back, tasks that expire, and names nobody knows.

import { describe, expect, test } from "vitest";
import { nearestNames } from "../../../src/nearest.ts";
import { finished, run, Story, valueOf } from "./story.ts";

describe("holding back", () => {
  test("delayMs counts from the submission, startAt is a moment", () => {
    const story = new Story();
    const ann = story.client("ann");
    story.worker("w1", { slots: 2 }).join();
    story.at(1_000);

    expect(ann.submit("f", ["late"], { delayMs: 500 })).toEqual({});
    expect(ann.submit("f", ["noon"], { startAt: 1_200 })).toEqual({});
    expect(ann.submit("f", ["past"], { startAt: 900 })).toEqual({ w1: [run("past")] });
    expect(story.nextWakeUp).toBe(1_200);
    expect(story.at(1_199)).toEqual({});
    expect(story.at(1_200)).toEqual({ w1: [run("noon")] });
    expect(story.at(1_500)).toEqual({ w1: [run("late")] });
    expect(story.nextWakeUp).toBe(undefined);
  });

  test("startAt follows the clock of the machine when it is set, and what has started goes on", () => {
    const story = new Story();
    const ann = story.client("ann");
    story.worker("w1", { slots: 4 }).join();
    story.at(1_000);
    ann.submit("f", ["soon"], { startAt: 2_000 });
    ann.submit("f", ["later"], { startAt: 5_000 });
    ann.submit("f", ["delayed"], { delayMs: 3_000 });

    // Back by 500 ms: what would have come next comes so much later.
    expect(story.handle({ type: "wall-clock", at: 500 })).toEqual({});
    expect(story.nextWakeUp).toBe(2_500);
    expect(story.at(2_000)).toEqual({});
    expect(ann.ask("explain", { key: "soon" })).toMatchObject({
      why: "it is held back for another 0.5 s",
    });
    // The machine slept for an hour. A delay is of the time that the scheduler was there.
    expect(story.handle({ type: "wall-clock", at: 3_600_000 })).toEqual({
      w1: [run(["soon", "later"])],
    });
    expect(ann.submit("f", ["past"], { startAt: 3_599_000 })).toEqual({ w1: [run("past")] });
    // Back again: nothing of this is held a second time.
    expect(story.handle({ type: "wall-clock", at: 0 })).toEqual({});
    expect(story.at(4_000)).toEqual({ w1: [run("delayed")] });
    expect(story.nextWakeUp).toBe(undefined);
  });

  test("both the time and the inputs are waited for", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", ["a"]);
    ann.submit("f", { b: ["a"] }, { delayMs: 100 });

    expect(w1.finish("a")).toEqual({ ann: [finished("a")] });
    expect(story.at(100)).toEqual({ w1: [run("b", { inputs: [[valueOf("a")]] })] });
  });

  test("a task that is let go while it is held never runs", () => {
    const story = new Story();
    const ann = story.client("ann");
    story.worker("w1").join();
    ann.submit("f", ["a"], { delayMs: 100 });
    ann.release("a");

    expect(story.at(100)).toEqual({});
  });
});

describe("expiring", () => {
  const expired = (key: string) => ({
    type: "failed",
    keys: [key],
    failure: {
      code: "task-timeout",
      message: '"f" had not started when its expiresMs of 0.1 s ran out',
      key,
      task: "f",
    },
  });

  test("a task that has not started by then fails; one that has goes on", () => {
    const story = new Story({ maxAhead: 0 });
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", ["first", "second"], { expiresMs: 100 });

    expect(story.at(99)).toEqual({});
    expect(story.at(100)).toEqual({ ann: [expired("second")] });
    expect(w1.finish("first")).toEqual({ ann: [finished("first")] });
  });

  test("a task expires while it waits for inputs or for its time, and can be retried", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", ["a"]);
    ann.submit("f", { b: ["a"] }, { expiresMs: 100 });
    ann.submit("f", ["c"], { expiresMs: 100, delayMs: 200 });

    expect(story.at(100)).toEqual({ ann: [expired("b"), expired("c")] });
    w1.finish("a");
    expect(ann.retry("b")).toEqual({
      w1: [run("b", { inputs: [[valueOf("a")]] })],
      ann: [{ type: "reopened", keys: ["b"] }],
    });
    expect(story.at(200)).toEqual({});
  });
});

describe("a name that nobody registered", () => {
  test("and that is like none is answered with a few that are", () => {
    const story = new Story({ nearestNames });
    const ann = story.client("ann");
    const functions = ["add", "sub", "mul", "div", "pow", "mod", "neg"];
    story.worker("w1", { functions }).join();
    const words =
      'no worker here has registered "nope"; registered are ' +
      '"add", "sub", "mul", "div", "pow", and 2 more; its tasks wait';
    expect(ann.submit("nope", ["a"])).toEqual({ log: [words] });
    const message =
      'no worker has registered a function "nope"; registered are ' +
      '"add", "sub", "mul", "div", "pow", and 2 more';
    expect(ann.explain("a").why).toBe(message);
    expect(story.at(3_000)).toMatchObject({ ann: [{ failure: { message } }] });
  });

  const unknown = (...keys: string[]) => ({
    type: "failed",
    keys,
    failure: {
      code: "unknown-task",
      message: 'no worker has registered a function "ad"; did you mean "add"?',
      key: keys[0],
      task: "ad",
    },
  });
  const stage = () => {
    const story = new Story({ nearestNames });
    return { story, ann: story.client("ann") };
  };

  test("waits as long as there is no worker, and then so long after the newest joined", () => {
    const { story, ann } = stage();
    expect(ann.submit("ad", ["a"])).toEqual({});
    expect(story.at(60_000)).toEqual({});
    expect(story.nextWakeUp).toBe(undefined);

    expect(story.worker("w1", { functions: ["add"] }).join()).toEqual({
      log: [
        "worker w1 joined: 1 slot, 1 function",
        'no worker here has registered "ad"; did you mean "add"?; its tasks wait',
      ],
    });
    story.at(62_000);
    expect(story.worker("w2", { functions: ["sub"] }).join()).toEqual({
      log: ["worker w2 joined: 1 slot, 1 function"],
    });
    expect(story.at(63_000)).toEqual({});
    expect(story.at(64_999)).toEqual({});
    expect(story.at(65_000)).toEqual({ ann: [unknown("a")] });
    expect(story.nextWakeUp).toBe(undefined);
  });

  test("fails for all that wait with it, and gives the next ones their time", () => {
    const { story, ann } = stage();
    story.worker("w1", { functions: ["add"] }).join();
    ann.submit("ad", ["a"]);
    story.at(2_000);
    ann.submit("ad", { b: [], c: ["b"] });

    const done = story.at(3_000);
    expect(done).toEqual({
      ann: [unknown("a"), { ...unknown("b", "c") }],
    });
    ann.submit("ad", ["d"]);
    expect(story.at(5_999)).toEqual({});
    expect(story.at(6_000)).toEqual({ ann: [unknown("d")] });
  });

  test("runs when a worker with it comes in time, and waits for one like it from then on", () => {
    const { story, ann } = stage();
    story.worker("w1", { functions: ["add"] }).join();
    ann.submit("f", ["a", "b"]);
    story.at(2_999);
    const w2 = story.worker("w2");
    expect(w2.join()).toEqual({
      w2: [run(["a", "b"])],
      log: ["worker w2 joined: 1 slot, 1 function"],
    });

    expect(w2.lost("it was killed")).toEqual({
      disconnect: ["w2"],
      log: [
        "worker w2 was lost: it was killed; 2 tasks to run elsewhere",
        'no worker that registered "f" is left; its tasks wait for one',
      ],
    });
    expect(story.at(1e9)).toEqual({});
    expect(ann.explain("a").why).toBe(
      'no worker has registered a function "f"; registered are "add"',
    );
    expect(story.worker("w3").join()).toMatchObject({ w3: [{ type: "run", keys: ["a"] }] });
  });

  test("a timeout of nothing fails it at once and not for ever", () => {
    const story = new Story({ unknownTaskTimeoutMs: 0 });
    const ann = story.client("ann");
    ann.submit("ad", ["a"]);
    story.at(5);
    const w1 = story.worker("w1", { functions: ["add"] });
    w1.join();
    w1.lost();
    expect(story.at(5)).toEqual({});
    w1.join();
    expect(story.at(5)).toMatchObject({ ann: [{ type: "failed", keys: ["a"] }] });
  });
});
