// Stories of what the scheduler says of itself: why a task is where it is, who is here, how much.

import { describe, expect, test } from "vitest";
import { Story } from "./story.ts";

describe("explain", () => {
  test("says in a sentence why a task is where it is", () => {
    const story = new Story({ maxAhead: 0 });
    const ann = story.client("ann");
    const w1 = story.worker("w1", { resources: { gpu: 1 } });
    const why = (key: string) => ann.explain(key).why;
    ann.submit("f", ["a"]);
    expect(why("a")).toBe("no worker has joined");

    w1.join();
    ann.submit("f", { b: [], c: ["a", "b"] });
    ann.submit("f", ["later"], { delayMs: 1_500 });
    ann.submit("f", ["big"], { resources: { gpu: 2 } });
    ann.submit("f", ["there"], { workers: ["w9"] });
    ann.submit("g", ["unknown"]);
    story.at(500);
    expect(why("a")).toBe("attempt 1 was sent to worker w1");
    expect(why("b")).toBe("every worker that may run it is busy; 4 tasks are ready in all");
    expect(why("c")).toBe("it waits for 2 of its inputs; a is running");
    expect(why("later")).toBe("it is held back for another 1 s");
    expect(why("big")).toBe('no worker has 2 of resource "gpu": the most that one has is 1');
    expect(why("there")).toBe('none of the workers asked for ("w9") is here');
    expect(why("unknown")).toBe('no worker has registered a function "g"; registered are "f"');

    w1.started("a");
    expect(why("a")).toBe("attempt 1 is executing on worker w1");
    w1.finish("a");
    expect(why("a")).toBe(
      "it finished; its value of 3 bytes is kept by the scheduler while somebody needs it",
    );
    w1.fail("b");
    expect(why("c")).toBe("it failed: b threw");
  });

  test("says where a task is that was submitted with the question", () => {
    const story = new Story();
    const ann = story.client("ann");
    story.worker("w1").join();
    const submit = { type: "submit", name: "f", keys: ["a"], args: ["[]"] } as const;
    const done = story.handle({
      type: "client-messages",
      from: "ann",
      messages: [
        { ...submit, keys: [...submit.keys], args: [...submit.args] },
        { type: "explain", id: 1, key: "a" },
      ],
    });
    expect(done["ann"]).toMatchObject([{ result: { why: "attempt 1 was sent to worker w1" } }]);
    expect(ann.explain("a").state).toBe("running");
  });

  test("says that workers have been here when none is left", () => {
    const story = new Story();
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1"), story.worker("w2")];
    w1.join();
    ann.submit("f", ["a"]);
    w1.lost();
    expect(ann.explain("a").why).toBe("no worker is left: one has been here; w1: it was killed");
    w2.join();
    w2.lost();
    expect(ann.explain("a").why).toBe("no worker is left: 2 have been here; w1, w2: it was killed");
  });

  test("of a moment further away than any date is no trouble", () => {
    const story = new Story();
    const ann = story.client("ann");
    ann.submit("f", ["a"], { startAt: Number.MAX_SAFE_INTEGER });
    expect(ann.explain("a").why).toBe("it is held back for another 104,249,991 days");
  });

  test("says what is missing: a resource, a worker asked for, a function there, all at once", () => {
    const story = new Story();
    const ann = story.client("ann");
    const whyOf = (options: object, name = "f") => {
      ann.submit(name, ["a"], options);
      const { why } = ann.explain("a");
      ann.release("a");
      return why;
    };
    for (const id of ["w1", "w2"]) story.worker(id, { resources: { gpu: 1 } }).join();
    for (const id of ["w3", "w4"]) story.worker(id, { resources: { ram: 8 } }).join();
    story.worker("w5", { functions: ["g"] }).join();
    expect(whyOf({ workers: ["w1"] }, "g")).toBe(
      'the workers asked for ("w1") have no function "g"',
    );
    expect(whyOf({ workers: ["x", "y", "z", "u"] })).toBe(
      'none of the workers asked for ("x", "y", "z", and 1 more) is here',
    );
    expect(whyOf({ workers: ["w1"], resources: { ram: 1 } })).toBe(
      'none of the workers asked for ("w1") has 1 of resource "ram": the most that one has is 0',
    );
    expect(whyOf({ workers: ["x"], allowOtherWorkers: true, resources: { ram: 9 } })).toBe(
      'no worker has 9 of resource "ram": the most that one has is 8',
    );
    story.worker("w9", { functions: ["g"], resources: { gpu: 100 } }).join();
    expect(whyOf({ resources: { gpu: 99 } })).toMatch(
      /^no worker that has the function "f" has 99 of resource "gpu": the most that one has is \d+$/,
    );
    expect(whyOf({ resources: { gpu: 1, ram: 1 } })).toBe(
      'no one worker has all that it asks for: w1 has 0 of resource "ram" where 1 is needed; ' +
        'w2 has 0 of resource "ram" where 1 is needed; w3 has 0 of resource "gpu" where 1 is needed, and 1 more',
    );
  });

  test("says which tag is missing, and which there are", () => {
    const nearestNames = (name: string, known: Iterable<string>) =>
      [...known].filter((each) => each.startsWith(name.slice(0, 2)));
    const story = new Story({ nearestNames });
    const ann = story.client("ann");
    const whyOf = (options: object, name = "f") => {
      ann.submit(name, ["a"], options);
      const { why } = ann.explain("a");
      ann.release("a");
      return why;
    };
    story.worker("w1", { tags: ["gpu"], resources: { ram: 1 } }).join();
    story.worker("w2", { tags: ["highmem"], resources: { ram: 8 } }).join();
    story.worker("w3", { functions: ["g"] }).join();
    story.worker("w4", { functions: ["h"], tags: ["slow"] }).join();
    expect(whyOf({ tags: ["gpus"] })).toBe('no worker has the tag "gpus"; did you mean "gpu"?');
    expect(whyOf({ tags: ["gpu", "x"] })).toBe(
      'no worker has the tag "x"; tags there are "gpu", "highmem"',
    );
    expect(whyOf({ tags: ["x"] }, "g")).toBe('no worker has the tag "x"; none of them has any tag');
    expect(whyOf({ tags: ["slow"] })).toBe(
      'no worker that has the function "f" has the tag "slow"; tags there are "gpu", "highmem"',
    );
    expect(whyOf({ tags: ["highmem", "gpu"] })).toBe(
      'no one worker has all the tags asked for ("gpu", "highmem")',
    );
    expect(whyOf({ tags: ["gpu"], workers: ["w2"] })).toBe(
      'none of the workers asked for ("w2") has the tag "gpu"; tags there are "highmem"',
    );
    expect(whyOf({ tags: ["gpu"], resources: { ram: 8 } })).toBe(
      'no worker tagged "gpu" has 8 of resource "ram": the most that one has is 1',
    );
  });

  test("tells the whole of it", () => {
    const story = new Story();
    const [ann, bob] = [story.client("ann"), story.client("bob")];
    const [w1, w2] = [story.worker("w1"), story.worker("w2")];
    w1.join();
    ann.submit("f", ["a"]);
    bob.submit("f", { a: [], b: ["a"], c: ["a", "b"] });
    story.at(10);
    w1.started("a");
    w1.lost("out of memory");
    story.at(20);
    w2.join();
    w2.say({ type: "progress", key: "a", attempt: 2, fraction: 0.25, text: "reading" });

    const losses = [{ worker: "w1", how: "out of memory" }];
    expect(ann.explain("a")).toEqual({
      key: "a",
      function: "f",
      state: "running",
      why: "attempt 2 is executing on worker w2",
      attempt: 2,
      worker: "w2",
      progress: { fraction: 0.25, text: "reading" },
      missingInputs: [],
      holders: [],
      dependents: 2,
      wantedBy: ["ann", "bob"],
      losses,
      history: [
        { at: 0, from: "new", to: "ready", why: "submitted" },
        { at: 0, from: "ready", to: "running", why: "w1" },
        { at: 10, from: "running", to: "ready", why: "its worker was lost while it ran" },
        { at: 20, from: "ready", to: "running", why: "w2" },
      ],
    });
    expect(ann.explain("c")).toMatchObject({
      state: "waiting",
      missingInputs: ["a", "b"],
    });
    const message =
      'no task has the key "nothing": it was cancelled or released, its keepMs is over, or it never was here';
    expect(() => ann.explain("nothing")).toThrow(
      expect.objectContaining({ code: "lost-data", message }),
    );
  });

  test("of a cancelled task gives the reason", () => {
    const story = new Story();
    const [ann, bob] = [story.client("ann"), story.client("bob")];
    bob.submit("f", ["a", "b"]);
    ann.cancel(["a"], { force: true, reason: "maintenance" });
    ann.cancel(["b"], { force: true });
    expect(bob.explain("a").why).toBe("it was cancelled: maintenance");
    expect(bob.explain("b").why).toBe("it was cancelled");
  });
});

