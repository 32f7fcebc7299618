// Stories of tasks that ask for much of a resource, among many that ask for little.

import { describe, expect, test } from "vitest";
import { run, Story } from "../story.ts";

const one = { resources: { gpu: 1 } };
const two = { resources: { gpu: 2 } };

/** Two small tasks run on a worker of two, one large one waits for both pieces, and more small ones behind it. */
function stage() {
  const story = new Story();
  const ann = story.client("ann");
  const w1 = story.worker("w1", { slots: 4, resources: { gpu: 2 } });
  w1.join();
  const small = (...keys: string[]) => ann.submit("f", keys, one);
  expect(small("s0", "s1")).toEqual({ w1: [run(["s0", "s1"], one)] });
  expect(ann.submit("f", ["large"], two)).toEqual({});
  expect(small("s2", "s3", "s4")).toEqual({});
  return { story, ann, w1, small };
}

describe("a task that asks for much of a resource", () => {
  test("lets smaller ones pass for a while, and then room is kept for it on one worker", () => {
    const { story, w1 } = stage();
    expect(story.at(2_000)).toEqual({});
    expect(w1.finish("s0")).toMatchObject({ w1: [run("s2", one)] });
    expect(story.at(4_000)).toEqual({});
    expect(w1.finish("s1")["w1"]).toBeUndefined();
    expect(w1.finish("s2")).toMatchObject({ w1: [run("large", two)] });
    expect(w1.finish("large")).toMatchObject({ w1: [run(["s3", "s4"], one)] });
  });

  test("leaves the others all other workers, and what needs nothing of that resource", () => {
    const { story, ann, w1 } = stage();
    story.at(2_000);
    story.at(4_000);
    const w2 = story.worker("w2", { slots: 4, resources: { gpu: 1 } });
    expect(w2.join()).toMatchObject({ w2: [run("s2", one)] });
    expect(w1.finish("s0")["w1"]).toBeUndefined();
    expect(ann.submit("f", ["other"])).toMatchObject({ w1: [run("other")] });
  });

  test("leaves them that worker too when it is cancelled", () => {
    const { story, ann, w1 } = stage();
    story.at(2_000);
    story.at(4_000);
    expect(w1.finish("s0")["w1"]).toBeUndefined();
    expect(ann.cancel(["large"])).toMatchObject({ w1: [run("s2", one)] });
  });

  test("finds room elsewhere, and what was kept is for the others at once", () => {
    const { story, w1 } = stage();
    const w2 = story.worker("w2", { slots: 4, resources: { gpu: 2 } });
    story.at(2_000);
    story.at(4_000);
    expect(w1.finish("s0")["w1"]).toBeUndefined();
    expect(w2.join()).toMatchObject({ w1: [run("s2", one)], w2: [run("large", two)] });
  });
});
