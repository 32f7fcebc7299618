// Stories of tasks that wait for a worker when whoever starts workers says that none will come.

import { expect, test } from "vitest";
import type { FromClient } from "../../../../src/wire/protocol.ts";
import { finished, run, Story, type Done } from "../story.ts";

function stage() {
  const story = new Story({ maxAhead: 0 });
  const ann = story.client("ann");
  story.client("starter");
  const expectNone = (reason?: string): Done => {
    const message = { type: "expect-no-workers", id: 1, ...(reason && { reason }) };
    const messages = [message as FromClient];
    return story.handle({ type: "client-messages", from: "starter", messages });
  };
  return { story, ann, expectNone };
}

const failure = {
  code: "unschedulable",
  message: "start workers: none will come: the disk is full",
};
const done = { type: "answer", id: 1, to: "expect-no-workers", result: null };

test("what waits fails with the reason, and so does what is submitted afterwards", () => {
  const { ann, expectNone } = stage();
  ann.submit("f", { a: [], b: ["a"] });
  const told = expectNone("the disk is full");
  expect(told["starter"]).toEqual([done]);
  expect(told["log"]?.[0]).toBe("no worker will come: the disk is full");
  expect(told["ann"]).toEqual([{ type: "failed", keys: ["a", "b"], failure }]);
  expect(ann.submit("f", ["c"])["ann"]).toEqual([{ type: "failed", keys: ["c"], failure }]);
});

test("the workers that are here go on, and the last one decides", () => {
  const { story, ann, expectNone } = stage();
  const [w1, w2] = [story.worker("w1"), story.worker("w2")];
  w1.join();
  w2.join();
  ann.submit("f", ["a", "b", "c"]);
  expect(expectNone("the disk is full")["ann"]).toBeUndefined();
  expect(w2.lost()["ann"]).toBeUndefined();
  expect(w1.finish("a")["ann"]).toEqual([finished("a")]);
  const failures = w1.lost()["ann"] as { keys: string[]; failure: { message: string } }[];
  expect(failures.flatMap(({ keys }) => keys).sort()).toEqual(["b", "c"]);
  const { message } = failures[0]!.failure;
  expect(message).toMatch(/^start workers: none will come: the disk is full; .*w1/);
});

test("once workers may come again, tasks wait again", () => {
  const { story, ann, expectNone } = stage();
  expectNone("the disk is full");
  expectNone();
  expect(ann.submit("f", ["a"])["ann"]).toBeUndefined();
  expect(story.worker("w1").join()["w1"]).toEqual([run("a")]);
});
