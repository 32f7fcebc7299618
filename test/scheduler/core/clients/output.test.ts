// Stories of tasks that put values out before their end: who gets them, and who says that they were taken.

import { describe, expect, test } from "vitest";
import { Story } from "../story.ts";

const output = (key: string, value: string, attempt = 1) =>
  ({ type: "output", key, attempt, value }) as const;
const toClient = (key: string, value: string, { attempt = 1, start = 1 } = {}) => ({
  ...output(key, value, attempt),
  start,
});
const taken = (key: string, bytes: number, attempt = 1) =>
  ({ type: "output-taken", key, attempt, bytes }) as const;

function stage() {
  const story = new Story();
  const [ann, bob] = [story.client("ann"), story.client("bob")];
  const w1 = story.worker("w1");
  w1.join();
  ann.submit("f", ["a"]);
  return { story, ann, bob, w1 };
}

describe("output", () => {
  test("goes to the client that submitted the task, and what it has taken to the worker", () => {
    const { ann, w1 } = stage();
    expect(w1.say(output("a", "12345"))).toEqual({ ann: [toClient("a", "12345")] });
    expect(w1.say(output("a", "678"))).toEqual({ ann: [toClient("a", "678")] });
    expect(ann.tookOutput("a", 5)).toEqual({ w1: [taken("a", 5)] });
    // No more than there was, whatever the client says.
    expect(ann.tookOutput("a", 50)).toEqual({ w1: [taken("a", 3)] });
    expect(ann.tookOutput("a", 1)).toEqual({});
  });

  test("of a task that its client does not want any more is taken by the scheduler", () => {
    const { ann, w1 } = stage();
    ann.detach("a");
    w1.say(output("a", "12345"));
    expect(ann.release("a")).toEqual({ w1: [taken("a", 5)] });
    expect(w1.say(output("a", "678"))).toEqual({ w1: [taken("a", 3)] });
  });

  test("does not wait for a client that is gone, while another wants the task", () => {
    const { ann, bob, w1 } = stage();
    bob.submit("f", ["a"]);
    w1.say(output("a", "12345"));
    expect(ann.leave()).toMatchObject({ w1: [taken("a", 5)] });
    expect(w1.say(output("a", "678"))).toEqual({ w1: [taken("a", 3)] });
  });

  test("counts the starts of the task, and old attempts are ignored", () => {
    const { ann, w1, story } = stage();
    w1.say(output("a", "12345"));
    w1.lost();
    const w2 = story.worker("w2");
    w2.join();
    expect(w1.say(output("a", "late"))).toEqual({});
    expect(w2.say(output("a", "again", 2))).toEqual({
      ann: [toClient("a", "again", { attempt: 2, start: 2 })],
    });
    expect(ann.tookOutput("a", 5)).toEqual({});
    expect(ann.tookOutput("a", 5, 2)).toEqual({ w2: [taken("a", 5, 2)] });
  });
});
