// Stories of tasks of which only so many may run, or start in a while, in the whole cluster.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TaskOptions, ToWorker } from "../../../../src/wire/protocol.ts";
import { cancel, finished, run, Story, type Done } from "../story.ts";

const two = { maxRunning: 2 };
/** Of a task with `maxRunning`: it waits for `resume` after it has lent its slot. */
const lends = { resources: {} };
const perSecond = { rateLimit: { count: 2, perMs: 1_000 } };

function stage({ workers = 2, slots = 4 } = {}) {
  const story = new Story({ reservationMs: 10 });
  const all = Array.from({ length: workers }, (_, index) => {
    return story.worker(`w${index + 1}`, { slots, functions: ["f", "g"], resources: { gpu: 1 } });
  });
  for (const each of all) each.join();
  return { story, ann: story.client("ann"), bob: story.client("bob"), w1: all[0]!, w2: all[1]! };
}

/** The keys that a step has sent to workers, sorted. */
function sent(done: Done): string[] {
  const messages = Object.values(done).flat() as (ToWorker | string)[];
  return messages
    .flatMap((each) => (typeof each === "object" && each.type === "run" ? each.keys : []))
    .sort();
}

describe("maxRunning", () => {
  test("lets so many run on all workers, of all clients", () => {
    const { ann, bob, w1, w2 } = stage();
    expect(ann.submit("f", ["a"], two)).toEqual({ w1: [run("a", lends)] });
    expect(bob.submit("f", ["b"], two)).toEqual({ w2: [run("b", lends)] });
    expect(ann.submit("f", ["c"], two)).toEqual({});
    expect(ann.explain("c").why).toBe('it waits for its limit "f": 2 of 2 are running');
    expect(w2.finish("b")).toEqual({ w1: [run("c", lends)], bob: [finished("b")] });
    expect(w1.finish("a")).toEqual({ ann: [finished("a")] });
  });

  test("counts the tasks of a name, which functions share", () => {
    const { ann, w1 } = stage({ workers: 1 });
    const api = { maxRunning: 2, limitName: "api" };
    expect(sent(ann.submit("f", ["a"], api))).toEqual(["a"]);
    expect(sent(ann.submit("g", ["b"], api))).toEqual(["b"]);
    expect(sent(ann.submit("g", ["c"], api))).toEqual([]);
    // Another name, and none.
    expect(sent(ann.submit("g", ["d"], two))).toEqual(["d"]);
    expect(sent(ann.submit("f", ["e"]))).toEqual(["e"]);
    expect(sent(w1.finish("a"))).toEqual(["c"]);
  });

  test("may be another number for each task: it says how many may run beside it", () => {
    const { ann, w1 } = stage({ workers: 1 });
    const most = (maxRunning: number) => ({ maxRunning, limitName: "api" });
    expect(sent(ann.submit("f", ["a", "b"], most(3)))).toEqual(["a", "b"]);
    expect(sent(ann.submit("f", ["c"], most(1)))).toEqual([]);
    expect(sent(ann.submit("f", ["d"], most(3)))).toEqual(["d"]);
    w1.finish("a");
    w1.finish("b");
    expect(sent(w1.finish("d"))).toEqual(["c"]);
  });

  test("is in the way of no others: of the same function, of lower priority, or that are sent ahead", () => {
    const { ann, w1 } = stage({ workers: 1, slots: 2 });
    const one = { maxRunning: 1, priority: 5 };
    expect(sent(ann.submit("f", ["a", "b", "c"], one))).toEqual(["a"]);
    expect(sent(ann.submit("f", ["x", "y"]))).toEqual(["x", "y"]);
    expect(sent(w1.finish("x"))).toEqual([]);
    expect(sent(w1.finish("a"))).toEqual(["b"]);
  });

  test("withdraws nothing for what it does not let run, and reserves nothing", () => {
    const { story, ann, w1 } = stage({ workers: 1, slots: 1 });
    const big = { maxRunning: 1, limitName: "api", resources: { gpu: 1 }, priority: 5 };
    ann.submit("g", ["a"], { maxRunning: 1, limitName: "api" });
    ann.submit("f", ["x", "y"]);
    expect(ann.submit("f", ["b"], big)).toEqual({});
    for (let now = 10; now <= 50; now += 10) expect(story.at(now)).toEqual({});
    expect(w1.finish("a")).toEqual({ ann: [finished("a")] });
    expect(sent(w1.finish("x"))).toEqual(["b"]);
  });

  test("lets the most urgent start first, and clients take turns", () => {
    const { ann, bob, w1 } = stage({ workers: 1 });
    const one = { maxRunning: 1, limitName: "api" };
    ann.submit("f", ["first"], one);
    ann.submit("f", ["a1", "a2"], one);
    ann.submit("g", ["a3"], one);
    bob.submit("g", ["b1", "b2"], one);
    bob.submit("g", ["urgent"], { ...one, priority: 9 });
    const order: string[] = [];
    for (let next = "first"; next; next = order.at(-1)!) {
      const started = sent(w1.finish(next));
      if (started.length === 0) break;
      expect(started).toHaveLength(1);
      order.push(...started);
    }
    expect(order[0]).toBe("urgent");
    expect(order.slice(1).map((key) => key[0])).toEqual(["a", "b", "a", "b", "a"]);
  });

  test("keeps the order of tasks of many names: the most urgent first, and clients take turns", () => {
    const { ann, bob, w1 } = stage({ workers: 1, slots: 1 });
    const one = (limitName: string, priority = 0) => ({ maxRunning: 1, limitName, priority });
    ann.submit("f", ["first"], one("first"));
    for (let name = 0; name < 30; name++) ann.submit("f", [`a${name}`], one(`${name}`));
    for (let name = 9; name < 11; name++) bob.submit("f", [`b${name}`], one(`${name}`));
    ann.submit("f", ["urgent 5"], one("x", 5));
    ann.submit("f", ["urgent 9"], one("y", 9));
    const order = ["first"];
    for (const key of order) order.push(...sent(w1.finish(key)));
    const asSubmitted = Array.from({ length: 28 }, (_, index) => `a${index + 2}`);
    expect(order.slice(1, 3)).toEqual(["urgent 9", "urgent 5"]);
    expect(order.slice(3)).toEqual(["a0", "b9", "a1", "b10", ...asSubmitted]);
  });

  test("has nothing sent ahead of another name's task while the first in line is held up", () => {
    const story = new Story();
    const w1 = story.worker("w1", { slots: 1, functions: ["f"] });
    const w2 = story.worker("w2", { slots: 1, functions: ["g"] });
    for (const each of [w1, w2]) each.join();
    const ann = story.client("ann");
    const one = (limitName: string) => ({ maxRunning: 1, limitName });
    ann.submit("f", ["busy"]);
    expect(sent(ann.submit("f", ["first"], { ...one("api"), priority: 5 }))).toEqual([]);
    expect(sent(ann.submit("f", ["second"], { ...one("other"), priority: 5 }))).toEqual([]);
    expect(sent(ann.submit("g", ["api"], one("api")))).toEqual(["api"]);
    expect(sent(ann.submit("f", ["plain 1", "plain 2"]))).toEqual([]);
    expect(sent(w1.finish("busy"))).toContain("second");
    expect(sent(w2.finish("api"))).toEqual([]);
  });

  test("lets as many lanes as there are take turns", () => {
    const { story, w1 } = stage({ workers: 1 });
    const one = { maxRunning: 1, limitName: "api" };
    const clients = Array.from({ length: 20 }, (_, index) => story.client(`c${index + 10}`));
    clients[0]!.submit("f", ["first"], one);
    for (const client of clients) client.submit("f", [`${client.id} 1`, `${client.id} 2`], one);
    const order = ["first"];
    for (const key of order) order.push(...sent(w1.finish(key)));
    const all = clients.map(({ id }) => id);
    expect(order.slice(1).map((key) => key.slice(0, 3))).toEqual([...all, ...all]);
  });

  test("lets another one start when the first has no worker", () => {
    const { ann, w1 } = stage({ workers: 1 });
    const one = { maxRunning: 1, limitName: "api" };
    ann.submit("f", ["gpu"], { resources: { gpu: 1 } });
    ann.submit("f", ["a"], one);
    ann.submit("f", ["b"], { ...one, resources: { gpu: 1 }, priority: 5 });
    ann.submit("f", ["c"], { ...one, workers: ["w9"], priority: 4 });
    ann.submit("f", ["d"], one);
    expect(sent(w1.finish("a"))).toEqual(["d"]);
    expect(sent(w1.finish("gpu"))).toEqual([]);
    expect(sent(w1.finish("d"))).toEqual(["b"]);
  });

  test("lets a further one start when all that came back have no worker", () => {
    const { ann, w1 } = stage({ workers: 1 });
    const one = { maxRunning: 1, limitName: "api" };
    ann.submit("f", ["gpu"], { resources: { gpu: 1 } });
    ann.submit("f", ["a"], one);
    for (let part = 0; part < 20; part++) {
      ann.submit("f", [`part ${part}`], { ...one, resources: { gpu: 1 / 2 ** part }, priority: 5 });
    }
    ann.submit("f", ["d"], one);
    expect(sent(w1.finish("a"))).toEqual(["d"]);
  });

  test("counts a cancelled attempt until its worker says that it ended, or is lost", () => {
    const { ann, w1, w2 } = stage({ slots: 1 });
    ann.submit("f", ["a", "b"], two);
    ann.submit("f", ["c", "d"], two);
    expect(ann.cancel(["a", "b"])).toMatchObject({ w1: [cancel("a")], w2: [cancel("b")] });
    expect(sent(w1.stopped("a"))).toEqual(["c"]);
    expect(sent(w1.finish("c"))).toEqual(["d"]);
    ann.release("a", "b", "c");
    ann.submit("f", ["e"], two);
    expect(ann.explain("e").why).toBe('it waits for its limit "f": 2 of 2 are running');
    w2.lost();
    expect(ann.explain("e").why).toBe(
      "every worker that may run it is busy; 1 task is ready in all",
    );
  });

  test("is not counted while it waits for its sub-tasks, and again before it goes on", () => {
    const { ann, w1 } = stage({ workers: 1 });
    const one = { maxRunning: 1 };
    ann.submit("f", ["a", "b", "c"], one);
    w1.submitsInside("a", ["s"], { priority: 9 });
    expect(sent(w1.lends("a"))).toEqual(["b"]);
    w1.finish("s");
    expect(w1.resumes("a")).toEqual({});
    expect(ann.explain("a").why).toContain('goes on when fewer than 1 run under its limit "f"');
    // It comes before new ones.
    expect(w1.finish("b")).toEqual({
      w1: [{ type: "resume", keys: ["a"], attempts: [1] }],
      ann: [finished("b")],
    });
    expect(sent(w1.finish("a"))).toEqual(["c"]);
  });

  test("lets sub-tasks of the same limit run while their task waits for them", () => {
    const { ann, w1 } = stage({ workers: 1 });
    const one = { maxRunning: 1 };
    ann.submit("f", ["a"], one);
    w1.submitsInside("a", ["s1", "s2"], one);
    expect(sent(w1.lends("a"))).toEqual(["s1"]);
    expect(sent(w1.finish("s1"))).toEqual(["s2"]);
    expect(w1.resumes("a")).toEqual({});
    expect(w1.finish("s2")["w1"]).toContainEqual({ type: "resume", keys: ["a"], attempts: [1] });
  });

  test("with a resource waits for both before it goes on", () => {
    const { ann, w1 } = stage({ workers: 1 });
    const both = { maxRunning: 1, resources: { gpu: 1 } };
    ann.submit("f", ["a"], both);
    w1.submitsInside("a", ["s"]);
    w1.lends("a");
    ann.submit("f", ["gpu"], { resources: { gpu: 1 } });
    ann.submit("f", ["b"], { maxRunning: 1 });
    expect(w1.resumes("a")).toEqual({});
    expect(w1.finish("gpu")["w1"]).toBeUndefined();
    expect(w1.finish("b")["w1"]).toEqual([{ type: "resume", keys: ["a"], attempts: [1] }]);
  });

  test("lets go of a held task that expires, is cancelled, becomes urgent or has no function", () => {
    const { story, ann, w1 } = stage({ workers: 1 });
    const one = { maxRunning: 1, limitName: "api" };
    ann.submit("f", ["a"], one);
    ann.submit("f", ["expires"], { ...one, expiresMs: 10 });
    ann.submit("f", ["cancelled", "hurried"], one);
    ann.submit("f", ["before"], { ...one, priority: 1 });
    ann.submit("h", ["unknown"], one);
    expect(story.at(10)["ann"]).toMatchObject([{ type: "failed", keys: ["expires"] }]);
    expect(ann.cancel(["cancelled"])["ann"]).toMatchObject([{ type: "cancelled" }]);
    ann.submit("f", { urgent: ["hurried"] }, { priority: 5 });
    expect(sent(w1.finish("a"))).toEqual(["hurried"]);
    expect(sent(w1.finish("hurried"))).toEqual(["before", "urgent"]);
    w1.finish(["before", "urgent"]);
    expect(story.at(10_000)["ann"]).toMatchObject([{ type: "failed", keys: ["unknown"] }]);
    expect(ann.info().tasks).toMatchObject({ ready: 0, waiting: 0, running: 0 });
  });

  test("counts in the demand for workers as much as may run", () => {
    const { story, ann } = stage({ workers: 0 });
    const keys = Array.from({ length: 50 }, (_, index) => `t${index}`);
    ann.submit("f", keys, { maxRunning: 3, limitName: "api" });
    ann.submit(
      "g",
      keys.map((key) => `${key}g`),
      { maxRunning: 5, limitName: "api" },
    );
    ann.submit(
      "g",
      keys.map((key) => `${key}r`),
      perSecond,
    );
    expect(ann.ask("demand", { targetMs: 1_000 })).toEqual([{ slots: 3 + 2 + 2 }]);
    story.worker("w1", { slots: 2, functions: ["f", "g"] }).join();
    expect(ann.ask("demand", { targetMs: 1_000 })[0]!.slots).toBeLessThanOrEqual(7);
  });

  test("is remembered while a cancelled attempt runs of which no task is left", () => {
    const { story, ann, w1 } = stage({ workers: 1 });
    ann.submit("f", ["a"], { maxRunning: 1 });
    ann.release("a");
    expect(sent(ann.submit("f", ["b"], { maxRunning: 1 }))).toEqual([]);
    expect(sent(w1.stopped("a"))).toEqual(["b"]);
    w1.finish("b");
    ann.release("b");
    expect(story.state.limits.counters.size).toBe(0);
  });
});

