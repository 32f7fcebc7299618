// Stories of tasks that are retained though no client holds a future of them, and of how a client
// that is told of them comes to hold one.

import { expect, test } from "vitest";
import { Effects } from "../../../../scheduler/core/effects.ts";
import { checkInvariants } from "../../../../scheduler/core/invariants.ts";
import {
  endRetention,
  findTasks,
  offer,
  retain,
  type Retention,
} from "../../../../scheduler/core/clients/retention.ts";
import type { Task } from "../../../../scheduler/core/state.ts";
import type { StepContext } from "../../../../scheduler/core/tasks/transition.ts";
import { cancelled, failed, finished, run, Story } from "../story.ts";

function stage(...keys: string[]) {
  const story = new Story();
  const [ann, bob, w1] = [story.client("ann"), story.client("bob"), story.worker("w1")];
  ann.submit("f", keys);
  /** Does something within a step and checks the invariants after it. */
  const within = <Result>(act: (step: StepContext) => Result): Result => {
    const result = act({ state: story.state, now: story.now, effects: new Effects() });
    checkInvariants(story.state);
    return result;
  };
  const tasks = (...of: string[]) => findTasks(story.state, of) as Task[];
  const retainAs = (what: string, ...of: string[]): Retention =>
    within((step) => retain(step, what, tasks(...of)));
  const offerTo = (id: string, ...of: string[]): number =>
    within((step) => offer(step, story.state.clients.get(id)!, tasks(...of))!);
  return { story, ann, bob, w1, within, retainAs, offerTo };
}

test("a retained task runs and stays when the client that wanted it releases it, or leaves", () => {
  const { story, ann, bob, w1, retainAs, within } = stage("a", "b");
  const retention = retainAs("the pair", "a", "b", "a");

  expect(ann.release("a")).toEqual({});
  ann.leave();
  w1.join();
  w1.finish("a");
  expect(bob.explain("a")).toMatchObject({ state: "finished", wantedBy: ["the pair"] });
  within((step) => endRetention(step, retention));
  expect(story.state.tasks.size).toBe(0);
});

test("a task stays until the last of its retentions ends", () => {
  const { story, ann, retainAs, within } = stage("a");
  const retentions = [retainAs("one", "a"), retainAs("two", "a"), retainAs("three", "a")];
  ann.release("a");
  for (const each of [retentions[1]!, retentions[0]!]) {
    within((step) => endRetention(step, each));
    expect(story.state.tasks.size).toBe(1);
  }
  within((step) => endRetention(step, retentions[2]!));
  expect(story.state.tasks.size).toBe(0);
});

test("a client's cancel leaves a retained task alone; a forced one does not, and the task stays, cancelled", () => {
  const { ann, bob, retainAs } = stage("a");
  retainAs("one", "a");
  expect(ann.cancel(["a"])).toEqual({ ann: [cancelled("a")] });
  expect(bob.explain("a").state).toBe("ready");
  bob.cancel(["a"], { force: true, reason: "enough" });
  expect(bob.explain("a").why).toBe("it was cancelled: enough");
});

test("keys are found as tasks, each once, or the first unknown one is named", () => {
  const { story } = stage("a", "b");
  expect(findTasks(story.state, ["a", "b", "a"])).toHaveLength(2);
  expect(findTasks(story.state, ["a", "x", "y"])).toBe("x");
});

test("who takes what it was offered wants it, and hears how it stands now and later", () => {
  const { story, ann, bob, w1, offerTo } = stage("a", "b", "c");
  w1.join();
  w1.finish("a");
  w1.fail("b");
  const id = offerTo("bob", "a", "b", "c");
  ann.leave();

  expect(bob.take(id)).toEqual({ bob: [finished("a"), failed("b")] });
  expect(w1.finish("c")).toEqual({ bob: [finished("c")] });
  expect(bob.take(id)).toEqual({});
  bob.release("a", "b", "c");
  expect(story.state.tasks.size).toBe(0);
});

test("a release on its way while a task is offered does not end what the taker will hold", () => {
  const { ann, w1, offerTo } = stage("a");
  const id = offerTo("ann", "a");
  expect(ann.release("a")).toEqual({});
  ann.take(id);
  expect(w1.join()).toMatchObject({ w1: [run("a")] });
  expect(w1.finish("a")).toEqual({ ann: [finished("a")] });
});

test("what a client was offered and did not take is let go when it leaves", () => {
  const { story, ann, bob, offerTo } = stage("a");
  offerTo("bob", "a");
  offerTo("bob", "a");
  ann.leave();
  expect(story.state.tasks.size).toBe(1);
  bob.leave();
  expect(story.state.tasks.size).toBe(0);
  expect([story.state.retentions.size, story.state.offers.open.size]).toEqual([0, 0]);
});

test("an offer to nobody or of nothing is none", () => {
  const { story, ann, bob, within, offerTo } = stage("a");
  const nothing = within((step) => offer(step, story.state.clients.get("bob")!, []));
  expect(nothing).toBeUndefined();
  const id = offerTo("bob", "a");
  expect(ann.take(id)).toEqual({});
  expect(bob.take(id + 1)).toEqual({});
});
