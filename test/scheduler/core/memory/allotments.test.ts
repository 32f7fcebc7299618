// What is taken at every level has a part of the heap to itself: beyond it that kind of thing is refused, and nothing else.

import { expect, test } from "vitest";
import { whyNotJoin } from "../../../../scheduler/core/workers/membership.ts";
import { Story } from "../story.ts";

const overloaded = (about: RegExp) => ({
  code: "overloaded",
  message: expect.stringMatching(about),
});
const names = (what: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${what}${index}`);
const facts = (name: string, more: object = {}) => ({
  ...{ name, host: "host", pid: 1, threads: 1, slots: 1, functions: ["f"], resources: {} },
  ...more,
});

test("the facts of workers are counted while they are here, and those of equal workers once", () => {
  const story = new Story();
  const { ledger, repertoires } = story.state;
  const functions = names("module.function", 1_000);
  const digests = names("digest", 1_000);
  const join = (id: string, more: object = {}) =>
    story.handle({ type: "worker-joins", id, ...facts(id, { functions, digests, ...more }) });
  join("w0");
  const first = ledger.allotted.workers;
  expect(first).toBeGreaterThan(2_000 * 500);
  join("w1");
  expect(ledger.allotted.workers - first).toBeLessThan(10_000);
  expect(repertoires.size).toBe(1);
  join("w2", { tags: names("tag", 200), resources: { gpu: 1 } });
  expect(ledger.allotted.workers - first).toBeGreaterThan(200 * 64);
  join("w3", { digests: digests.toReversed() });
  expect(repertoires.size).toBe(2);
  for (const id of ["w0", "w1", "w2", "w3"]) {
    story.handle({ type: "worker-lost", id, how: "it went" });
  }
  expect([ledger.allotted.workers, repertoires.size, story.state.functions.size]).toEqual([
    0, 0, 0,
  ]);
});

test("a function that a worker registers twice goes with it", () => {
  const story = new Story();
  const twice = { functions: ["f", "f"], digests: ["d", "d"] };
  story.handle({ type: "worker-joins", id: "w", ...facts("w", twice) });
  story.handle({ type: "worker-lost", id: "w", how: "it went" });
  expect([story.state.functions.size, story.state.registered.size]).toEqual([0, 0]);
});

test("a worker joins whatever tasks take, and not when there is no room for its facts", () => {
  const story = new Story({ heapBytes: 400_000 });
  const ann = story.client("ann");
  ann.submit("f", names("k", 1_000));
  expect(story.state.ledger.level).toBe("full");
  const many = facts("w", { functions: names("f", 40) });
  expect(whyNotJoin(story.state, "w", many)).toBeUndefined();
  story.handle({ type: "worker-joins", id: "w", ...many });
  const others = facts("v", { functions: names("g", 200) });
  expect(whyNotJoin(story.state, "v", others)).toMatch(/no room for the facts of more workers/);
  // What is known already takes no more.
  expect(whyNotJoin(story.state, "v", { ...many, name: "v" })).toBeUndefined();
});

test("rate limits that are remembered fill their part, and only new ones are refused", () => {
  const story = new Story({ heapBytes: 200_000 });
  const ann = story.client("ann");
  const worker = story.worker("w");
  worker.join();
  const rateLimit = { count: 1, perMs: 1_000_000 };
  const submit = (key: string, options: object) =>
    story.handle({
      type: "client-messages",
      from: "ann",
      messages: [{ type: "submit", name: "f", keys: [key], args: ["[]"], options }],
    });
  const run = (key: string) => {
    submit(key, { limitName: key, rateLimit });
    if (!story.state.tasks.has(key)) return false;
    worker.finish(key);
    ann.release(key);
    return true;
  };
  const taken = names("limit", 100).filter(run).length;
  expect([taken > 10, taken < 50]).toEqual([true, true]);
  expect(story.state.tasks.size).toBe(0);
  expect(story.state.ledger.level).toBe("ample");
  expect(submit("more", { limitName: "another", rateLimit })).toEqual({
    ann: [
      {
        type: "failed",
        keys: ["more"],
        failure: overloaded(/again later: .*the rate limit "another"/),
      },
    ],
  });
  // One that is known already is as good as ever, and others are none the wiser.
  submit("known", { limitName: "limit0", rateLimit });
  submit("plain", {});
  expect([...story.state.tasks.values()].map(({ key }) => key)).toEqual(["known", "plain"]);
  worker.finish("plain");
  ann.release("known", "plain");
  story.at(rateLimit.perMs + 1);
  expect(story.state.limits.rates.size).toBe(0);
  expect(story.state.ledger.allotted.rates).toBe(0);
  expect(run("more")).toBe(true);
});

test("locks and whoever waits fill their part, and what is held can be given back", () => {
  const story = new Story({ heapBytes: 100_000 });
  story.client("ann");
  const ask = (id: number, name: string) =>
    story.handle({
      type: "client-messages",
      from: "ann",
      messages: [{ type: "coordinate", id, kind: "lock", name, op: "acquire" }],
    })["ann"] as { failure?: unknown }[];
  const isTaken = (id: number) => ask(id, `lock ${id}`)[0]!.failure === undefined;
  const taken = Array.from({ length: 200 }, (_, id) => id).filter(isTaken);
  expect([taken.length > 5, taken.length < 50]).toEqual([true, true]);
  expect(ask(500, "one more")).toMatchObject([
    { id: 500, failure: overloaded(/waits or is held/) },
  ]);
  story.handle({
    type: "client-messages",
    from: "ann",
    messages: [{ type: "give-back", ids: taken }],
  });
  expect(story.state.ledger.allotted.waits).toBe(0);
  expect(isTaken(501)).toBe(true);
});

test("of those who wait for a variable with many futures as many get it as there is room for", () => {
  const story = new Story({ heapBytes: 200_000 });
  const ann = story.client("ann");
  const keys = names("k", 40);
  ann.submit("f", keys);
  const say = (...messages: object[]) =>
    story.handle({ type: "client-messages", from: "ann", messages: messages as never });
  const about = { type: "coordinate", kind: "variable", name: "v" };
  say(...Array.from({ length: 20 }, (_, id) => ({ ...about, id, op: "get" })));
  const set = { ...about, id: 100, op: "set", value: "1", inputs: keys };
  const answers = say(set)["ann"] as { id: number; failure?: object }[];
  const refused = answers.filter(({ failure }) => failure !== undefined);
  expect([answers.length, refused.length > 10, refused.length < 20]).toEqual([21, true, true]);
  expect(refused[0]!.failure).toEqual(overloaded(/again later/));
});

test("whoever asks again and again for what is published, and takes nothing, is refused in the end", () => {
  const story = new Story({ heapBytes: 100_000 });
  const ann = story.client("ann");
  ann.submit("f", ["a"]);
  const say = (message: object) =>
    story.handle({ type: "client-messages", from: "ann", messages: [message as never] });
  say({ type: "publish", id: 0, name: "it", value: "1", inputs: ["a"] });
  let refused = 0;
  for (let id = 1; id < 200; id++) {
    const [answer] = say({ type: "published", id, name: "it" })["ann"] as { failure?: object }[];
    if (answer!.failure === undefined) continue;
    expect(answer!.failure).toEqual(overloaded(/again later/));
    refused++;
  }
  expect([refused > 100, refused < 199]).toEqual([true, true]);
});

test("futures of the tasks of others fill their part, and what is refused leaves no trace", () => {
  const story = new Story({ heapBytes: 1_000_000 });
  story.client("ann").submit("f", names("k", 500));
  const bob = story.client("bob");
  const want = (keys: string[]) =>
    story.handle({
      type: "client-messages",
      from: "bob",
      messages: [{ type: "want", id: 1, keys }],
    });
  const all = names("k", 500);
  const told = (result: object) => ({ bob: [{ type: "answer", id: 1, to: "want", result }] });
  const fit = Math.floor(1_000_000 / 8 / 300);
  const [some, others] = [all.slice(0, fit), all.slice(fit)];
  const failure = overloaded(/no room for more futures of the tasks of others/);
  expect(want([...all, "x"])).toEqual(told({ unknown: ["x"], refused: { keys: others, failure } }));
  for (const key of others) bob.release(key);
  expect(bob.explain("k499").wantedBy).toEqual(["ann"]);
  // What it has already takes no more, nor does what is its own.
  bob.submit("f", ["own"]);
  expect(want([...some, "own"])).toEqual(told({ unknown: [] }));
  for (const key of some) bob.release(key);
  expect(story.state.ledger.allotted.wants).toBe(0);
  expect(want(others)).toEqual(told({ unknown: [] }));
});

test("values with futures are not given to who has no room for more", () => {
  const story = new Story({ heapBytes: 1_000_000 });
  const ann = story.client("ann");
  const keys = names("k", 300);
  ann.submit("f", keys);
  ann.publish("all", "[]", keys);
  const take = (name: string) => {
    const client = story.client(name);
    const said = story.handle({
      type: "client-messages",
      from: name,
      messages: [{ type: "published", id: 1, name: "all" }],
    });
    const [answer] = said[name] as unknown as [{ result?: { offer?: number }; failure?: object }];
    const offer = answer.result?.offer;
    if (offer !== undefined) {
      story.handle({
        type: "client-messages",
        from: name,
        messages: [{ type: "take", offer }],
      });
    }
    return { client, failure: answer.failure };
  };
  const first = take("bob");
  expect(first.failure).toBeUndefined();
  expect(take("cid").failure).toEqual(overloaded(/no room/));
  first.client.release(...keys);
  expect(take("dan").failure).toBeUndefined();
});