describe("rateLimit", () => {
  test("lets so many start in any time so long, and says when the next may", () => {
    const { story, ann } = stage();
    expect(sent(ann.submit("f", ["a"], perSecond))).toEqual(["a"]);
    story.at(400);
    expect(sent(ann.submit("f", ["b", "c", "d"], perSecond))).toEqual(["b"]);
    story.at(680);
    expect(ann.explain("c").why).toBe(
      'it waits for its limit "f": 2 started within the last 1s, the next may start in 320ms',
    );
    expect(story.nextWakeUp).toBe(1_000);
    story.at(999);
    expect(sent(ann.submit("f", ["e"], { ...perSecond, priority: -1 }))).toEqual([]);
    ann.cancel(["e"]);
    expect(sent(story.at(1_000))).toEqual(["c"]);
    expect(sent(story.at(1_399))).toEqual([]);
    expect(sent(story.at(1_400))).toEqual(["d"]);
  });

  test("counts each attempt, and all who say the same", () => {
    const { story, ann, bob, w1 } = stage({ workers: 1 });
    ann.submit("f", ["a"], { ...perSecond, retries: { max: 5 } });
    expect(sent(w1.fail("a"))).toEqual(["a"]);
    expect(sent(w1.fail("a", { attempt: 2 }))).toEqual([]);
    expect(sent(bob.submit("g", ["b"], { ...perSecond, limitName: "f" }))).toEqual([]);
    expect(sent(bob.submit("f", ["c"], { rateLimit: { count: 3, perMs: 1_000 } }))).toEqual(["c"]);
    expect(sent(story.at(1_000))).toEqual(["a", "b"]);
  });

  test("remembers starts of tasks that are gone, and forgets them in time", () => {
    const { story, ann, w1 } = stage({ workers: 1 });
    ann.submit("f", ["a", "b"], perSecond);
    w1.finish(["a", "b"]);
    ann.release("a", "b");
    story.at(500);
    expect(sent(ann.submit("f", ["c"], perSecond))).toEqual([]);
    expect(sent(story.at(1_000))).toEqual(["c"]);
    w1.finish("c");
    ann.release("c");
    expect(story.nextWakeUp).toBe(2_000);
    story.at(2_000);
    expect(story.state.limits.rates.size).toBe(0);
    expect(story.nextWakeUp).toBeUndefined();
  });

  test("lets the next start in time after a while without any task of it", () => {
    const { story, ann, w1 } = stage({ workers: 1 });
    ann.submit("f", ["a"], perSecond);
    story.at(900);
    ann.submit("f", ["b"], perSecond);
    w1.finish(["a", "b"]);
    ann.release("a", "b");
    story.at(950);
    expect(sent(ann.submit("f", ["c"], perSecond))).toEqual([]);
    expect(sent(story.at(1_000))).toEqual(["c"]);
    w1.finish("c");
    ann.release("c");
    for (const now of [1_900, 2_000]) story.at(now);
    expect([story.state.limits.rates.size, story.nextWakeUp]).toEqual([0, undefined]);
  });

  test("with maxRunning waits for both", () => {
    const { story, ann, w1 } = stage({ workers: 1 });
    const both = { ...perSecond, maxRunning: 1 };
    expect(sent(ann.submit("f", ["a", "b", "c"], both))).toEqual(["a"]);
    expect(sent(w1.finish("a"))).toEqual(["b"]);
    expect(sent(w1.finish("b"))).toEqual([]);
    expect(sent(story.at(1_000))).toEqual(["c"]);
  });
});

