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
  const before = story.state.ledger.heapBytes;
  story.handle({
    type: "worker-messages",
    from: "w",
    messages: [
      { type: "failed", key: "root", attempt: 1, failure: { code: "task-failed", message: large } },
    ],
  });
  const grown = story.state.ledger.heapBytes - before;
  expect([grown > large.length, grown < 2 * large.length]).toEqual([true, true]);
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
