// Stories of queues and variables: order, room, items on their way, and the futures in them.

import { describe, expect, test } from "vitest";
import { createCoordination } from "../../../../scheduler/core/coordination/things.ts";
import { finished, run, Story } from "../story.ts";
import { coordinated, Asker, granted, refusal, withdrawn } from "./asking.ts";

function two(options: ConstructorParameters<typeof Story>[0] = {}) {
  const story = new Story(options);
  return { story, ann: new Asker(story, "ann"), bob: new Asker(story, "bob") };
}

function expectEmpty({ state }: Story): void {
  expect(state.coordination).toEqual({ ...createCoordination(), order: expect.any(Number) });
  expect([state.tasks.size, state.retentions.size]).toEqual([0, 0]);
}

describe("a queue", () => {
  test("is first in, first out, for items and for those who wait", () => {
    const { story, ann, bob } = two();
    expect(ann.put("q", "1")).toEqual({ ann: [granted(1)] });
    ann.put("q", "2");
    expect(bob.get("q")).toEqual({ bob: [granted(1, "1")] });
    expect(bob.get("q")).toEqual({ bob: [granted(2, "2")] });
    expect(bob.get("q")).toEqual({});
    expect(ann.get("q")).toEqual({});
    expect(ann.put("q", "3")).toEqual({ bob: [granted(3, "3")], ann: [granted(4)] });
    expect(bob.put("q", "4")).toEqual({ ann: [granted(3, "4")], bob: [granted(4)] });
    bob.took(1, 2, 3);
    ann.took(3);
    expectEmpty(story);
  });

  test("that is full lets putters wait, in turn", () => {
    const { ann, bob } = two();
    const limit = 2;
    ann.put("q", "1", { limit });
    ann.put("q", "2", { limit });
    expect(ann.put("q", "3", { limit })).toEqual({});
    expect(bob.put("q", "4")).toEqual({});
    expect(bob.put("q", "5", { wait: false })).toEqual({ bob: [withdrawn(2)] });
    expect(bob.look("queue", "q")).toBe(2);
    expect(bob.get("q", { count: 2 })).toEqual({
      bob: [granted(4, "1", "2"), granted(1)],
      ann: [granted(3)],
    });
    expect(bob.get("q", { count: 9 })).toEqual({ bob: [granted(5, "3", "4")] });
  });

  test("a put that is given up while it waits was not put", () => {
    const { ann, bob } = two();
    ann.put("q", "1", { limit: 1 });
    ann.put("q", "2");
    ann.put("q", "3");
    expect(ann.giveBack(2)).toEqual({ ann: [withdrawn(2)] });
    expect(bob.get("q")).toEqual({ bob: [granted(1, "1")], ann: [granted(3)] });
    expect(bob.get("q")).toEqual({ bob: [granted(2, "3")] });
  });

  test("a put that was done already when it is given up stays done", () => {
    const { ann, bob } = two();
    ann.put("q", "1");
    expect(ann.giveBack(1)).toEqual({});
    expect(bob.get("q")).toEqual({ bob: [granted(1, "1")] });
  });

  test("an item for a getter that gave up goes back to the head, and to the next who waits", () => {
    const { story, ann, bob } = two();
    for (const value of ["1", "2", "3", "4"]) ann.put("q", value);
    bob.get("q", { count: 2 });
    bob.get("q");
    // Out of order on purpose: each item finds its place.
    bob.giveBack(2);
    bob.giveBack(1);
    expect(ann.get("q", { count: 9 })).toEqual({ ann: [granted(5, "1", "2", "3", "4")] });
    expect(bob.get("q", { count: 3 })).toEqual({});
    expect(ann.giveBack(5)).toEqual({ bob: [granted(3, "1", "2", "3")] });
    bob.took(3);
    expect(bob.giveBack(3)).toEqual({});
    expect(bob.get("q", { count: 3 })).toEqual({ bob: [granted(4, "4")] });
    bob.took(4);
    expectEmpty(story);
  });

  test("items that a client had not received when it left go back; what it waited for is over", () => {
    const { ann, bob } = two();
    for (const value of ["1", "2"]) ann.put("q", value, { limit: 2 });
    bob.get("q");
    bob.took(1);
    bob.get("q");
    bob.get("q");
    bob.get("q");
    ann.put("q", "3");
    bob.leave();
    expect(ann.get("q", { count: 9 })).toEqual({ ann: [granted(4, "2", "3")] });
  });

  test("what is handed out and may come back does not hold up those who put", () => {
    const { ann, bob } = two();
    ann.put("q", "1", { limit: 1 });
    bob.get("q");
    expect(ann.put("q", "2")).toEqual({ ann: [granted(2)] });
    bob.giveBack(1);
    // One too many, until the next is taken.
    expect(ann.look("queue", "q")).toBe(2);
    expect(ann.put("q", "3", { wait: false })).toEqual({ ann: [withdrawn(4)] });
  });

  test("stays when its clients leave, until it is empty; and can be emptied", () => {
    const { story, ann, bob } = two();
    ann.put("q", "1", { limit: 3 });
    ann.put("q", "2", { limit: 3 });
    ann.leave();
    expect(bob.look("queue", "q")).toBe(2);
    expect(bob.ask({ kind: "queue", name: "q", op: "clear" })).toMatchObject({
      bob: [{ id: 2, result: { number: 2 } }],
    });
    expectEmpty(story);
  });

  test("is refused with another maxSize; without one, what was said holds", () => {
    const { ann, bob } = two();
    ann.get("q");
    bob.put("other", "1", { limit: 5 });
    expect(refusal(ann.get("other", { limit: 4 }), "ann")?.[1]).toBe(
      'say maxSize = 5, or choose another name: the queue "other" is in use with maxSize = 5, and this handle says 4',
    );
    expect(ann.get("other", { limit: 5 })).toEqual({ ann: [granted(3, "1")] });
    expect(bob.put("q", "1", { limit: 7 })).toMatchObject({ ann: [granted(1, "1")] });
  });

  test("large items leave in several answers, and one of any size does leave", () => {
    const { ann } = two();
    const large = "x".repeat(3 * 2 ** 20);
    for (const each of [large, large, large]) ann.put("q", each);
    expect(ann.get("q", { count: 9 })).toEqual({ ann: [granted(4, large)] });
  });

  test("takes so many items, so large ones and so many bytes, and says what to do", () => {
    const limits = { things: 9, claimsOfClient: 9, queueItems: 2, itemBytes: 4, totalBytes: 6 };
    const { ann, bob } = two({ coordination: limits });
    expect(refusal(ann.put("q", "12345"), "ann")?.[1]).toMatch(
      /^put a future of it instead .* 5 bytes are more than the 4 bytes /,
    );
    ann.put("q", "1234");
    expect(refusal(ann.put("q", "123"), "ann")?.[1]).toMatch(
      /have 4 bytes already, .* 6 bytes together/,
    );
    ann.put("q", "1");
    expect(ann.put("q", "1", { limit: 9 })).toEqual({});
    expect(bob.get("q")).toMatchObject({ bob: [granted(1, "1234")] });
    // On its way it still counts.
    expect(refusal(ann.put("q", "1"), "ann")).toBeDefined();
    bob.took(1);
    expect(ann.put("q", "1")).toEqual({});
  });
});

