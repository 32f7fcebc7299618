// Stories of tasks that fail: who hears of it, what follows, and how they are tried again.

import { describe, expect, test } from "vitest";
import { step } from "../../../../scheduler/core/step.ts";
import type { Retries } from "../../../../src/wire/protocol.ts";
import { cancelled, failed, finished, run, Story, valueOf } from "../story.ts";

function stage(options = {}) {
  const story = new Story(options);
  const [ann, bob] = [story.client("ann"), story.client("bob")];
  const w1 = story.worker("w1", { slots: 4 });
  w1.join();
  return { story, ann, bob, w1 };
}

const unheard = (message: string) => `a task failed that nobody waits for: ${message}`;

describe("failing", () => {
  test("dependents fail with the root's failure, and the others are untouched", () => {
    const { ann, bob, w1 } = stage();
    ann.submit("f", { root: [], other: [], mid: ["root"], leaf: ["mid", "other"] });
    bob.submit("f", { theirs: ["mid"] });

    expect(w1.fail("root")).toEqual({
      ann: [failed("root", "mid", "leaf")],
      bob: [{ ...failed("root"), keys: ["theirs"] }],
    });
    expect(w1.finish("other")).toEqual({ ann: [finished("other")] });
  });

  test("a dependent that is submitted later fails at once", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["root"]);
    w1.fail("root");

    expect(ann.submit("f", { late: ["root"], later: ["late"] })).toEqual({
      ann: [{ ...failed("root"), keys: ["late", "later"] }],
    });
  });

  test("a diamond nobody wants fails, and only the log hears of it, once", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", { top: [], left: ["top"], right: ["top"], end: ["left", "right"] });
    ann.detach("end");
    ann.release("top", "left", "right", "end");

    expect(w1.fail("top")).toEqual({ log: [unheard("top threw")] });
    expect(story.state.tasks.size).toBe(0);
  });

  test("a task that was sent off is in the log, though its future is still there", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a"]);
    ann.detach("a");
    const done = w1.fail("a");
    expect(done["log"]).toEqual([unheard("a threw")]);
    expect(done["ann"]).toHaveLength(1);
  });

  test("what a client waits for is not in the log: the task itself, or one that depends on it", () => {
    const { ann, w1 } = stage();
    ann.submit("f", { a: [], b: [], after: ["b"] });
    ann.release("b");
    expect(w1.fail("a")["log"]).toBeUndefined();
    expect(w1.fail("b")["log"]).toBeUndefined();
  });

  test("what fails while its client is away is in the log", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["a"]);
    story.handle({ type: "client-away", id: "ann" });
    expect(w1.fail("a")["log"]).toEqual([unheard("a threw")]);
  });

  test("the log has the facts: key, function, failure, attempt, worker, and how many failed with it", () => {
    const { story, ann } = stage();
    ann.submit("f", { a: [], left: ["a"], right: ["a"] });
    ann.detach("left", "right");
    ann.release("a", "left", "right");
    const error = { name: "TypeError", message: "no", stack: "at f (tasks.ts:1)" };
    const failure = { code: "task-failed", message: "a threw", error };
    const effects = step(story.state, 0, {
      type: "worker-messages",
      from: "w1",
      messages: [{ type: "failed", key: "a", attempt: 1, failure }],
    });
    expect(effects).toContainEqual({
      do: "log",
      level: "error",
      text: unheard("a threw"),
      unheard: {
        key: "a",
        function: "f",
        failure: { ...failure, key: "a", task: "f" },
        attempt: 1,
        worker: "w1",
        dependents: 2,
      },
    });
  });

  test("what the worker says of the failure reaches the client whole", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a"]);
    const error = { name: "TypeError", message: "no", stack: "at f (tasks.ts:1)" };
    const failure = { code: "task-timeout", message: "too slow", error };

    expect(w1.say({ type: "failed", key: "a", attempt: 1, failure })).toEqual({
      ann: [{ type: "failed", keys: ["a"], failure: { ...failure, key: "a", task: "f" } }],
    });
  });
});

