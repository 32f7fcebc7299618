// Stories of workers that go: with a grace, for good, in peace; who is blamed and who is suspected.

import { describe, expect, test } from "vitest";
import { cancelled, finished, run, Story } from "../story.ts";

const announced = (key: string, attempt = 2) => run(key, { attempt, announce: true });
const lostLog = (id: string, tasks: number, how = "it was killed") =>
  `worker ${id} was lost: ${how}` +
  (tasks === 0 ? "" : `; ${tasks} task${tasks === 1 ? "" : "s"} to run elsewhere`);

describe("a worker whose link drops", () => {
  test("is sent nothing, and goes on where it was when it comes back in time", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", ["a"]);

    expect(w1.away()).toEqual({
      log: ["worker w1 lost its link; waiting for it to come back"],
    });
    expect(ann.submit("f", ["b"])).toEqual({});
    expect(ann.explain("a").why).toBe("attempt 1 was sent to worker w1, whose link is down");
    story.at(29_999);
    expect(w1.back()).toEqual({ w1: [run("b")], log: ["worker w1 came back"] });
    expect(story.at(30_000)).toEqual({});
    expect(w1.finish("a")).toEqual({ ann: [finished("a")] });
  });

  test("is lost when it does not, and what it had runs elsewhere", () => {
    const story = new Story();
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1"), story.worker("w2")];
    w1.join();
    ann.submit("f", ["a"]);
    w1.away();
    w2.join();

    const how = "its link dropped and it did not come back";
    expect(story.at(30_000)).toEqual({
      w2: [announced("a")],
      disconnect: ["w1"],
      log: [lostLog("w1", 1, how)],
    });
    expect(w1.finish("a")).toEqual({});
    expect(w2.finish("a")).toEqual({});
    expect(w2.finish("a", { attempt: 2 })).toEqual({ ann: [finished("a")] });
  });

  test("is not lost to the grace of a session before this one", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    w1.away();
    story.at(10_000);
    w1.lost();
    w1.join();
    expect(story.at(60_000)).toEqual({});
    expect(ann.workers()).toHaveLength(1);
  });
});

