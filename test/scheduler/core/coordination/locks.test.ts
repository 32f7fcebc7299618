// Stories of locks, semaphores and events: who gets them in which order, and what becomes of those
// who give up, go away, or ask for what cannot be.

import { describe, expect, test } from "vitest";
import { createCoordination } from "../../../../scheduler/core/coordination/things.ts";
import { Story } from "../story.ts";
import { Asker, granted, refusal, withdrawn } from "./asking.ts";

function three(options: ConstructorParameters<typeof Story>[0] = {}) {
  const story = new Story(options);
  const [ann, bob, cid] = ["ann", "bob", "cid"].map((id) => new Asker(story, id));
  return { story, ann: ann!, bob: bob!, cid: cid! };
}

function expectEmpty({ state }: Story): void {
  expect(state.coordination).toEqual({ ...createCoordination(), order: expect.any(Number) });
}

describe("a lock", () => {
  test("has one holder at a time, in the order in which they asked", () => {
    const { story, ann, bob, cid } = three();
    expect(ann.acquire("db")).toEqual({ ann: [granted(1)] });
    expect(bob.acquire("db")).toEqual({});
    expect(cid.acquire("db")).toEqual({});
    expect(ann.acquire("other")).toEqual({ ann: [granted(2)] });
    expect(ann.giveBack(1)).toEqual({ bob: [granted(1)] });
    expect(bob.giveBack(1)).toEqual({ cid: [granted(1)] });
    cid.giveBack(1);
    ann.giveBack(2);
    expectEmpty(story);
  });

  test("is given back when its holder leaves, and whoever waits with it waits no more", () => {
    const { story, ann, bob, cid } = three();
    ann.acquire("db");
    ann.acquire("db");
    bob.acquire("db");
    ann.acquire("db");
    cid.acquire("db");
    expect(ann.leave()).toMatchObject({ bob: [granted(1)], disconnect: ["ann"] });
    expect(bob.leave()).toMatchObject({ cid: [granted(1)] });
    cid.leave();
    expectEmpty(story);
  });

  test("of a task that is cancelled or let go passes on when the task is off its thread", () => {
    for (const end of ["cancel", "release", "lose", "timeout"] as const) {
      const { story, bob } = three();
      const tim = story.client("tim");
      const worker = story.worker("w1", { slots: 2 });
      worker.join();
      tim.submit("f", ["holder"], { retries: { max: 1 } });
      const acquire = { type: "coordinate", kind: "lock", name: "db", op: "acquire" } as const;
      worker.saysInside("holder", { ...acquire, id: 1 });
      worker.saysInside("holder", { ...acquire, id: 2 });
      bob.acquire("db");
      if (end === "cancel") {
        expect(tim.cancel(["holder"])).not.toHaveProperty("bob");
        expect(worker.stopped("holder")).toMatchObject({ bob: [granted(1)] });
      } else if (end === "release") {
        expect(tim.release("holder")).not.toHaveProperty("bob");
        // The same key again, whose attempt is another.
        tim.submit("f", ["holder"]);
        expect(worker.finish("holder")).toMatchObject({ bob: [granted(1)] });
      } else if (end === "lose") {
        tim.cancel(["holder"]);
        expect(worker.lost()).toMatchObject({ bob: [granted(1)] });
      } else {
        expect(worker.fail("holder", { code: "task-timeout" })).toMatchObject({
          bob: [granted(1)],
        });
      }
      bob.leave();
      expectEmpty(story);
    }
  });

  test("is kept through a drop of its holder's link, and given back after the grace period", () => {
    const { story, ann, bob } = three({ graceMs: 1_000 });
    ann.acquire("db");
    bob.acquire("db");
    ann.away();
    story.at(900);
    ann.back();
    expect(story.at(5_000)).toEqual({});
    ann.away();
    expect(story.at(5_999)).toEqual({});
    expect(story.at(6_000)).toMatchObject({ bob: [granted(1)] });
  });

  test("goes on to the next when its holder had given up waiting meanwhile", () => {
    const { ann, bob, cid } = three();
    ann.acquire("db");
    bob.acquire("db");
    cid.acquire("db");
    // Granted and given up at the same time: the two messages cross.
    expect(ann.giveBack(1)).toEqual({ bob: [granted(1)] });
    expect(bob.giveBack(1)).toEqual({ cid: [granted(1)] });
  });

  test("who gives up waiting hears so, and is passed over", () => {
    const { ann, bob, cid } = three();
    ann.acquire("db");
    bob.acquire("db");
    cid.acquire("db");
    expect(bob.giveBack(1)).toEqual({ bob: [withdrawn(1)] });
    expect(ann.giveBack(1)).toEqual({ cid: [granted(1)] });
    expect(bob.giveBack(1, 99)).toEqual({});
  });

  test("who would not wait hears at once that it is not free", () => {
    const { ann, bob } = three();
    expect(ann.acquire("db", { wait: false })).toEqual({ ann: [granted(1)] });
    expect(bob.acquire("db", { wait: false })).toEqual({ bob: [withdrawn(1)] });
    expect(ann.giveBack(1)).toEqual({});
  });

  test("says whether it is free, and forgets that it was asked", () => {
    const { story, ann, bob } = three();
    expect(bob.look("lock", "db")).toBe(1);
    expectEmpty(story);
    ann.acquire("db");
    expect(bob.look("lock", "db")).toBe(0);
  });
});