describe("retrying by itself", () => {
  const withCode = { name: "Error", message: "no", code: "ECONNREFUSED" };
  const several = {
    name: "AggregateError",
    message: "none",
    errors: [{ name: "Error", message: "" }, withCode],
  };
  const wrapped = { name: "TypeError", message: "fetch failed", cause: withCode };
  test.each([
    ["by the error's name", ["TypeError"], "task-failed", wrapped, true],
    ["by its code", ["ECONNREFUSED"], "task-failed", withCode, true],
    ["by the code of its cause", ["E", "ECONNREFUSED"], "task-failed", wrapped, true],
    ["by the code of an error among several", ["ECONNREFUSED"], "task-failed", several, true],
    ["not by an error that several are not", ["EPIPE"], "task-failed", several, false],
    ["by our own error's name", ["TaskTimeoutError"], "task-timeout", undefined, true],
    ["by our own error's code", ["task-timeout"], "task-timeout", undefined, true],
    ["only after a listed error", ["RangeError"], "task-failed", wrapped, false],
    ["not after a time-out that is not listed", ["E"], "task-timeout", undefined, false],
  ])("retryIf chooses %s", (_, retryIf, code, error, isRetried) => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["a"], { retries: { max: 3 }, retryIf });
    const failure = { code, message: "no", ...(error && { error }) };
    w1.say({ type: "failed", key: "a", attempt: 1, failure });
    expect(story.state.tasks.get("a")?.state.at).toBe(isRetried ? "running" : "failed");
  });

  test("an error that says so is not retried", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["a"], { retries: { max: 3 } });
    const failure = { code: "task-failed", message: "no", retriable: false } as const;
    w1.say({ type: "failed", key: "a", attempt: 1, failure });
    expect(story.state.tasks.get("a")?.state.at).toBe("failed");
  });

  test("a task that throws runs again as often as it may, at once unless told to wait", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a"], { retries: { max: 2 } });

    expect(w1.fail("a")).toEqual({ w1: [run("a", { attempt: 2 })] });
    expect(w1.fail("a", { attempt: 2 })).toEqual({ w1: [run("a", { attempt: 3 })] });
    expect(w1.fail("a", { attempt: 3 })).toEqual({ ann: [failed("a")] });
  });

  test("a timeout counts like a throw, what cannot be encoded is not tried again", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a", "b"], { retries: { max: 1 } });

    expect(w1.fail("a", { code: "task-timeout" })).toEqual({ w1: [run("a", { attempt: 2 })] });
    const failure = { code: "not-serializable", message: "b threw", key: "b", task: "f" };
    expect(w1.fail("b", { code: "not-serializable" })).toEqual({
      ann: [{ type: "failed", keys: ["b"], failure }],
    });
  });

  /** The waits of a task that always throws, and how many times it ran. */
  function waits(retries: Retries, seed = 1): number[] {
    const { story, ann, w1 } = stage({ seed });
    ann.submit("f", ["a"], { retries });
    const times: number[] = [];
    for (let attempt = 1; attempt <= retries.max; attempt++) {
      w1.fail("a", { attempt });
      const { nextWakeUp = story.now } = story;
      times.push(nextWakeUp - story.now);
      if (nextWakeUp > story.now) {
        expect(story.at(nextWakeUp - 0.001)).toEqual({});
        expect(story.at(nextWakeUp)).toEqual({ w1: [run("a", { attempt: attempt + 1 })] });
      }
    }
    expect(w1.fail("a", { attempt: retries.max + 1 })).toEqual({ ann: [failed("a")] });
    return times;
  }

  test("the delay doubles unless another factor is given, up to the longest", () => {
    expect(waits({ max: 4, delayMs: 100 })).toEqual([100, 200, 400, 800]);
    expect(waits({ max: 4, delayMs: 100, factor: 3, maxDelayMs: 500 })).toEqual([
      100, 300, 500, 500,
    ]);
    expect(waits({ max: 3, delayMs: 50, factor: 1 })).toEqual([50, 50, 50]);
  });

  test("jitter takes a part of the delay away, the same part for the same seed", () => {
    const retries = { max: 20, delayMs: 100, factor: 1, jitter: 0.5 };
    const times = waits(retries);
    expect(waits(retries)).toEqual(times);
    expect(waits(retries, 2)).not.toEqual(times);
    expect(Math.min(...times)).toBeGreaterThan(50);
    expect(Math.max(...times)).toBeLessThanOrEqual(100);
    expect(new Set(times).size).toBe(20);
  });

  test("a task that throws thousands of times is still tried again at once", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["a"], { retries: { max: 3_000 } });
    for (let attempt = 1; attempt <= 3_000; attempt++) {
      expect(w1.fail("a", { attempt })).toEqual({ w1: [run("a", { attempt: attempt + 1 })] });
    }
    expect(story.nextWakeUp).toBe(undefined);
  });
});

describe("retrying by a client", () => {
  test("the failed root runs again, and what failed because of it follows", () => {
    const { ann, bob, w1 } = stage();
    ann.submit("f", { root: [], mid: ["root"], leaf: ["mid"] });
    bob.submit("f", { theirs: ["root"] });
    w1.fail("root");

    const done = ann.retry("leaf");
    expect(done).toEqual({
      w1: [run("root", { attempt: 2 })],
      ann: [
        { type: "reopened", keys: expect.arrayContaining(["root", "mid", "leaf"]) as string[] },
      ],
      bob: [{ type: "reopened", keys: ["theirs"] }],
    });
    const inputs = [[valueOf("root")], [valueOf("root")]];
    expect(w1.finish("root", { attempt: 2 })).toEqual({
      w1: [run(["theirs", "mid"], { inputs })],
      ann: [finished("root")],
    });
  });

  test("its own retries are as many as at first", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a"], { retries: { max: 1 } });
    w1.fail("a");
    w1.fail("a", { attempt: 2 });

    expect(ann.retry("a")).toEqual({
      w1: [run("a", { attempt: 3 })],
      ann: [{ type: "reopened", keys: ["a"] }],
    });
    expect(w1.fail("a", { attempt: 3 })).toEqual({ w1: [run("a", { attempt: 4 })] });
  });

  test("a task that has not failed only tells how it stands", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a"]);
    expect(ann.retry("a")).toEqual({});
    w1.finish("a");
    expect(ann.retry("a")).toEqual({ ann: [finished("a")] });
    expect(ann.retry("unheard of")).toEqual({});
  });

  test("with an input that was cancelled meanwhile it is cancelled", () => {
    const { ann, w1 } = stage();
    ann.submit("f", { bad: [], slow: [], both: ["bad", "slow"] });
    w1.fail("bad");
    ann.cancel(["slow"], { reason: "too slow" });
    w1.stopped("slow");

    const because = "slow, which it depends on, was cancelled: too slow";
    expect(ann.retry("both")).toEqual({
      w1: [run("bad", { attempt: 2 })],
      ann: [{ type: "reopened", keys: ["both", "bad"] }, cancelled("both", because)],
    });
  });
});
