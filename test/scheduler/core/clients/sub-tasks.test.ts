// Stories of tasks that submit tasks: whose turn it is, whose slot, and what becomes of it all when the
// task that submitted ends.

import { describe, expect, test } from "vitest";
import type { FromWorker } from "../../../../src/wire/protocol.ts";
import { cancel, cancelled, failed, finished, inside, run, Story } from "../story.ts";
import type { StoryWorker } from "../story.ts";

const sub = { depth: 1 };

function stage({ slots = 1, resources = {} } = {}) {
  const story = new Story({ maxAhead: 0 });
  const ann = story.client("ann");
  const w1 = story.worker("w1", { slots, resources });
  w1.join();
  return { story, ann, w1 };
}

describe("a task that waits for its sub-tasks", () => {
  test("lends its slot to them and takes it back, and the answer goes to the task", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a", "b"]);

    expect(w1.submitsInside("a", ["a1", "a2"])).toEqual({});
    expect(w1.lends("a")).toEqual({ w1: [run("a1", sub)] });
    expect(ann.explain("a").why).toBe(
      "attempt 1 waits for its sub-tasks, a1 for one, on worker w1, and has lent its slot",
    );
    expect(w1.finish("a1")).toEqual({ w1: [run("a2", sub), inside("a", finished("a1"))] });
    // It goes on before the second has ended: two in one slot for a while, and no third.
    expect(w1.resumes("a")).toEqual({});
    expect(w1.finish("a2")).toEqual({ w1: [inside("a", finished("a2"))] });
    expect(w1.finish("a")).toEqual({ w1: [run("b")], ann: [finished("a")] });
  });

  test("can be as many deep as there are tasks, with one slot", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["t0"]);
    const levels = 3_000;
    for (let level = 0; level < levels; level += 1) {
      w1.submitsInside(`t${level}`, [`t${level + 1}`]);
      expect(w1.lends(`t${level}`)["w1"]).toMatchObject([{ keys: [`t${level + 1}`] }]);
      // Looked at after every step, that many would take a minute.
      story.isChecked = level % 500 === 0;
    }
    for (let level = levels; level > 0; level -= 1) {
      w1.finish(`t${level}`);
      w1.resumes(`t${level - 1}`);
    }
    story.isChecked = true;
    expect(w1.finish("t0")).toEqual({ ann: [finished("t0")] });
    ann.release("t0");
    expect(story.state.tasks.size).toBe(0);
  }, 60_000);

  test("is not blamed for the loss of its worker while another task was executing there", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["a", "b"], { maxWorkerLosses: 1 });
    w1.lends("a");
    w1.started("b");
    expect(w1.lost()).toMatchObject({ ann: [{ type: "failed", keys: ["b"] }] });
    const w2 = story.worker("w2");
    expect(w2.join()).toMatchObject({ w2: [run("a", { attempt: 2 })] });
    // Alone there, it may have been what ended it.
    w2.say({ type: "lent", keys: ["a"], attempts: [2] });
    expect(w2.lost()).toMatchObject({ ann: [{ type: "failed", keys: ["a"] }] });
  });
});

