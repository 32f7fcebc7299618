// Stories of tasks that become as urgent as what waits for them.

import { describe, expect, test } from "vitest";
import { run, Story, withdraw } from "../story.ts";

const urgent = { priority: 5 };

describe("the input of an urgent task", () => {
  test("comes before tasks that were submitted earlier, and so does what it waits for itself", () => {
    const story = new Story({ maxAhead: 0 });
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", ["busy"]);
    ann.submit(
      "f",
      Array.from({ length: 40 }, (_, index) => `other${index}`),
    );
    ann.submit("f", { a: [], b: ["a"] });
    ann.submit("f", { c: ["b"] }, urgent);
    expect(w1.finish("busy")["w1"]).toEqual([run("a", urgent)]);
    expect(w1.finish("a")["w1"]).toMatchObject([{ keys: ["b"], priority: 5 }]);
    expect(w1.finish("b")["w1"]).toMatchObject([{ keys: ["c"], priority: 5 }]);
    expect(w1.finish("c")["w1"]).toEqual([run("other0")]);
  });

  test("is taken back from where it waits behind others, and sent anew", () => {
    const story = new Story({ maxAhead: 3 });
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", ["short"]);
    w1.finish("short", { micros: 100 });
    ann.submit("f", ["busy", "before", "input"]);
    w1.started("busy");
    expect(ann.submit("f", { last: ["input"] }, urgent)["w1"]).toEqual([withdraw("input")]);
    expect(w1.withdrawn("input")["w1"]).toEqual([
      run("input", { attempt: 2, starts: [0], ...urgent }),
    ]);
  });

  test("that runs goes on; its sub-tasks, those to come too, are as urgent as it", () => {
    const story = new Story({ maxAhead: 0 });
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", ["parent", "other"]);
    w1.submitsInside("parent", ["sub1"]);
    ann.submit("f", { last: ["parent"] }, urgent);
    w1.submitsInside("parent", ["sub2"]);
    ann.submit("f", ["rival"], { priority: 4 });
    expect(w1.lends("parent")["w1"]).toEqual([run("sub1", { ...urgent, depth: 1 })]);
    expect(w1.finish("sub1")["w1"]).toContainEqual(run("sub2", { ...urgent, depth: 1 }));
  });

  test("that is held back or already urgent keeps its moment and its priority", () => {
    const story = new Story({ maxAhead: 0 });
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", ["later"], { delayMs: 100 });
    ann.submit("f", ["more"], { priority: 9, delayMs: 200 });
    ann.submit("f", { last: ["later", "more"] }, urgent);
    expect(story.at(100)).toEqual({ w1: [run("later", urgent)] });
    w1.finish("later");
    expect(story.at(200)).toEqual({ w1: [run("more", { priority: 9 })] });
  });

  test("that is lost is made again as urgently", () => {
    const story = new Story({ maxAhead: 0, smallResultBytes: 1 });
    const ann = story.client("ann");
    const [w1, w2] = [story.worker("w1"), story.worker("w2")];
    w1.join();
    ann.submit("f", ["input"]);
    const stored = { type: "finished", keys: ["input"], attempts: [1], micros: [1] } as const;
    w1.say({ ...stored, keys: ["input"], attempts: [1], values: [{ bytes: 9 }], micros: [1] });
    ann.submit("f", { last: ["input"] }, { ...urgent, delayMs: 1_000 });
    w1.lost();
    ann.submit("f", ["rival"], { priority: 4 });
    expect(w2.join()).toMatchObject({ w2: [{ keys: ["input"], priority: 5 }] });
  });

  test("keeps the urgency that it was given, and is told apart from later calls without it", () => {
    const story = new Story({ maxAhead: 0 });
    const ann = story.client("ann");
    const w1 = story.worker("w1");
    w1.join();
    ann.submit("f", ["busy", "first", "input"]);
    ann.submit("f", { last: ["input"] }, urgent);
    ann.cancel(["last"]);
    ann.submit("f", ["second"]);
    const order = [];
    for (let next = "busy"; ;) {
      const [sent] = (w1.finish(next)["w1"] ?? []) as { keys: string[] }[];
      if (sent === undefined) break;
      order.push((next = sent.keys[0]!));
    }
    expect(order).toEqual(["input", "first", "second"]);
  });
});