describe("a worker that is lost", () => {
  test("blames what was executing, which fails after so many losses", () => {
    const story = new Story({ maxWorkerLosses: 2 });
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1"), story.worker("w2")];
    w1.join();
    ann.submit("f", { bad: [], after: ["bad"] });
    w1.started("bad");
    w1.lost("out of memory");
    expect(w2.join()).toMatchObject({ w2: [announced("bad")] });
    w2.started("bad", 2);

    const failure = {
      code: "worker-lost",
      message:
        '"f" was executing when each of these went down: w1 (out of memory), w2 (killed); it is not tried again',
      key: "bad",
      task: "f",
    };
    expect(w2.lost("killed")).toEqual({
      ann: [{ type: "failed", keys: ["bad", "after"], failure }],
      disconnect: ["w2"],
      // It has failed, so nothing of it runs elsewhere.
      log: [lostLog("w2", 0, "killed")],
    });
  });

  test("may be survived more or less often, as the task says; its retries are not used up", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", ["once"], { maxWorkerLosses: 1 });
    w1.started("once");
    w1.lost();
    expect(ann.explain("once").state).toBe("failed");
    ann.submit("f", ["often"], { maxWorkerLosses: 100, retries: { max: 1 } });
    for (let attempt = 1; attempt < 20; attempt++) {
      w1.join();
      w1.started("often", attempt);
      w1.lost();
    }
    w1.join();
    expect(w1.fail("often", { attempt: 20 })).toEqual({ w1: [announced("often", 21)] });
  });

  test("suspects what may have been executing: it runs alone, announced, and is not blamed yet", () => {
    const story = new Story({ maxAhead: 2, maxWorkerLosses: 1 });
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1"), story.worker("w2")];
    w1.join();
    // Of these two one executes and one waits behind it: which one, the worker has not said.
    expect(ann.submit("f", ["a", "b"])).toEqual({ w1: [run(["a", "b"])] });
    w1.lost();

    expect(w2.join()).toMatchObject({ w2: [announced("a")] });
    expect(w2.finish("a", { attempt: 2 })).toEqual({
      w2: [run("b", { attempt: 2, starts: [0], announce: true })],
      ann: [finished("a")],
    });
  });

  test("has a suspect run alone on the only worker at once, when that is empty already", () => {
    const story = new Story({ maxAhead: 0 });
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1", { slots: 3 }), story.worker("w2", { slots: 3 })];
    w1.join();
    ann.submit("f", ["a", "b", "c"]);
    for (const key of ["a", "b", "c"]) w1.started(key);
    w1.lost();
    w1.join();
    w2.join();
    ann.submit("f", ["d", "e", "g", "h"]);
    for (const worker of [w1, w2]) {
      // Heard of those that run there.
      for (const key of ["a", "b", "c"]) worker.started(key, 2);
      for (const key of ["d", "e", "g", "h"]) worker.started(key);
    }
    w2.lost();
    for (let round = 0; round < 5; round++) {
      w1.lost();
      w1.join();
      expect(ann.workers()[0]!.tasks).toBe(1);
    }
  });

  test("suspects all that were there, and runs each apart until the guilty one is known", () => {
    const story = new Story({ maxAhead: 0, maxWorkerLosses: 2 });
    const ann = story.client("ann");
    const w1 = story.worker("w1", { slots: 3 });
    w1.join();
    ann.submit("f", ["bad", "b", "c"]);
    for (const key of ["bad", "b", "c"]) w1.started(key);
    w1.lost();
    // One suspect at a time, though there are three slots; others than suspects may run beside it.
    const joined = (done: object) => expect(done).toMatchObject({ w1: [announced("bad")] });
    joined(w1.join());
    expect(ann.submit("f", ["fresh"])).toEqual({ w1: [run("fresh")] });
    expect(ann.explain("b").why).toContain("waits to run apart");
    w1.started("bad", 2);
    w1.started("fresh");
    // Any of the two may be the cause. The one that was there twice now runs with nothing beside it.
    w1.lost();
    for (const attempt of [3, 4]) {
      w1.join();
      if (ann.explain("bad").state !== "running") {
        for (const key of ["b", "c", "fresh"]) {
          const { state } = ann.explain(key);
          if (state === "running") w1.finish(key, { attempt: 2 });
        }
      }
      expect(ann.explain("bad").state).toBe("running");
      expect(ann.workers()[0]!.tasks).toBe(1);
      w1.started("bad", attempt);
      w1.lost();
    }
    expect(ann.explain("bad")).toMatchObject({ state: "failed", losses: [{}, {}] });
    w1.join();
    for (let round = 0; round < 4; round++) {
      for (const key of ["b", "c", "fresh"]) {
        if (ann.explain(key).state === "running") w1.finish(key, { attempt: 2 });
      }
    }
    for (const key of ["b", "c", "fresh"]) {
      expect(ann.explain(key)).toMatchObject({ state: "finished", losses: [] });
    }
  });

  test("has a worker emptied for a suspect that is to run alone, and sends it nothing else", () => {
    const story = new Story({ maxAhead: 0, maxWorkerLosses: 1 });
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1", { slots: 2 }), story.worker("w2", { slots: 2 })];
    w1.join();
    ann.submit("f", ["bad", "b"]);
    w1.lost();
    // Now beside what is no suspect.
    w1.join();
    w1.finish("bad", { attempt: 9 });
    ann.submit("f", ["c"]);
    w1.lost();
    w2.join();
    expect(ann.explain("bad").state).toBe("running");
    ann.submit("f", ["d"]);
    expect(ann.explain("d").state).toBe("ready");
    w2.started("bad", 3);
    expect(w2.lost()["ann"]).toMatchObject([{ type: "failed", keys: ["bad"] }]);
  });

  test("is open again after a suspect that ran alone, though another has taken its slot back meanwhile", () => {
    const story = new Story({ maxAhead: 0, maxWorkerLosses: 5 });
    const ann = story.client("ann");
    const w1 = story.worker("w1", { slots: 2 });
    w1.join();
    ann.submit("f", ["bad"], { retries: { max: 1, delayMs: 100 } });
    ann.submit("f", ["waits"]);
    w1.lost();
    w1.join();
    ann.submit("f", ["beside"]);
    w1.lost();
    // It was beside others twice, and runs alone from now on.
    w1.join();
    w1.fail("bad", { attempt: 3 });
    w1.finish("beside", { attempt: 2 });
    expect(ann.explain("waits").state).toBe("running");
    w1.say({ type: "lent", keys: ["waits"], attempts: [2] });
    expect(story.at(100)).toMatchObject({ w1: [announced("bad", 4)] });
    w1.say({ type: "resuming", keys: ["waits"], attempts: [2] });
    w1.finish("bad", { attempt: 4 });
    expect(ann.submit("f", ["fresh"])).toEqual({ w1: [run("fresh")] });
  });

  test("blames nobody for what may never have reached it", () => {
    const story = new Story({ maxWorkerLosses: 1 });
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1"), story.worker("w2")];
    w1.join();
    // There is a slot for it; but was the worker still there?
    ann.submit("f", ["a"]);
    w1.lost();
    expect(ann.explain("a")).toMatchObject({ state: "ready", losses: [] });
    expect(w2.join()).toMatchObject({ w2: [announced("a")] });
    w2.started("a", 2);
    expect(w2.lost()["ann"]).toMatchObject([{ type: "failed", keys: ["a"] }]);
  });

  test("blames nobody when another may have begun since, and tells who it is the next time", () => {
    const story = new Story({ maxAhead: 2, maxWorkerLosses: 1 });
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", ["a", "b"]);
    w1.started("a");

    w1.lost();
    expect(ann.explain("a")).toMatchObject({ state: "ready", losses: [] });
    expect(ann.explain("b")).toMatchObject({ state: "ready", losses: [] });
    w1.join();
    w1.started("a", 2);
    expect(w1.lost()["ann"]).toMatchObject([{ type: "failed", keys: ["a"] }]);
    expect(ann.explain("b")).toMatchObject({ state: "ready", losses: [] });
  });

  test("takes nobody down twice: what ends with a failed task is not run elsewhere", () => {
    const story = new Story({ maxWorkerLosses: 1 });
    const ann = story.client("ann");
    const w1 = story.worker("w1", { slots: 2 });
    w1.join();
    ann.submit("f", { a: [] }, { maxWorkerLosses: 1 });
    ann.submit("f", { b: [] });
    ann.submit("f", { both: ["a", "b"] });
    ann.detach("both");
    ann.release("a", "b", "both");
    w1.started("a");
    w1.lends("b");

    expect(w1.lost()).toEqual({
      disconnect: ["w1"],
      log: [expect.stringContaining("nobody waits for"), lostLog("w1", 0)],
    });
    expect(story.state.tasks.size).toBe(0);
  });

  test("whose place is taken by another of its name is lost", () => {
    const story = new Story();
    const ann = story.client("ann");
    story.worker("w1").join();
    ann.submit("f", ["a"]);

    const facts = { name: "w1", host: "h", pid: 2, threads: 1, slots: 1, resources: {} };
    expect(story.handle({ type: "worker-joins", id: "other", ...facts, functions: ["f"] })).toEqual(
      {
        other: [announced("a")],
        disconnect: ["w1"],
        log: [
          lostLog("w1", 1, "another worker took its name"),
          "worker w1 joined: 1 slot, 1 function",
        ],
      },
    );
  });

  test("forgets what was cancelled there", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", ["a"]);
    expect(ann.cancel(["a"])).toMatchObject({ ann: [cancelled("a")] });
    expect(w1.lost()).toEqual({ disconnect: ["w1"], log: [lostLog("w1", 0)] });
  });
});

