// Stories of clients that hear of what happens: who is told what, and how little a slow reader costs.

import { describe, expect, test } from "vitest";
import type { ClusterEvent } from "../../../../src/wire/events.ts";
import { mostUnread, mostUnreadInAll } from "../../../../scheduler/core/clients/feeds.ts";
import { Story, type Done } from "../story.ts";

/** The events in what a step did, without their moments. */
function eventsFor(done: Done, who: string): unknown[] {
  return (done[who] ?? []).flatMap((message) => {
    if (typeof message === "string" || message.type !== "events") return [];
    return message.events.map(({ at: _, ...event }) => event);
  });
}

function stage() {
  const story = new Story();
  const [ann, bob] = [story.client("ann"), story.client("bob")];
  return { story, ann, bob };
}

describe("events", () => {
  test("tell of a task from its submission to its end, with the moments of the scheduler", () => {
    const { story, ann, bob } = stage();
    ann.say({ type: "events", id: 1 });
    story.now = 5;
    const submitted = bob.submit("f", ["a"]);
    expect(submitted["ann"]).toEqual([
      {
        type: "events",
        feed: 1,
        events: [{ type: "submitted", at: 5, key: "a", function: "f", client: "bob" }],
      },
    ]);
    const w1 = story.worker("w1");
    expect(eventsFor(w1.join(), "ann")).toEqual([
      { type: "worker-joined", worker: "w1", slots: 1 },
    ]);
    const a = { key: "a", function: "f", worker: "w1" };
    const progress = { type: "progress", key: "a", attempt: 1, fraction: 0.5 } as const;
    expect(eventsFor(w1.say(progress), "ann")).toEqual([
      { ...a, type: "started", start: 1 },
      { ...a, type: "progress", fraction: 0.5 },
    ]);
    expect(eventsFor(w1.finish("a", { value: "12" }), "ann")).toEqual([
      { ...a, type: "finished", bytes: 2 },
    ]);
    expect(eventsFor(w1.lost(), "ann")).toMatchObject([{ type: "worker-left", worker: "w1" }]);
  });

  test("tell of a task that runs again because what was made of its value is lost", () => {
    const { story, ann, bob } = stage();
    const w1 = story.worker("w1");
    w1.join();
    ann.say({ type: "events", id: 1 });
    bob.submit("f", { a: [], b: ["a"] });
    for (const key of ["a", "b"]) {
      const value = { values: [{ bytes: 1_000 }], micros: [40] };
      w1.say({ type: "finished", keys: [key], attempts: [1], ...value });
    }
    bob.release("a");
    expect(story.state.tasks.get("a")?.state.at).toBe("released");
    expect(eventsFor(w1.lost(), "ann")).toContainEqual({
      type: "retried",
      key: "a",
      function: "f",
    });
  });

  test("tell of retries with the error, of failures, of losses and of what nobody needs", () => {
    const { story, ann, bob } = stage();
    const w1 = story.worker("w1");
    w1.join();
    ann.say({ type: "events", id: 1, functions: ["f"] });
    bob.submit("f", ["a", "b"], { retries: { max: 1 } });
    const error = { code: "task-failed", message: "a threw" };
    const again = eventsFor(w1.fail("a"), "ann");
    expect(again).toContainEqual({ type: "retried", key: "a", function: "f", error });
    const lost = eventsFor(w1.lost(), "ann");
    expect(lost.map((each) => (each as ClusterEvent).type)).toContain("lost");
    expect(eventsFor(bob.release("a", "b"), "ann")).toEqual([
      { type: "released", key: "a", function: "f" },
      { type: "released", key: "b", function: "f" },
    ]);
  });

  test("of certain functions or keys are of these alone, and not of workers", () => {
    const { story, ann, bob } = stage();
    ann.say({ type: "events", id: 1, functions: ["g"], of: ["a"] });
    const done = bob.submit("f", ["a", "b"]);
    expect(eventsFor(done, "ann")).toMatchObject([{ key: "a" }]);
    expect(eventsFor(bob.submit("g", ["c"]), "ann")).toMatchObject([{ key: "c" }]);
    expect(eventsFor(story.worker("w1").join(), "ann")).toMatchObject([
      // It has f, and no g.
    ]);
  });

  test("are left out and counted while a reader is slow, and go on when it has read", () => {
    const { story, ann, bob } = stage();
    story.isChecked = false;
    ann.say({ type: "events", id: 1 });
    const keys = Array.from({ length: mostUnread + 500 }, (_, index) => `k${index}`);
    expect(eventsFor(bob.submit("f", keys), "ann")).toHaveLength(mostUnread - 1);
    expect(eventsFor(bob.submit("f", ["late"]), "ann")).toEqual([]);
    const told = ann.say({ type: "events-read", feed: 1, count: 250 });
    expect(eventsFor(told, "ann")).toEqual([{ type: "missed", count: 502 }]);
    expect(eventsFor(bob.submit("f", ["later"]), "ann")).toMatchObject([{ key: "later" }]);
  });

  test("of all readers together are bounded", () => {
    const { story, ann, bob } = stage();
    story.isChecked = false;
    const feeds = Math.ceil(mostUnreadInAll / mostUnread) + 1;
    for (let id = 1; id <= feeds; id++) ann.say({ type: "events", id });
    const keys = Array.from({ length: mostUnread - 1 }, (_, index) => `k${index}`);
    const done = bob.submit("f", keys);
    expect(eventsFor(done, "ann")).toHaveLength(mostUnreadInAll);
    ann.leave();
    expect(story.state.unreadEvents).toBe(0);
  });

  test("end with their reader, and are none of an unread feed's concern", () => {
    const { story, ann, bob } = stage();
    ann.say({ type: "events", id: 1 });
    bob.say({ type: "events", id: 1 });
    ann.say({ type: "events-end", feed: 1 });
    expect(story.state.feeds.size).toBe(1);
    ann.say({ type: "events-read", feed: 1, count: 3 });
    ann.say({ type: "events-end", feed: 1 });
    bob.leave();
    expect(story.state.feeds.size).toBe(0);
    expect(ann.submit("f", ["a"])).toEqual({});
  });
});
