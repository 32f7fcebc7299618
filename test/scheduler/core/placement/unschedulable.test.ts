// Stories of tasks that no worker here could ever run, and that would not wait for ever.

import { describe, expect, test } from "vitest";
import type { ToClient } from "../../../../src/wire/protocol.ts";
import { Story, type Done } from "../story.ts";

const timeout = { unschedulableTimeoutMs: 100 };
const forGpus = { ...timeout, resources: { gpu: 2 } };

function stage() {
  const story = new Story({ maxAhead: 0 });
  return { story, ann: story.client("ann"), w1: story.worker("w1", { resources: { gpu: 1 } }) };
}

function failureIn(done: Done) {
  const [message] = done["ann"] as [Extract<ToClient, { type: "failed" }>];
  return message;
}

describe("with unschedulableTimeoutMs", () => {
  test("the future fails when no present worker could ever run it, saying what is missing", () => {
    const { story, ann, w1 } = stage();
    w1.join();
    ann.submit("f", ["a"], forGpus);
    expect(story.at(99)).toEqual({});
    const missing = 'no worker has 2 of resource "gpu": the most that one has is 1';
    expect(ann.explain("a").why).toBe(missing);
    expect(story.at(100)).toEqual({
      ann: [
        {
          type: "failed",
          keys: ["a"],
          failure: {
            code: "unschedulable",
            message: `"f" waited 0.1 s for a worker that could ever run it: ${missing}`,
            key: "a",
            task: "f",
          },
        },
      ],
      log: [`1 of "f" failed: ${missing}`],
    });
  });

  test.each([
    ["the worker asked for", "f", { workers: ["w9"] }, 'none of the workers asked for ("w9")'],
    ["the function", "g", {}, 'no worker has registered a function "g"; registered are "f"'],
  ])("%s is named when that is missing", (_, name, options, words) => {
    const { story, ann, w1 } = stage();
    w1.join();
    ann.submit(name, ["a"], { ...timeout, ...options });
    expect(failureIn(story.at(100)).failure.message).toContain(words);
  });

  test("a scheduler without any worker says that", () => {
    const { story, ann } = stage();
    ann.submit("f", ["a"], timeout);
    expect(failureIn(story.at(100)).failure.message).toContain("no worker has joined");
  });

  test("nothing fails while somebody could run it, however busy they are", () => {
    const { story, ann, w1 } = stage();
    w1.join();
    ann.submit("f", ["a", "b"], timeout);
    for (let now = 50; now < 1_000; now += 50) expect(story.at(now)).toEqual({});
    expect(ann.explain("b").state).toBe("ready");
    w1.finish("a");
    w1.finish("b");
    // And nobody looks any more when nothing waits.
    story.at(1_100);
    expect(story.nextWakeUp).toBeUndefined();
  });

  test("no timer is started for a task that runs at once", () => {
    const { story, ann, w1 } = stage();
    w1.join();
    ann.submit("f", ["a"], timeout);
    expect(story.nextWakeUp).toBeUndefined();
  });

  test("a worker that comes in time saves it, and its going starts the time anew", () => {
    const { story, ann, w1 } = stage();
    w1.join();
    ann.submit("f", ["a"], { ...timeout, workers: ["w2"] });
    story.at(90);
    const w2 = story.worker("w2");
    w2.join();
    story.at(150);
    w2.lost();
    expect(story.at(249)).toEqual({});
    expect(failureIn(story.at(250)).keys).toEqual(["a"]);
  });

  test("each has its time, those submitted later too, and dependents fail with it", () => {
    const { story, ann, w1 } = stage();
    w1.join();
    ann.submit("f", ["a"], forGpus);
    story.at(60);
    ann.submit("f", ["b"], forGpus);
    ann.submit("f", { c: ["a"] });
    expect(failureIn(story.at(100)).keys).toEqual(["a", "c"]);
    expect(story.at(199)).toEqual({});
    expect(failureIn(story.at(200)).keys).toEqual(["b"]);
  });

  test("other options of the same function wait on", () => {
    const { story, ann, w1 } = stage();
    w1.join();
    ann.submit("f", ["a"], forGpus);
    ann.submit("f", ["b"], { resources: { gpu: 2 } });
    expect(failureIn(story.at(100)).keys).toEqual(["a"]);
    expect(ann.explain("b").state).toBe("ready");
  });
});

test("a worker can be asked for by its id, which no host and no other worker's name is", () => {
  const { story, ann } = stage();
  story.worker("n1", { host: "other" }).join();
  const event = { type: "worker-joins", id: "id-2", name: "w2", host: "n1", pid: 1 } as const;
  story.handle({ ...event, threads: 1, slots: 1, functions: ["f"], resources: {} });
  expect(ann.submit("f", ["a"], { workers: ["id-2"] })).toMatchObject({
    "id-2": [{ keys: ["a"] }],
  });
});

test("a task of a function that nobody registered fails in time, though its limit is closed", () => {
  const { story, ann, w1 } = stage();
  w1.join();
  const options = { maxRunning: 1, limitName: "api" };
  ann.submit("f", ["a"], options);
  ann.submit("nobody's", ["b"], options);
  const failure = failureIn(story.at(story.state.options.unknownTaskTimeoutMs)).failure;
  expect(failure).toMatchObject({ code: "unknown-task", key: "b" });
});

describe("while all workers leave", () => {
  const unknownTaskTimeoutMs = 100;
  function leave() {
    const story = new Story({ maxAhead: 0, unknownTaskTimeoutMs });
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    return { story, ann, w1 };
  }

  test("a task of a function that nobody registered waits: others may be coming", () => {
    const { story, ann, w1 } = leave();
    ann.submit("g", ["a"]);
    w1.leaving();
    expect(story.at(unknownTaskTimeoutMs)).toEqual({});
    story.worker("w2", { functions: ["g"] }).join();
    expect(ann.explain("a").state).toBe("running");
  });

  test("the first that comes and stays begins its timeout, though it was given up before", () => {
    const { story, ann, w1 } = leave();
    ann.submit("g", ["a"]);
    w1.leaving();
    story.at(unknownTaskTimeoutMs);
    story.worker("w2").join();
    const at = story.at(2 * unknownTaskTimeoutMs);
    expect(failureIn(at).failure).toMatchObject({ code: "unknown-task", key: "a" });
  });
});