describe("a thread that is lost", () => {
  test("is a loss that the worker itself survives", () => {
    const story = new Story({ maxWorkerLosses: 2 });
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", ["a"]);
    const how = { code: "thread-lost", message: "out of memory" };

    expect(w1.fail("a", how)).toEqual({ w1: [announced("a")] });
    expect(w1.fail("a", { ...how, attempt: 2 })["ann"]).toMatchObject([
      { type: "failed", keys: ["a"], failure: { code: "worker-lost", key: "a" } },
    ]);
  });

  test("with several calls on it is nobody's loss: each runs apart from then on", () => {
    const story = new Story({ maxWorkerLosses: 1, maxAhead: 0 });
    const ann = story.client("ann");
    const w1 = story.worker("w1", { slots: 2 });
    w1.join();
    ann.submit("f", ["a", "b"]);
    const failure = { code: "thread-lost", message: "out of memory" };
    const lose = (key: string) => ({ type: "failed", key, attempt: 1, failure }) as const;

    expect(w1.say({ ...lose("a"), shared: true })).toEqual({ w1: [announced("a")] });
    expect(w1.say({ ...lose("b"), shared: true })).toEqual({});
    expect(w1.finish("a", { attempt: 2 })).toEqual({
      w1: [announced("b")],
      ann: [finished("a")],
    });
    expect(w1.fail("b", { ...failure, attempt: 2 })["ann"]).toMatchObject([
      { type: "failed", keys: ["b"], failure: { code: "worker-lost" } },
    ]);
    expect(ann.explain("b").losses).toHaveLength(1);
  });
});

