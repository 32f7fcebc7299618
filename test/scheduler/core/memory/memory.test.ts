// What the core does when its memory is tight, and when it is full.

import { expect, test } from "vitest";
import type { FromWorker } from "../../../../src/wire/protocol.ts";
import { freeze } from "../../../../scheduler/core/snapshot/freeze.ts";
import { BinaryPayload } from "../../../../src/payload/binary-payload.ts";
import { Story } from "../story.ts";

const overloaded = { code: "overloaded", message: expect.stringMatching(/again later/) };
const large = "x".repeat(2_000);

test("above the mark what brings something is refused, and what ends something goes on", () => {
  const story = new Story({ heapBytes: 20_000 });
  const ann = story.client("ann");
  for (let index = 0; index < 40; index++) ann.submit("f", [`k${index}`]);
  const { ledger, tasks } = story.state;
  expect(ledger.level).toBe("full");
  const { size } = tasks;
  expect(ann.submit("f", ["more"])).toEqual({
    ann: [{ type: "failed", failure: overloaded, keys: ["more"] }],
  });
  expect(tasks.size).toBe(size);
  const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
  expect(ann.release(...keys)["log"]).toEqual([expect.stringMatching(/there is memory again/)]);
  ann.submit("f", ["more"]);
  expect(tasks.has("more")).toBe(true);
});

test("a shell that finds the heap nearly used up has everything new refused", () => {
  const story = new Story();
  const ann = story.client("ann");
  const said = story.handle({ type: "memory", isExhausted: true });
  expect(said["log"]).toEqual([
    expect.stringMatching(/nothing new is taken until there is memory/),
  ]);
  expect(ann.submit("f", ["a"])).toMatchObject({ ann: [{ failure: overloaded }] });
  story.handle({ type: "memory", isExhausted: false });
  ann.submit("f", ["a"]);
  expect(story.state.tasks.has("a")).toBe(true);
});

test("a failure of many tasks is counted once, while one of them has it", () => {
  const story = new Story();
  const ann = story.client("ann");
  const worker = story.worker("w");
  worker.join();
  const dependents = Array.from({ length: 50 }, (_, index) => [`d${index}`, ["root"]] as const);
  ann.submit("f", { root: [], ...Object.fromEntries(dependents) });
  story.handle({
    type: "worker-messages",
    from: "w",
    messages: [
      { type: "failed", key: "root", attempt: 1, failure: { code: "task-failed", message: large } },
    ],
  });
  const [{ tasks, bytes } = { tasks: 0, bytes: 0 }, ...others] =
    story.state.ledger.failures.values();
  expect([tasks, others]).toEqual([51, []]);
  expect([bytes > large.length, bytes < 2 * large.length]).toEqual([true, true]);
  ann.release("root", ...dependents.map(([key]) => key));
  expect(story.state.ledger.failures.size).toBe(0);
});

test("timers keep neither a finished task nor its spec in memory", () => {
  const story = new Story();
  const ann = story.client("ann");
  const secret = "an argument that is let go";
  const submit = {
    type: "submit" as const,
    name: "f",
    keys: ["a"],
    args: [JSON.stringify([secret])],
    options: { expiresMs: 1e9, unschedulableTimeoutMs: 1e9, tags: ["a tag that is let go"] },
  };
  story.handle({ type: "client-messages", from: "ann", messages: [submit] });
  expect(story.state.timers.size).toBe(2);
  const textOf = () => JSON.stringify([...freeze(story.state)]);
  expect(textOf()).toContain("let go");
  ann.release("a");
  expect(textOf()).not.toContain("let go");
});

test("a lane keeps nothing of tasks that were let go before they ran", () => {
  const story = new Story();
  const ann = story.client("ann");
  const keys = Array.from({ length: 500 }, (_, index) => `k${index}`);
  const submit = {
    type: "submit" as const,
    name: "f",
    keys: ["kept", ...keys],
    args: ["[]", ...keys.map(() => JSON.stringify(["an argument that is let go"]))],
  };
  story.handle({ type: "client-messages", from: "ann", messages: [submit] });
  ann.release(...keys);
  expect(JSON.stringify([...freeze(story.state)])).not.toContain("let go");
  const [lane] = story.state.clients.get("ann")!.lanes.values();
  expect(lane!.roots.size).toBeLessThan(10);
});

test("the reasons of cancelled tasks count, and less is kept of each while memory is short", () => {
  const story = new Story({ heapBytes: 200_000 });
  const [ann, bob] = [story.client("ann"), story.client("bob")];
  const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
  ann.submit("f", keys);
  bob.want(...keys);
  const before = story.state.ledger.heapBytes;
  for (const key of keys) {
    const reason = `${key} `.padEnd(20_000, "r");
    ann.cancel([key], { reason, force: true });
  }
  expect(story.state.ledger.level).not.toBe("ample");
  expect(story.state.ledger.heapBytes).toBeLessThan(250_000);
  bob.release(...keys);
  ann.release(...keys);
  expect(story.state.ledger.reasons.size).toBe(0);
  expect(story.state.ledger.heapBytes).toBeLessThan(before);
});