describe("a task that goes down with its sub-task", () => {
  const one = (type: "lent" | "stopped" | "started", key: string, attempt: number): FromWorker => ({
    type,
    keys: [key],
    attempts: [attempt],
  });
  const failure = { code: "thread-lost", message: "exit code 4" };
  const end = (key: string, more = {}): FromWorker => ({
    type: "failed",
    key,
    attempt: 1,
    failure,
    ...more,
  });
  /** An attempt submits one sub-task and waits for it; both then execute. */
  const wait = (worker: StoryWorker, key: string, sub: string, attempt: number) => {
    worker.submitsInside(key, [sub], undefined, attempt);
    worker.say(one("lent", key, attempt));
  };
  const failedFor = (key: string, how: string) => ({
    ann: [
      {
        type: "failed",
        keys: [key],
        failure: { code: "worker-lost", message: expect.stringContaining(how) as unknown },
      },
    ],
  });

  test("fails with its worker after so many losses, and so does every task above it", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["a"], { maxWorkerLosses: 2 });
    wait(w1, "a", "a1", 1);
    wait(w1, "a1", "a11", 1);
    w1.started("a11");
    w1.lost("killed");
    expect(ann.explain("a").losses).toEqual([{ worker: "w1", how: "its sub-task a11: killed" }]);
    const w2 = story.worker("w2");
    w2.join();
    wait(w2, "a", "a2", 2);
    w2.started("a2");
    const how = "w1 (its sub-task a11: killed), w2 (its sub-task a2: killed)";
    expect(w2.lost("killed")).toMatchObject(failedFor("a", how));
  });

  test("is blamed for several of its own, and a suspect beside the task of another", () => {
    const { story, ann, w1 } = stage({ slots: 2 });
    ann.submit("f", ["a"]);
    w1.submitsInside("a", ["a1", "a2"]);
    w1.say(one("lent", "a", 1));
    w1.started("a1");
    w1.lost("killed");
    expect(ann.explain("a").losses).toHaveLength(1);

    const w2 = story.worker("w2", { slots: 2 });
    w2.join();
    wait(w2, "a", "a3", 2);
    ann.submit("f", ["b"]);
    w2.say({ type: "started", keys: ["a3", "b"], attempts: [1, 1] });
    w2.lost("killed");
    expect(ann.explain("a").losses).toHaveLength(1);
    expect(ann.explain("b").losses).toEqual([]);
    expect(story.state.tasks.get("a")!.suspicions).toBe(2);
    expect(story.state.tasks.get("b")!.suspicions).toBe(1);
  });

  test("is not blamed or suspected for the sub-task of another", () => {
    const { story, ann, w1 } = stage({ slots: 2 });
    ann.submit("f", ["a", "b"]);
    w1.say({ type: "lent", keys: ["b"], attempts: [1] });
    wait(w1, "a", "a1", 1);
    w1.started("a1");
    w1.lost("killed");
    expect(ann.explain("a").losses).toHaveLength(1);
    expect(ann.explain("b").losses).toEqual([]);
    expect(story.state.tasks.get("b")!.suspicions).toBe(0);
  });

  test.each(["before", "after"])("fails with its thread, if reported %s it", (when) => {
    const { story, ann, w1 } = stage({ slots: 2 });
    ann.submit("f", ["a"], { maxWorkerLosses: 2 });
    ann.submit("f", ["b"]);
    w1.say(one("lent", "b", 1));
    const down = (attempt: number) => {
      wait(w1, "a", `a${attempt}`, attempt);
      const messages = [end(`a${attempt}`), one("stopped", "a", attempt)];
      if (when === "before") messages.reverse();
      messages.push(one("stopped", "b", attempt));
      return story.handle({ type: "worker-messages", from: "w1", messages });
    };
    down(1);
    const how = "its sub-task a1: exit code 4";
    expect(ann.explain("a").losses).toEqual([{ worker: "w1", how }]);
    w1.say(one("lent", "b", 2));
    expect(down(2)).toMatchObject(failedFor("a", "w1 (its sub-task a2: exit code 4)"));
    expect(ann.explain("b").losses).toEqual([]);
    expect(story.state.tasks.get("b")!.suspicions).toBe(0);
  });

  test("is a suspect with its thread, if its sub-task is one beside others", () => {
    const { story, ann, w1 } = stage({ slots: 2 });
    ann.submit("f", ["a", "b"]);
    wait(w1, "a", "a1", 1);
    const messages = [
      one("stopped", "a", 1),
      end("a1", { shared: true }),
      end("b", { shared: true }),
    ];
    story.handle({ type: "worker-messages", from: "w1", messages });
    expect(ann.explain("a").losses).toEqual([]);
    expect(story.state.tasks.get("a")!.suspicions).toBe(1);
    expect(story.state.tasks.get("b")!.suspicions).toBe(1);
  });

  test.each(["ran out of time", "was cancelled"])(
    "is blamed for a thread that had to be ended, since its sub-task %s",
    (how) => {
      const { story, ann, w1 } = stage();
      ann.submit("f", ["a"]);
      wait(w1, "a", "a1", 1);
      if (how === "was cancelled") w1.saysInside("a", { type: "cancel", keys: ["a1"] });
      const timeout = { failure: { code: "task-timeout", message: how } };
      const ended = how === "was cancelled" ? one("stopped", "a1", 1) : end("a1", timeout);
      const messages = [ended, one("stopped", "a", 1)];
      story.handle({ type: "worker-messages", from: "w1", messages });
      expect(ann.explain("a").losses).toHaveLength(1);
    },
  );

  test("is not blamed when its sub-task alone does, or when its worker leaves", () => {
    const { story, ann, w1 } = stage({ slots: 2 });
    ann.submit("f", ["a"]);
    wait(w1, "a", "a1", 1);
    w1.say(end("a1"));
    expect(ann.explain("a").losses).toEqual([]);
    w1.leaving();
    const messages = [one("stopped", "a1", 1), one("stopped", "a", 1)];
    story.handle({ type: "worker-messages", from: "w1", messages });
    expect(ann.explain("a").losses).toEqual([]);
    expect(story.state.tasks.get("a")!.suspicions).toBe(0);
  });
});

