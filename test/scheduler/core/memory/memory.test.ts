// What the core does when its memory is tight, and when it is full.

import { expect, test } from "vitest";
import { freeze } from "../../../../scheduler/core/snapshot/freeze.ts";
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
