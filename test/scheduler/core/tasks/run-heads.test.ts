// An option that the worker acts on is an entry of the schema and nothing else: the client's messages,
// the core and its `run` messages carry it, and never join a task to a message that lacks it.

import { Type } from "typebox";
import { afterAll, expect, test } from "vitest";
import { CallSettings } from "../../../../client/task-options.ts";
import { MessageWriter } from "../../../../client/message-writer.ts";
import { encodeList } from "../../../../src/payload/payload.ts";
import { checkFromClient, checkToWorker } from "../../../../src/wire/check.ts";
import type { FromClient, TaskOptions, ToWorker } from "../../../../src/wire/protocol.ts";
import { RunOptionsSchema } from "../../../../src/wire/task-options.ts";
import { Story } from "../story.ts";

// As if a line more stood in the schema: nothing else knows of this option.
const schema = RunOptionsSchema.properties as Record<string, unknown>;
schema["label"] = Type.Optional(Type.String({ maxLength: 8 }));
afterAll(() => {
  delete schema["label"];
});

function labelled(label: string): TaskOptions {
  return { run: { label } } as TaskOptions;
}

/** What a worker hears of tasks that two clients submit in turns. */
function runsOf(
  ...submits: [by: "ann" | "bob", keys: string[], options: TaskOptions][]
): ToWorker[] {
  const story = new Story();
  const clients = { ann: story.client("ann"), bob: story.client("bob") };
  for (const [by, keys, options] of submits) {
    const message = { type: "submit", name: "f", options, keys, args: keys.map(() => "[]") };
    const checked = checkFromClient(structuredClone(message)) as { options: TaskOptions };
    clients[by].submit("f", keys, checked.options);
  }
  const done = story.worker("w1", { slots: 12 }).join();
  return (done["w1"] as ToWorker[]).map((message) => checkToWorker(structuredClone(message)));
}

test("an option that only the schema knows reaches the worker, and is joined to no other", () => {
  const runs = runsOf(
    ["ann", ["a1", "a2"], labelled("one")],
    ["ann", ["a3"], labelled("two")],
    ["ann", ["a4"], {}],
    ["bob", ["b1", "b2"], labelled("one")],
  );
  const labels = runs.flatMap((run) =>
    run.type === "run"
      ? run.keys.map((key) => [key, (run.options as { label?: string } | undefined)?.label])
      : [],
  );
  expect(Object.fromEntries(labels)).toEqual({
    ...{ a1: "one", a2: "one", a3: "two", a4: undefined },
    ...{ b1: "one", b2: "one" },
  });
});

test("tasks of two clients whose options say the same share a message", () => {
  const runs = runsOf(
    ["ann", ["a1", "a2"], labelled("one")],
    ["bob", ["b1", "b2"], labelled("one")],
  );
  expect(runs).toHaveLength(1);
});

test("an option that the schema does not allow is refused at the boundary", () => {
  expect(() => runsOf(["ann", ["a"], labelled("far too long")])).toThrow(/"submit"\.options\.run/);
});

test("heads are forgotten with the last task that needs them", () => {
  const story = new Story();
  const ann = story.client("ann");
  ann.submit("f", ["a"], labelled("one"));
  ann.submit("f", ["b"], labelled("two"));
  expect(story.state.runHeads.size).toBe(2);
  ann.release("a", "b");
  expect(story.state.runHeads.size).toBe(0);
});

test("a client's calls share a submit message only under the same settings", () => {
  const sent: FromClient[] = [];
  const writer = new MessageWriter({
    send: (message) => void sent.push(message),
    get lastUnsent() {
      return sent.at(-1);
    },
  });
  const call = encodeList([1], "argument");
  const [plain, timed] = [new CallSettings({}), new CallSettings({ timeoutMs: 5 })];
  for (const settings of [plain, plain, timed, timed, plain]) {
    writer.submit(settings.headFor({ name: "f" }), `k${sent.length}`, call);
  }
  expect(sent.map((message) => message.type === "submit" && message.keys.length)).toEqual([
    2, 2, 1,
  ]);
  expect(sent[1]).toMatchObject({ options: { run: { timeoutMs: 5 } } });
  expect(sent[2]).not.toHaveProperty("options");
});