describe("suspects under a limit", () => {
  test("keep no worker empty while their limit is closed", () => {
    const { ann, w1, w2 } = stage({ slots: 2 });
    const one = { maxRunning: 2, limitName: "api" };
    ann.submit("f", ["a", "b"], one);
    w1.started("a");
    w2.started("b");
    expect(sent(ann.submit("f", ["c"], one))).toEqual([]);
    w1.lost();
    expect(ann.explain("a").state).not.toBe("failed");
    w2.finish("b");
    expect(ann.info().tasks.running).toBeGreaterThan(0);
  });
});

test("whatever happens, no more run or start than may, and none waits that could start", () => {
  const rate = { rateLimit: { count: 2, perMs: 100 } };
  const options: TaskOptions[] = [
    { maxRunning: 2, limitName: "api" },
    { maxRunning: 2, limitName: "api", priority: 3 },
    { maxRunning: 2, limitName: "api", resources: { gpu: 1 } },
    { maxRunning: 1 },
    { ...rate, maxRunning: 2, limitName: "api" },
    ...[rate, rate, rate, rate, rate, rate],
    { ...rate, workers: ["w1"] },
    ...[0.9, 0.7, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.05, 0.03].map((gpu) => {
      return { maxRunning: 2, limitName: "api", resources: { gpu } };
    }),
    {},
  ];
  const actions = fc.array(
    fc.record({
      what: fc.constantFrom(
        "submit",
        "submit",
        "finish",
        "finish",
        "fail",
        "cancel",
        "lend",
        "pass",
        "pass",
        "pass",
      ),
      of: fc.nat(99),
      options: fc.nat(options.length - 1),
      many: fc.integer({ min: 1, max: 4 }),
    }),
    { maxLength: 80 },
  );
  fc.assert(
    fc.property(actions, (all) => {
      const { story, ann, bob } = stage({ slots: 2 });
      const workers = new Map([1, 2].map((id) => [`w${id}`, story.state.workers.get(`w${id}`)!]));
      const starts: number[] = [];
      let minted = 0;
      const look = (done: Done) => {
        for (const message of Object.values(done).flat()) {
          if (typeof message !== "object" || message.type !== "run") continue;
          for (const key of message.keys) {
            const limit = story.state.tasks.get(key)?.spec.constraint.limit;
            if (limit?.rate && limit.name === "f") starts.push(story.now);
          }
        }
        const recent = starts.filter((at) => at > story.now - rate.rateLimit.perMs);
        expect(recent.length).toBeLessThanOrEqual(2);
        // The invariants, which every step checks, say the rest.
        for (const { running, name } of story.state.limits.counters.values()) {
          expect(running).toBeLessThanOrEqual(name === "api" ? 2 : 1);
        }
      };
      const say = (worker: string, message: object) => {
        const messages = [message] as never;
        look(story.handle({ type: "worker-messages", from: worker, messages }));
      };
      for (const { what, of, options: chosen, many } of all) {
        if (what === "pass") look(story.at(story.now + of));
        else if (what === "submit") {
          const keys = Array.from({ length: many }, () => `t${minted++}`);
          look((of % 2 ? ann : bob).submit("f", keys, options[chosen]));
        } else if (what === "cancel") look(ann.cancel([`t${of % Math.max(1, minted)}`]));
        else {
          const sent = [...workers].flatMap(([id, { dispatches }]) =>
            [...dispatches.values()].map((dispatch) => ({ id, dispatch })),
          );
          if (sent.length === 0) continue;
          const { id, dispatch } = sent[of % sent.length]!;
          const { attempt, lent, abandoned } = dispatch;
          const one = { keys: [dispatch.task.key], attempts: [attempt] };
          if (abandoned) say(id, { type: "stopped", ...one });
          else if (what === "lend") say(id, { type: lent ? "resuming" : "lent", ...one });
          else if (lent) say(id, { type: "resuming", ...one });
          else if (what === "finish")
            say(id, { type: "finished", ...one, values: ["1"], micros: [9] });
          else {
            const failure = { code: "thread-lost", message: "it ended" };
            say(id, { type: "failed", key: one.keys[0], attempt, failure });
          }
        }
      }
    }),
    { numRuns: Number(process.env["CORE_RUNS"] ?? 300) },
  );
});