test("a reason that many cancellations give is kept once", () => {
  const story = new Story();
  const [ann, bob] = [story.client("ann"), story.client("bob")];
  const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
  ann.submit("f", keys);
  bob.want(...keys);
  const before = story.state.ledger.heapBytes;
  for (const key of keys) ann.cancel([key], { reason: large, force: true });
  // That of their dependents names each of them.
  const own = [...story.state.ledger.reasons.values()].filter(({ text }) => text === large);
  expect(own).toEqual([{ tasks: 50, text: large }]);
  expect(story.state.ledger.heapBytes - before).toBeLessThan(51 * (large.length + 200));
});

test("of the questions of one frame those are refused whose answers would take too much", () => {
  const story = new Story({ heapBytes: 400_000 });
  const ann = story.client("ann");
  ann.submit(
    "f",
    Array.from({ length: 400 }, (_, index) => `k${index}`),
  );
  const ask = (id: number) => ({ type: "tasks", id, limit: 10_000 }) as const;
  const said = story.handle({
    type: "client-messages",
    from: "ann",
    messages: Array.from({ length: 1_000 }, (_, id) => ask(id)),
  });
  const answers = said["ann"] as { failure?: unknown }[];
  expect(answers.length).toBe(1_000);
  const refused = answers.filter(({ failure }) => failure !== undefined);
  expect(refused.length).toBeGreaterThan(990);
  expect(refused.at(-1)).toMatchObject({ failure: overloaded });
  // Each frame may ask anew.
  const next = story.handle({ type: "client-messages", from: "ann", messages: [ask(1)] });
  expect((next["ann"] as { result: unknown[] }[])[0]!.result.length).toBe(400);
});

test("a stream of events brings its filter, and is refused while memory is full", () => {
  const story = new Story();
  story.client("ann");
  story.handle({ type: "memory", isExhausted: true });
  const said = story.handle({
    type: "client-messages",
    from: "ann",
    messages: [{ type: "events", id: 7, of: ["a key"] }],
  });
  expect(said["ann"]).toMatchObject([{ id: 7, failure: overloaded }]);
  expect(story.state.feeds.size).toBe(0);
});

/** Two workers, of which the first runs "a", while memory is full. */
function fullWithTaskOf(options: { atMostOnce?: true } = {}) {
  const story = new Story();
  const ann = story.client("ann");
  const [one, two] = [story.worker("one"), story.worker("two")];
  one.join();
  ann.submit("f", ["held"]);
  one.say({ type: "finished", keys: ["held"], attempts: [1], values: [{ bytes: 9 }], micros: [1] });
  ann.submit("f", ["a"], options);
  two.join();
  story.handle({ type: "memory", isExhausted: true });
  return { story, ann, one, two };
}

test("a large result that comes while memory is full is not kept, and its task runs again", () => {
  const { story, ann, one, two } = fullWithTaskOf();
  const before = story.state.ledger.heapBytes;
  one.finish("a", { value: JSON.stringify(large) });
  expect(story.state.ledger.heapBytes).toBeLessThan(before + 500);
  expect(story.state.tasks.get("a")!.state.at).toBe("waiting");
  story.at(10_000);
  two.finish("a", { value: "1", attempt: 2 });
  expect(ann.explain("a")).toMatchObject({ state: "finished", attempt: 2 });
});

test("nor is one of many parts, though they are empty", () => {
  const { story, one } = fullWithTaskOf();
  const parts = Array.from({ length: 10_000 }, () => new Uint8Array());
  const values = [new BinaryPayload("", parts)];
  one.say({ type: "finished", keys: ["a"], attempts: [1], values, micros: [1] });
  expect(story.state.tasks.get("a")!.state.at).toBe("waiting");
});

test("a task that runs at most once fails when its result is not kept", () => {
  const { ann, one } = fullWithTaskOf({ atMostOnce: true });
  one.finish("a", { value: JSON.stringify(large) });
  expect(ann.explain("a")).toMatchObject({ state: "failed", why: /result that it was to hold/ });
});

test("copies that nobody asked for are not noted while memory is full", () => {
  const { story, two } = fullWithTaskOf();
  const one = { keys: ["held"], orders: [0], attempts: [1] };
  const held: FromWorker = { type: "held", ...one, bytes: [9] };
  expect(two.say(held)["two"]).toEqual([{ type: "free", ...one }]);
  story.handle({ type: "memory", isExhausted: false });
  expect(two.say(held)["two"]).toBeUndefined();
  expect(story.state.workers.get("two")!.holds.size).toBe(1);
});

test("of progress and of losses less is kept while memory is full", () => {
  const { story, one } = fullWithTaskOf();
  one.say({ type: "progress", key: "a", attempt: 1, fraction: 0.5, text: large });
  expect(story.state.tasks.get("a")!.progress?.text?.length).toBe(150);
  one.fail("a", { code: "thread-lost", message: large });
  expect(story.state.tasks.get("a")!.losses?.[0]?.how.length).toBe(150);
});

test("a worker that says again that it leaves has what it holds looked at once", () => {
  const { story, one } = fullWithTaskOf();
  for (let at = 0; at < 50; at++) one.say({ type: "leaving", keeps: true });
  const [{ toLookAt, untaken } = { toLookAt: [], untaken: { others: [], irreplaceable: [] } }] =
    story.state.retirements.values();
  expect(toLookAt.length + untaken.others.length + untaken.irreplaceable.length).toBeLessThan(2);
});