describe("sub-tasks", () => {
  test("come before the peers of their parent, the deepest first, and are as urgent as it", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a", "b"], { priority: 5 });
    w1.submitsInside("a", ["a1", "a2"]);
    const urgent = { ...sub, priority: 5 };
    expect(w1.lends("a")).toEqual({ w1: [run("a1", urgent)] });
    w1.submitsInside("a1", ["a11"]);
    expect(w1.lends("a1")).toEqual({ w1: [run("a11", { depth: 2, priority: 5 })] });
    expect(w1.finish("a11")).toMatchObject({ w1: [run("a2", urgent), { type: "sub" }] });
    expect(w1.finish("a2")).toMatchObject({
      w1: [run("b", { priority: 5 }), { type: "sub", key: "a" }],
    });
  });

  test("have a priority of their own when they are given one", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a", "b"], { priority: 5 });
    w1.submitsInside("a", ["a1"], { priority: 1 });
    expect(w1.lends("a")).toEqual({ w1: [run("b", { priority: 5 })] });
  });

  test("take the turns of the program they are for, and not turns of their own", () => {
    const { story, ann, w1 } = stage({ slots: 2 });
    const bob = story.client("bob");
    ann.submit("f", ["a", "b"]);
    w1.submitsInside("a", ["a1", "a2"]);
    w1.submitsInside("b", ["b1", "b2"]);
    bob.submit("f", ["x", "y"]);
    expect(w1.lends("a")).toEqual({ w1: [run("a1", sub)] });
    expect(w1.lends("b")).toEqual({ w1: [run("x")] });
    expect(w1.finish("a1")).toMatchObject({ w1: [run("a2", sub), { type: "sub" }] });
    expect(w1.finish("x")).toEqual({ w1: [run("y")], bob: [finished("x")] });
  });

  test.each(["finishes", "fails", "is given back"])("are let go when their task %s", (how) => {
    const { story, ann, w1 } = stage({ slots: 2 });
    const w2 = story.worker("w2", { slots: 2 });
    ann.submit("f", ["a"]);
    w1.submitsInside("a", ["a1", "a2"]);
    w2.join();
    w1.submitsInside("a1", ["a11"]);
    w1.lends("a1");
    w1.leaving();
    const done =
      how === "finishes" ? w1.finish("a") : how === "fails" ? w1.fail("a") : w1.withdrawn("a");
    // a1 ends and with it, unasked, what it submitted itself.
    expect(done["w1"]).toEqual([cancel("a1", "no longer wanted")]);
    expect(done["w2"]).toContainEqual({
      ...cancel("a2", "no longer wanted"),
      keys: expect.arrayContaining(["a2", "a11"]) as unknown,
      attempts: [1, 1],
    });
    // It was leaving, and nothing is left there.
    expect(w1.stopped("a1")).toEqual({ w1: [{ type: "farewell" }] });
  });

  test("are let go when their task is cancelled, and what it says then is not heard", () => {
    const { story, ann, w1 } = stage({ slots: 3 });
    ann.submit("f", ["a"]);
    w1.submitsInside("a", ["a1"]);
    w1.lends("a");
    expect(ann.cancel(["a"])).toEqual({
      w1: [cancel("a"), cancel("a1", "no longer wanted")],
      ann: [cancelled("a")],
    });
    expect(w1.submitsInside("a", ["late"])).toEqual({});
    expect(w1.resumes("a")).toEqual({});
    expect(w1.stopped("a1")).toEqual({});
    expect(w1.stopped("a")).toEqual({});
    ann.release("a");
    expect(story.state.tasks.size).toBe(0);
  });

  test("are let go when the worker of their task is lost, and submitted again by the next attempt", () => {
    const { story, ann, w1 } = stage();
    const w2 = story.worker("w2");
    ann.submit("f", ["a"]);
    w1.submitsInside("a", ["a1"]);
    w2.join();
    w1.lends("a");
    expect(w1.lost()).toMatchObject({ w2: [cancel("a1", "no longer wanted")] });
    expect(w2.stopped("a1")).toMatchObject({ w2: [{ type: "run", keys: ["a"], attempts: [2] }] });
    expect(w1.submitsInside("a", ["late"])).toEqual({});
    expect(w2.submitsInside("a", ["late"], {}, 1)).toEqual({});
    w2.submitsInside("a", ["again"], undefined, 2);
    expect(w2.say({ type: "lent", keys: ["a"], attempts: [2] })).toEqual({
      w2: [run("again", sub)],
    });
  });

  test("run on when they were let go of on purpose, though their task and its program are gone", () => {
    const { story, ann, w1 } = stage();
    ann.submit("f", ["a"]);
    w1.submitsInside("a", ["a1"]);
    w1.saysInside("a", { type: "detach", keys: ["a1"] });
    expect(w1.finish("a")).toEqual({ w1: [run("a1", sub)], ann: [finished("a")] });
    ann.leave();
    w1.finish("a1");
    expect(story.state.tasks.size).toBe(0);
  });

  test("that fail are news for their task alone", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a"]);
    w1.submitsInside("a", ["a1"]);
    w1.lends("a");
    expect(w1.fail("a1")).toEqual({ w1: [inside("a", failed("a1"))] });
    w1.resumes("a");
    expect(w1.finish("a")).toEqual({ ann: [finished("a")] });
  });

  test("are not of a client more, and explain names the task that wants them", () => {
    const { ann, w1 } = stage();
    ann.submit("f", ["a"]);
    w1.submitsInside("a", ["a1"]);
    expect(ann.info().clients).toBe(1);
    expect(ann.explain("a1").wantedBy).toEqual(["task a"]);
  });
});