describe("a semaphore", () => {
  test("never gives out more than it has, and one who wants many is not overtaken", () => {
    const { ann, bob, cid } = three();
    expect(ann.lease("s", 3, 2)).toEqual({ ann: [granted(1)] });
    expect(bob.lease("s", 3, 2)).toEqual({});
    expect(cid.lease("s", 3, 1)).toEqual({});
    expect(cid.look("semaphore", "s", { limit: 3 })).toBe(1);
    expect(ann.giveBack(1)).toEqual({ bob: [granted(1)], cid: [granted(1)] });
    expect(cid.look("semaphore", "s", { limit: 3 })).toBe(0);
  });

  test("one who wanted many and gives up lets those behind him on", () => {
    const { ann, bob, cid } = three();
    ann.lease("s", 2, 1);
    bob.lease("s", 2, 2);
    expect(cid.lease("s", 2, 1)).toEqual({});
    expect(bob.giveBack(1)).toEqual({ bob: [withdrawn(1)], cid: [granted(1)] });
  });

  test("is refused with another n while a client is there that used it", () => {
    const { ann, bob, cid } = three();
    ann.lease("s", 2);
    ann.giveBack(1);
    expect(refusal(bob.lease("s", 3), "bob")).toEqual([
      "coordination-refused",
      'say n = 2, or choose another name: the semaphore "s" is in use with n = 2, and this handle says 3',
    ]);
    ann.leave();
    expect(cid.lease("s", 3)).toEqual({ cid: [granted(1)] });
  });

  test("refuses more than it ever has", () => {
    const { ann } = three();
    expect(refusal(ann.lease("s", 2, 3), "ann")?.[1]).toBe(
      'ask for 2 at most: the semaphore "s" has no more, and 3 were',
    );
  });

  test("gets back all that was held when its holder leaves", () => {
    const { story, ann, bob } = three();
    ann.lease("s", 3, 1);
    ann.lease("s", 3, 2);
    bob.lease("s", 3, 3);
    expect(ann.leave()).toMatchObject({ bob: [granted(1)] });
    bob.leave();
    expectEmpty(story);
  });
});

describe("an event", () => {
  const set = { kind: "event", name: "go", op: "set" } as const;
  const clear = { ...set, op: "clear" } as const;
  const wait = { ...set, op: "wait" } as const;

  test("lets everybody on when it is set, and those that come later, until it is cleared", () => {
    const { story, ann, bob, cid } = three();
    expect(ann.ask(wait)).toEqual({});
    expect(bob.ask(wait)).toEqual({});
    expect(cid.look("event", "go")).toBe(0);
    expect(cid.ask(set)).toEqual({ cid: [granted(2)], ann: [granted(1)], bob: [granted(1)] });
    expect(ann.ask(wait)).toEqual({ ann: [granted(2)] });
    cid.leave();
    expect(ann.look("event", "go")).toBe(1);
    ann.ask(clear);
    expect(ann.ask(wait)).toEqual({});
    expect(ann.giveBack(5)).toEqual({ ann: [withdrawn(5)] });
    expectEmpty(story);
  });
});

describe("what is asked wrongly", () => {
  test("is answered with what is wrong, and changes nothing", () => {
    const { story, ann } = three();
    const wrong = [
      { kind: "lock", name: "l", op: "put", value: "1" },
      { kind: "event", name: "e", op: "set", value: "1" },
      { kind: "queue", name: "q", op: "put" },
      { kind: "variable", name: "v", op: "set" },
      { kind: "semaphore", name: "s", op: "acquire" },
      { kind: "semaphore", name: "s", op: "look" },
      { kind: "queue", name: "q", op: "get", count: 0 },
      { kind: "queue", name: "q", op: "get", limit: 0 },
    ] as const;
    for (const each of wrong) {
      expect(refusal(ann.ask(each), "ann")?.[0]).toBe("protocol-violated");
    }
    expectEmpty(story);
  });

  test("an id that is in use is refused", () => {
    const { ann } = three();
    ann.acquire("db");
    expect(refusal(ann.acquire("other", { id: 1 }), "ann")?.[0]).toBe("protocol-violated");
  });

  test("there are only so many things, and so many requests of one client", () => {
    const limits = { things: 2, claimsOfClient: 3, queueItems: 9, itemBytes: 9, totalBytes: 9 };
    const { ann, bob } = three({ coordination: limits });
    ann.acquire("one");
    ann.acquire("two");
    expect(refusal(bob.acquire("three"), "bob")?.[1]).toMatch(/^delete or empty what is no longer/);
    ann.acquire("two");
    expect(refusal(ann.acquire("two"), "ann")?.[1]).toMatch(/^wait for some of what was asked for/);
    ann.giveBack(1);
    expect(bob.acquire("three")).toEqual({ bob: [granted(2)] });
  });
});
