// What a view token allows: every message of a client either only looks, or is refused and changes nothing.

import { expect, test } from "vitest";
import { freeze } from "../../../scheduler/core/snapshot/freeze.ts";
import type { FromClient } from "../../../src/wire/protocol.ts";
import { checkFromClient } from "../../../src/wire/check.ts";
import { rightFor } from "../../../src/wire/rights.ts";
import { Story } from "./story.ts";

/** One of each type, about what there is. */
const examples: { [Type in FromClient["type"]]: Extract<FromClient, { type: Type }> } = {
  ping: { type: "ping", id: 1 },
  info: { type: "info", id: 1 },
  workers: { type: "workers", id: 1 },
  demand: { type: "demand", id: 1, targetMs: 1 },
  "registered-at": { type: "registered-at", id: 1, name: "f" },
  explain: { type: "explain", id: 1, key: "k" },
  tasks: { type: "tasks", id: 1, limit: 10 },
  "who-has": { type: "who-has", id: 1, keys: ["k"] },
  schedules: { type: "schedules", id: 1 },
  events: { type: "events", id: 1 },
  "events-read": { type: "events-read", feed: 1, count: 1 },
  "events-end": { type: "events-end", feed: 1 },
  submit: { type: "submit", name: "f", keys: ["new"], args: ["[1]"] },
  want: { type: "want", id: 1, keys: ["k"] },
  fetch: { type: "fetch", keys: ["k"] },
  take: { type: "take", offer: 1 },
  cancel: { type: "cancel", keys: ["k"], force: true },
  release: { type: "release", keys: ["k"] },
  retry: { type: "retry", keys: ["k"] },
  detach: { type: "detach", keys: ["k"] },
  scatter: { type: "scatter", id: 1, key: "s", bytes: 3, value: "[1]" },
  "output-taken": { type: "output-taken", key: "k", attempt: 1, bytes: 1 },
  publish: { type: "publish", id: 1, name: "other", value: "1" },
  published: { type: "published", id: 1, name: "name" },
  unpublish: { type: "unpublish", id: 1, name: "name" },
  schedule: {
    type: "schedule",
    id: 1,
    name: "often",
    everyMs: 1_000,
    function: "f",
    args: "[]",
  } as never,
  unschedule: { type: "unschedule", id: 1, name: "often" },
  coordinate: { type: "coordinate", id: 1, kind: "variable", name: "v", op: "get" },
  took: { type: "took", ids: [1] },
  "give-back": { type: "give-back", ids: [1] },
  retire: { type: "retire", id: 1, workers: ["w"] },
  restart: { type: "restart", id: 1 },
  "expect-no-workers": { type: "expect-no-workers", id: 1, reason: "none" },
  shutdown: { type: "shutdown" },
};

function stage() {
  const story = new Story();
  const owner = story.client("owner");
  story.worker("w").join();
  owner.submit("f", ["k"]);
  owner.publish("name", "1", []);
  story.handle({ type: "client-joins", id: "viewer", name: "viewer", right: "view" });
  return story;
}

const stateOf = (story: Story) => JSON.stringify([...freeze(story.state)]);
const typesWith = (right: string) =>
  (Object.keys(examples) as FromClient["type"][]).filter((type) => rightFor[type] === right);

test.each(typesWith("full"))(
  "%s needs the full token, and does nothing with a view token",
  (type) => {
    const story = stage();
    const before = stateOf(story);
    const done = story.handle({
      type: "client-messages",
      from: "viewer",
      messages: [examples[type]],
    });
    expect(stateOf(story)).toBe(before);
    const hasAnswer = "id" in examples[type] || type === "submit";
    expect(Object.keys(done)).toEqual(hasAnswer ? ["viewer"] : []);
    if (hasAnswer) {
      const failure = { code: "not-permitted", message: expect.stringContaining(`to ${type}`) };
      expect(done["viewer"]).toEqual([expect.objectContaining({ failure })]);
    }
  },
);

test.each(typesWith("view"))("%s only looks, so a view token is enough", (type) => {
  const story = stage();
  checkFromClient(examples[type]);
  const done = story.handle({
    type: "client-messages",
    from: "viewer",
    messages: [examples[type]],
  });
  expect(JSON.stringify(done)).not.toContain("not-permitted");
  expect(Object.keys(done).filter((who) => who !== "viewer")).toEqual([]);
});

test("what the scheduler refuses for want of room, it refuses a viewer for its token", () => {
  const story = stage();
  const before = stateOf(story);
  const done = story.handle({
    type: "client-refused",
    from: "viewer",
    messages: [{ type: "refused", keys: ["new"] }, examples.cancel, examples.shutdown],
    why: "the disk is full",
  });
  expect(stateOf(story)).toBe(before);
  expect(Object.keys(done)).toEqual(["viewer"]);
});
