// Stories of where tasks run: functions, resources, workers asked for; who waited longest comes first.

import { describe, expect, test } from "vitest";
import { finished, run, Story } from "../story.ts";

const cannot = 'no worker here could ever run some tasks of "f"';

describe("placing", () => {
  test("spreads tasks over the workers, the one that waited longest first", () => {
    const story = new Story();
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1", { slots: 2 }), story.worker("w2", { slots: 2 })];
    w1.join();
    w2.join();

    expect(ann.submit("f", ["a", "b", "c"])).toEqual({ w1: [run(["a", "c"])], w2: [run("b")] });
    w1.finish(["a", "c"]);
    w2.finish("b");
    expect(ann.submit("f", ["d"])).toEqual({ w2: [run("d")] });
    expect(ann.submit("f", ["e"])).toEqual({ w1: [run("e")] });
  });

  test("gives a task only to a worker that has its function", () => {
    const story = new Story();
    const ann = story.client("ann");
    story.worker("w1").join();
    story.worker("w2", { functions: ["g"] }).join();

    expect(ann.submit("g", ["a"])).toEqual({ w2: [run("a", { name: "g" })] });
  });

  test("gives a task only to a worker that has all its tags, whichever others have room", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1", { tags: ["gpu"] });
    const w2 = story.worker("w2", { tags: ["highmem", "gpu"] });
    for (const worker of [w1, w2, story.worker("w3", { slots: 9 })]) worker.join();
    const both = { tags: ["gpu", "highmem"] };
    expect(ann.submit("f", ["a"], both)).toEqual({ w2: [run("a")] });
    expect(ann.submit("f", ["b"], { tags: ["gpu"] })).toEqual({ w1: [run("b")] });
    expect(ann.submit("f", ["c"], both)).toEqual({ w2: [run("c")] });
    w2.finish(["a", "c"]);
    // The wish is for workers. Tags are a demand.
    const wish = { workers: ["w3"], allowOtherWorkers: true, tags: ["highmem"] };
    expect(ann.submit("f", ["d"], wish)).toEqual({ w2: [run("d")] });
    expect(ann.submit("f", ["e"], { tags: ["other"] })).toEqual({
      log: [`${cannot}: no worker has the tag "other"; tags there are "gpu", "highmem"; they wait`],
    });
    expect(story.worker("w4", { tags: ["other"] }).join()).toMatchObject({ w4: [run("e")] });
  });

  test("never exceeds the resources of a worker, fractions included", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1", { slots: 10, resources: { gpu: 1 } });
    w1.join();
    const tenth = { resources: { gpu: 0.1 } };
    const keys = Array.from({ length: 10 }, (_, index) => `t${index}`);

    expect(ann.submit("f", keys, tenth)).toEqual({ w1: [run(keys, tenth)] });
    expect(ann.submit("f", ["more"], tenth)).toEqual({});
    expect(ann.submit("f", ["all"], { resources: { gpu: 1 } })).toEqual({});
    expect(w1.finish("t0")).toEqual({
      w1: [run("more", tenth)],
      ann: [finished("t0")],
    });
    for (const key of keys.slice(1)) expect(w1.finish(key)).toEqual({ ann: [finished(key)] });
    expect(w1.finish("more")).toEqual({
      w1: [run("all", { resources: { gpu: 1 } })],
      ann: [finished("more")],
    });
    expect(ann.workers()[0]!.resources).toEqual({ gpu: { total: 1, used: 1 } });
  });

  test("counts a resource until the cancelled task that holds it has ended", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1", { slots: 2, resources: { gpu: 1 } });
    w1.join();
    ann.submit("f", ["a", "b"], { resources: { gpu: 1 } });
    ann.cancel(["a"]);
    expect(w1.stopped("a")).toEqual({ w1: [run("b", { resources: { gpu: 1 } })] });
  });

  test("takes a resource by its own name, whatever that name means elsewhere", () => {
    const story = new Story();
    const ann = story.client("ann");
    story.worker("w1", { slots: 9 }).join();
    const odd = { toString: 1, constructor: 1 } as unknown as Record<string, number>;

    expect(ann.submit("f", ["a"], { resources: odd })).toEqual({
      log: [
        `${cannot}: no worker has 1 of resource "toString": the most that one has is 0; they wait`,
      ],
    });
    const w2 = story.worker("w2", { slots: 9, resources: odd });
    expect(w2.join()).toMatchObject({ w2: [run("a")] });
    expect(ann.submit("f", ["b"], { resources: odd })).toEqual({});
  });

  test("waits for the workers asked for, by name or by host", () => {
    const story = new Story();
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1"), story.worker("w2", { host: "big" })];
    w1.join();
    const log = [`${cannot}: none of the workers asked for ("w2") is here; they wait`];

    expect(ann.submit("f", ["a"], { workers: ["w2"] })).toEqual({ log });
    // It was said of this function, and is not said again for each of its tasks.
    expect(ann.submit("f", ["b"], { workers: ["big"] })).toEqual({});
    expect(w2.join()).toMatchObject({ w2: [run(["a", "b"])] });
  });

  test("takes another worker when the one wished for has no room", () => {
    const story = new Story({ maxAhead: 0 });
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1"), story.worker("w2")];
    w1.join();
    w2.join();
    const wish = { workers: ["w2"], allowOtherWorkers: true };

    expect(ann.submit("f", ["a", "b"], wish)).toEqual({ w2: [run("a")], w1: [run("b")] });
  });

  test("keeps apart what two calls ask for, however their names are written", () => {
    const story = new Story();
    const ann = story.client("ann");
    const odd = '["f",["w2"],false,null]';
    story.worker("w1", { functions: ["f", odd] }).join();

    ann.submit("f", ["a"], { workers: ["w2"] });
    expect(ann.submit(odd, ["b"])).toEqual({ w1: [run("b", { name: odd })] });
  });

  test("passes over those that find no room, whatever their number", () => {
    const story = new Story({ maxAhead: 0 });
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    ann.submit("g", ["nowhere"], { priority: 9 });
    ann.submit("f", ["elsewhere"], { workers: ["w2"], priority: 8 });
    ann.submit("f", ["gpu"], { resources: { gpu: 1 }, priority: 7 });
    ann.submit("f", ["a"]);

    expect(w1.join()).toMatchObject({ w1: [run("a")] });
  });
});