describe("futures", () => {
  test("in a queue live as long as they are in it, then with who took them out", () => {
    const { story, ann, bob } = two();
    const w1 = story.worker("w1");
    const submit = { type: "submit", name: "f", keys: ["a", "b"], args: ["[]", "[]"] } as const;
    ann.say({ ...submit, keys: ["a", "b"], args: ["[]", "[]"] });
    ann.put("q", "~1", { inputs: ["a", "b", "a"] });
    ann.leave();
    expect(w1.join()).toMatchObject({ w1: [run(["a", "b"], { args: ["[]", "[]"] })] });
    w1.finish("a");
    expect(bob.get("q")).toEqual({
      bob: [coordinated(1, { items: ["~1"], inputs: [["a", "b", "a"]] })],
    });
    // Not its own yet: it may give up, or a release of an older future may be on its way.
    expect(bob.say({ type: "release", keys: ["a"] })).toEqual({});
    expect(bob.took(1)).toEqual({ bob: [finished("a")] });
    expect(w1.finish("b")).toEqual({ bob: [finished("b")] });
    bob.say({ type: "release", keys: ["a", "b"] });
    expectEmpty(story);
  });

  test("in an item that goes back stay alive, and go when the queue is emptied", () => {
    const { story, ann, bob } = two();
    ann.say({ type: "submit", name: "f", keys: ["a"], args: ["[]"] });
    ann.put("q", "~1", { inputs: ["a"] });
    ann.say({ type: "release", keys: ["a"] });
    bob.get("q");
    bob.leave();
    expect(story.state.tasks.size).toBe(1);
    ann.ask({ kind: "queue", name: "q", op: "clear" });
    expectEmpty(story);
  });

  test("that are not known here are refused", () => {
    const { story, ann } = two();
    expect(refusal(ann.put("q", "~1", { inputs: ["x"] }), "ann")).toEqual([
      "lost-data",
      'the future x in what was given to the queue "q" is not known here: was it released, or is it of another scheduler?',
    ]);
    expectEmpty(story);
  });

  test("in a variable live until it is set anew or deleted, and with everybody who got them", () => {
    const { story, ann, bob } = two();
    const variable = (op: "set" | "get" | "clear", more: object = {}) =>
      ({ kind: "variable", name: "best", op, ...more }) as const;
    ann.say({ type: "submit", name: "f", keys: ["a", "b"], args: ["[]", "[]"] });
    expect(bob.ask(variable("get"))).toEqual({});
    expect(ann.ask(variable("set", { value: "~a", inputs: ["a"] }))).toMatchObject({
      ann: [granted(1)],
      bob: [coordinated(1, { items: ["~a"], inputs: [["a"]] })],
    });
    bob.took(1);
    bob.ask(variable("get"));
    bob.giveBack(2);
    ann.ask(variable("set", { value: "~b", inputs: ["b"] }));
    ann.leave();
    expect([...story.state.tasks.values()].map(({ key }) => key)).toEqual(["a", "b"]);
    bob.ask(variable("get"));
    bob.leave();
    expect([...story.state.tasks.values()].map(({ key }) => key)).toEqual(["b"]);
    const cid = new Asker(story, "cid");
    cid.ask(variable("clear"));
    expectEmpty(story);
    expect(cid.ask(variable("get", { wait: false }))).toEqual({ cid: [withdrawn(2)] });
  });
});