describe("a worker that leaves", () => {
  test("gives back what has not started, finishes the rest, and blames nobody", () => {
    const story = new Story({ maxWorkerLosses: 1 });
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1"), story.worker("w2")];
    w1.join();
    ann.submit("f", ["a", "b"]);
    expect(w1.leaving()).toEqual({});
    expect(ann.workers()).toMatchObject([{ name: "w1", status: "leaving" }]);
    expect(w2.join()).toEqual({ log: ["worker w2 joined: 1 slot, 1 function"] });

    expect(w1.withdrawn("b")).toEqual({ w2: [run("b", { attempt: 2, starts: [0] })] });
    expect(w1.lost("it left")).toEqual({
      w2: [run("a", { attempt: 2 })],
      disconnect: ["w1"],
      log: ["worker w1 left; 1 task to run elsewhere"],
    });
    expect(ann.explain("a").losses).toEqual([]);
  });

  test("is warned of when one stays that cannot run its tasks, and as the last one is not", () => {
    const story = new Story({ maxAhead: 0 });
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1"), story.worker("w2", { functions: ["g"] })];
    w1.join();
    ann.submit("f", ["a", "b"]);
    // More may come, or the time limit of the job is near: nobody knows that it waits in vain.
    expect(w1.leaving()).toEqual({});
    expect(ann.explain("b").why).toBe("w1, which could run it, is leaving");
    expect(w2.join()).toEqual({
      log: [
        "worker w2 joined: 1 slot, 1 function",
        'no worker here could ever run some tasks of "f": w1, which could run it, is leaving; they wait',
      ],
    });
    expect(ann.explain("b").why).toBe("w1, which could run it, is leaving");
  });
});

describe("a stale answer", () => {
  test("is passed over, whatever it says", () => {
    const story = new Story();
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", ["a"], { retries: { max: 5 } });
    w1.fail("a");

    expect(w1.finish("a", { attempt: 1 })).toEqual({});
    expect(w1.fail("a", { attempt: 1 })).toEqual({});
    expect(w1.started("a", 1)).toEqual({});
    expect(w1.stopped("a", 1)).toEqual({});
    expect(w1.withdrawn("a")).toEqual({});
    expect(w1.finish("a", { attempt: 3 })).toEqual({});
    expect(w1.finish("unheard of")).toEqual({});
    w1.say({ type: "progress", key: "a", attempt: 1, fraction: 0.9 });
    expect(ann.explain("a")).toMatchObject({ state: "running", attempt: 2 });
    expect(w1.finish("a", { attempt: 2 })).toEqual({ ann: [finished("a")] });
  });
});