describe("resources", () => {
  const gpu = { resources: { gpu: 1 } };

  test("are lent with the slot, so that a sub-task can have what its task holds", () => {
    const { ann, w1 } = stage({ resources: { gpu: 1 } });
    ann.submit("f", ["a", "b"], gpu);
    w1.submitsInside("a", ["a1"], gpu);
    expect(w1.lends("a")).toEqual({ w1: [run("a1", { ...sub, ...gpu })] });
    expect(w1.finish("a1")).toMatchObject({ w1: [run("b", gpu), { type: "sub" }] });
    // Another has it: so it waits, and comes before those that are new.
    ann.submit("f", ["c"], gpu);
    expect(w1.resumes("a")).toEqual({});
    expect(ann.workers()[0]!.resources).toEqual({ gpu: { total: 1, used: 1 } });
    expect(w1.finish("b")).toEqual({
      w1: [{ type: "resume", keys: ["a"], attempts: [1] }],
      ann: [finished("b")],
    });
    expect(w1.finish("a")).toEqual({ w1: [run("c", gpu)], ann: [finished("a")] });
  });

  test("are given back in the order they were asked for", () => {
    const { ann, w1 } = stage({ slots: 3, resources: { gpu: 2 } });
    ann.submit("f", ["a"], { resources: { gpu: 2 } });
    w1.lends("a");
    ann.submit("f", ["b"], gpu);
    w1.lends("b");
    ann.submit("f", ["c"], { resources: { gpu: 2 } });
    expect(w1.resumes("a")).toEqual({});
    expect(w1.resumes("b")).toEqual({});
    expect(w1.finish("c")).toMatchObject({ w1: [{ type: "resume", keys: ["a"] }] });
    expect(w1.finish("a")).toMatchObject({ w1: [{ type: "resume", keys: ["b"] }] });
  });

  test("are not kept for a task that was cancelled while it waited for them", () => {
    const { ann, w1 } = stage({ slots: 2, resources: { gpu: 1 } });
    ann.submit("f", ["a", "b"], gpu);
    w1.lends("a");
    w1.resumes("a");
    ann.cancel(["a"]);
    expect(w1.finish("b")).toEqual({ ann: [finished("b")] });
    expect(ann.submit("f", ["c"], gpu)).toEqual({ w1: [run("c", gpu)] });
  });
});
