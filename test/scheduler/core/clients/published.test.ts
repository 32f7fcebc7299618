// Stories of published names: who may take one, what stays for it, and when that goes.

import { expect, test } from "vitest";
import { nearestNames } from "../../../../src/nearest.ts";
import { finished, run, Story } from "../story.ts";

function stage() {
  const story = new Story({ nearestNames });
  const [ann, bob, w1] = [story.client("ann"), story.client("bob"), story.worker("w1")];
  return { story, ann, bob, w1 };
}

const answer = (to: "publish" | "published" | "unpublish", result: unknown = null) => [
  { type: "answer", id: 1, to, result },
];
const refusal = (code: string, message: unknown) => [
  { type: "answer", id: 1, failure: { code, message } },
];

test("published futures outlive their client, and go with the name", () => {
  const { story, ann, bob, w1 } = stage();
  ann.submit("f", { a: [], b: ["a"] });
  expect(ann.publish("model", "~1", ["b"])).toEqual({ ann: answer("publish") });
  ann.leave();
  expect(w1.join()).toEqual({ w1: [run("a")], log: expect.anything() });
  w1.finish("a");
  w1.finish("b");
  expect(bob.info()).toMatchObject({ published: ["model"], tasks: { finished: 1 } });
  expect(bob.explain("b").wantedBy).toEqual(['published "model"']);

  expect(bob.published("model")).toEqual({
    bob: answer("published", { value: "~1", inputs: ["b"], offer: 0 }),
  });
  expect(bob.take(0)).toEqual({ bob: [finished("b")] });
  expect(bob.unpublish("model")).toEqual({ bob: answer("unpublish") });
  expect(bob.explain("b").wantedBy).toEqual(["bob"]);
  bob.release("b");
  expect(story.state.tasks.size).toBe(0);
});

test("a name in use is refused unless override, which lets go of what had it", () => {
  const { story, ann, bob } = stage();
  ann.submit("f", ["a", "b"]);
  ann.publish("model", "~1", ["a"]);
  const words = 'choose another name, or give override: "model" was published by ann';
  bob.submit("f", ["c"]);
  expect(bob.publish("model", "~2", ["c"])).toEqual({ bob: refusal("key-conflict", words) });
  expect(bob.publish("model", "~2", ["b", "c"], { override: true })).toEqual({
    bob: answer("publish"),
  });
  ann.leave();
  bob.leave();
  expect([...story.state.tasks.values()].map(({ key }) => key)).toEqual(["b", "c"]);
});

test("an override with the same futures keeps them throughout", () => {
  const { story, ann, bob } = stage();
  ann.submit("f", ["a"]);
  ann.publish("model", "~1", ["a"]);
  ann.leave();
  bob.publish("model", "~2", ["a"], { override: true });
  expect(story.state.tasks.size).toBe(1);
  bob.unpublish("model");
  expect(story.state.tasks.size).toBe(0);
});

test("a value without futures may be published, and is simply given", () => {
  const { ann, bob } = stage();
  ann.publish("version", "3", []);
  expect(bob.published("version")).toEqual({ bob: answer("published", { value: "3" }) });
});

test("a name that nothing has is refused with the nearest there are", () => {
  const { ann, bob } = stage();
  ann.publish("model", "1", []);
  const words = 'nothing is published as "models"; there is "model"';
  expect(bob.published("models")).toEqual({ bob: refusal("lost-data", words) });
  expect(bob.unpublish("models")).toEqual({ bob: refusal("lost-data", words) });
  expect(bob.published("x")).toEqual({ bob: refusal("lost-data", 'nothing is published as "x"') });
});

test("futures that are not known here cannot be published", () => {
  const { ann } = stage();
  ann.submit("f", ["a"]);
  ann.release("a");
  const why = "the future a in it is not known here";
  expect(ann.publish("model", "~1", ["a"])).toMatchObject({
    ann: [{ failure: { code: "lost-data", message: expect.stringContaining(why) } }],
  });
  expect(ann.info().published).toEqual([]);
});