describe("info", () => {
  test("counts what is here and what has been", () => {
    const story = new Story({ maxAhead: 0 });
    const ann = story.client("ann");
    story.client("bob");
    const w1 = story.worker("w1", { slots: 2, functions: ["g", "f"] });
    w1.join();
    story.worker("w2", { slots: 3, functions: ["h"] }).join();
    ann.submit("f", { a: [], b: [], c: ["a"], d: [], e: [] });
    w1.finish("a");
    w1.fail("b");
    ann.submit("unknown", ["u"]);
    ann.cancel(["d"], { force: true });

    expect(ann.info()).toEqual({
      departures: [],
      tasks: {
        waiting: 0,
        ready: 2,
        running: 1,
        finished: 1,
        released: 0,
        failed: 1,
        cancelled: 1,
      },
      totals: { submitted: 6, finished: 1, failed: 1, dispatched: 4 },
      workers: 2,
      clients: 2,
      slots: 5,
      functions: ["f", "g", "h"],
      published: [],
      memory: { usedBytes: expect.any(Number), limitBytes: 8 * 2 ** 30, level: "ample" },
    });
  });
});

describe("workers", () => {
  test("are told with what they have, what they do and how they are", () => {
    const story = new Story();
    const ann = story.client("ann");
    story.at(7);
    const w1 = story.worker("w1", {
      slots: 2,
      functions: ["g", "f"],
      resources: { gpu: 2 },
      tags: ["highmem", "gpu"],
      host: "big",
    });
    w1.join();
    ann.submit("f", ["a", "b"], { resources: { gpu: 0.5 } });
    w1.finish("a");
    const facts = {
      id: "w1",
      name: "w1",
      host: "big",
      pid: 1,
      threads: 2,
      slots: 2,
      tasks: 1,
      finished: 1,
      resources: { gpu: { total: 2, used: 0.5 } },
      tags: ["gpu", "highmem"],
      functions: ["f", "g"],
      held: { results: 0, bytes: 0 },
      joinedAt: 7,
    };

    expect(ann.workers()).toEqual([{ ...facts, status: "up" }]);
    w1.away();
    expect(ann.workers()).toEqual([{ ...facts, status: "away" }]);
    w1.back();
    w1.leaving();
    expect(ann.workers()).toEqual([{ ...facts, status: "leaving" }]);
  });
});
