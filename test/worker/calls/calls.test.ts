// What a worker does with the calls it is sent, on real threads.

import { describe, expect, test } from "vitest";
import { ThenceError } from "../../../src/errors/errors.ts";
import { decode, type Payload } from "../../../src/payload/payload.ts";
import { CallsUnderTest, fixture } from "../calls-under-test.ts";

const arithmetic = [{ path: fixture("arithmetic.ts") }];

describe("running", () => {
  test("a call gives its result and the time it took", async () => {
    const worker = await CallsUnderTest.start({ modules: arithmetic });
    expect(worker.calls.functions).toEqual(["add", "sub"]);
    const [key] = worker.run("add", [[1, 10]]);
    const end = await worker.endOf(key);
    expect(end).toMatchObject({ type: "finished", value: 11 });
    expect(end.type === "finished" && end.micros).toBeGreaterThanOrEqual(0);
  });

  test("ten thousand short calls give every result once, in few messages", async () => {
    const worker = await CallsUnderTest.start({ modules: arithmetic, threads: 2 });
    const count = 10_000;
    const keys = worker.run(
      "add",
      Array.from({ length: count }, (_, index) => [index, 1]),
    );
    expect(await worker.valuesOf(keys)).toEqual(keys.map((_, index) => index + 1));
    expect([...worker.ends.values()].every((ends) => ends.length === 1)).toBe(true);
    expect(worker.messages.length).toBeLessThan(count / 10);
  });

  test("values of inputs stand where the arguments refer to them", async () => {
    const worker = await CallsUnderTest.start();
    const { encode } = await import("../../../src/payload/payload.ts");
    const { futureKey } = await import("../../../src/payload/future-key.ts");
    const { payload } = encode([[{ [futureKey]: "a" }, { [futureKey]: "b" }]]);
    worker.calls.receive({
      type: "run",
      name: "echo",
      keys: ["c"],
      attempts: [1],
      args: [payload],
      inputs: [[encode(new Map([[1, 2]])).payload, encode(new Uint8Array([3, 4])).payload]],
    });
    expect((await worker.valuesOf(["c"]))[0]).toEqual([new Map([[1, 2]]), new Uint8Array([3, 4])]);
  });

  test("higher priorities run first, then what came first", async () => {
    const worker = await CallsUnderTest.start();
    worker.run("block", [[60]], { keys: ["first"] });
    worker.run("block", [[1], [1]], { keys: ["low-1", "low-2"], priority: -1 });
    worker.run("block", [[1], [1]], { keys: ["mid-1", "mid-2"] });
    worker.run("block", [[1]], { keys: ["high"], priority: 7 });
    await worker.endsOf(["low-2"]);
    expect([...worker.ends.keys()]).toEqual(["first", "high", "mid-1", "mid-2", "low-1", "low-2"]);
  });

  test("two threads run two calls at once", async () => {
    const worker = await CallsUnderTest.start({ threads: 2 });
    const keys = worker.run(
      "thread",
      Array.from({ length: 40 }, () => []),
    );
    await worker.endsOf(keys);
    const both = worker.run("waitForSignal", [[], []]);
    await worker.until(() => both.every((key) => worker.started.includes(key)));
    worker.cancel(both);
    await worker.endsOf(both);
  });

  test("with concurrency, asynchronous calls share a thread; without, they follow each other", async () => {
    const sharing = await CallsUnderTest.start({ concurrency: 4 });
    let begun = performance.now();
    await sharing.endsOf(sharing.run("pause", [[200], [200], [200], [200]]));
    expect(performance.now() - begun).toBeLessThan(500);
    const alone = await CallsUnderTest.start();
    begun = performance.now();
    await alone.endsOf(alone.run("pause", [[60], [60], [60]]));
    expect(performance.now() - begun).toBeGreaterThanOrEqual(175);
  });

  test("any thenable is awaited", async () => {
    const worker = await CallsUnderTest.start();
    expect(await worker.call("thenable", 4)).toBe(4);
  });

  test("binary values cross whole, and what the module keeps stays its own", async () => {
    const worker = await CallsUnderTest.start();
    expect(await worker.call("keptArray")).toEqual(new Float64Array([2, 2, 3]));
    expect(await worker.call("keptArray")).toEqual(new Float64Array([3, 2, 3]));
    const large = new Uint8Array(3_000_000).fill(2);
    expect(await worker.call("sum", large)).toBe(6_000_000);
    expect(large.byteLength).toBe(3_000_000);
    expect(await worker.call("bytes", 100_000)).toEqual(new Uint8Array(100_000).fill(7));
  });

  test("results of short calls leave while a call that is not known to be short goes on", async () => {
    const worker = await CallsUnderTest.start();
    await worker.endsOf(
      worker.run(
        "echo",
        Array.from({ length: 200 }, () => [1]),
      ),
    );
    const short = worker.run(
      "echo",
      Array.from({ length: 300 }, () => [2]),
    );
    const [long] = worker.run("block", [[400]]);
    await worker.endsOf(short);
    expect(worker.ends.has(long!)).toBe(false);
    await worker.endOf(long);
  });

  test("calls stuck behind one that takes long by surprise move to another thread", async () => {
    const worker = await CallsUnderTest.start({ threads: 2 });
    await worker.endsOf(
      worker.run(
        "spinIf",
        Array.from({ length: 600 }, () => [false]),
      ),
    );
    const rounds = Array.from({ length: 200 }, (_, index) => [index === 0]);
    const [spinning, ...others] = worker.run("spinIf", rounds);
    await worker.endsOf(others);
    expect(worker.ends.has(spinning!)).toBe(false);
    worker.cancel([spinning!]);
    expect(await worker.endOf(spinning)).toEqual({ type: "stopped" });
  });

  test("what tasks print does not disturb their results", async () => {
    const worker = await CallsUnderTest.start();
    const keys = worker.run("printMuch", [[], []]);
    expect(await worker.valuesOf(keys)).toEqual([50, 50]);
  });

  test("a call that is sent twice runs once, and a newer attempt replaces an older", async () => {
    const worker = await CallsUnderTest.start();
    worker.run("block", [[50]], { keys: ["busy"] });
    worker.run("echo", [["once"]], { keys: ["a"] });
    worker.run("echo", [["twice"]], { keys: ["a"] });
    worker.run("echo", [["old"]], { keys: ["b"] });
    worker.run("echo", [["new"]], { keys: ["b"], attempts: [2] });
    await worker.endsOf(["a", "b"]);
    expect(worker.ends.get("a")).toMatchObject([{ value: "once" }]);
    expect(worker.ends.get("b")).toMatchObject([{ value: "new" }]);
    const last = worker.messages.findLast((message) => message.type === "finished");
    expect(last?.attempts.at(-1)).toBe(2);
  });
});

describe("failing", () => {
  test("what a function throws arrives with its name, message, stack, cause and properties", async () => {
    const worker = await CallsUnderTest.start();
    const [now] = worker.run("fail", [["too far"]]);
    const end = await worker.endOf(now);
    expect(end).toMatchObject({ failure: { code: "task-failed", key: now, task: "fail" } });
    const thrown = end.type === "failed" && (end.error.cause as RangeError & { limit: number });
    expect(thrown).toMatchObject({ name: "RangeError", message: "too far", limit: 7 });
    expect(thrown && thrown.stack).toContain("behaviours.ts");
    expect(thrown && thrown.cause).toMatchObject({ message: "deeper" });

    const [later] = worker.run("failLater", [["too late"]]);
    expect(await worker.endOf(later)).toMatchObject({
      error: { cause: { name: "TypeError", message: "too late" } },
    });
    expect(await worker.call("echo", 1)).toBe(1);
  });

  test("a result that cannot be encoded fails with the path to what is wrong in it", async () => {
    const worker = await CallsUnderTest.start();
    const [key] = worker.run("unsendable", [[]]);
    const end = await worker.endOf(key);
    expect(end).toMatchObject({ failure: { code: "not-serializable", task: "unsendable" } });
    expect(end.type === "failed" && end.failure.message).toContain("result.rows[1].callback");
  });

  test("arguments that are no payload fail that call alone", async () => {
    const worker = await CallsUnderTest.start();
    worker.run("echo", [[1], [2]], { keys: ["bad", "good"], args: ["[1,", "[2]"] });
    expect(await worker.endOf("bad")).toMatchObject({ failure: { code: "not-serializable" } });
    expect(await worker.endOf("good")).toMatchObject({ value: 2 });
  });

  test("a name it has not registered fails, and says which are near", async () => {
    const worker = await CallsUnderTest.start({ modules: arithmetic });
    const [key] = worker.run("ad", [[1, 2]]);
    const end = await worker.endOf(key);
    expect(end).toMatchObject({ failure: { code: "unknown-task" } });
    expect(end.type === "failed" && end.failure.message).toContain('"add"');
    expect(end.type === "failed" && end.error).toBeInstanceOf(ThenceError);
  });
});

describe("started", () => {
  test("is said of a call that goes on for long, once, and not of short ones", async () => {
    const worker = await CallsUnderTest.start({ threads: 2 });
    const [long] = worker.run("block", [[300]]);
    worker.run("echo", [[1]]);
    await worker.endOf(long);
    expect(worker.started).toEqual([long]);
  });

  test("is said of an announced call before it begins", async () => {
    const worker = await CallsUnderTest.start();
    const keys = worker.run("echo", [[1], [2]], { announce: true });
    await worker.endsOf(keys);
    const story = worker.messages.map((message) => message.type);
    expect(story).toEqual(["started", "finished", "started", "finished"]);
  });
});

describe("withdrawing", () => {
  test("gives back what has not begun, wherever it waits, and says of the rest that it started", async () => {
    const worker = await CallsUnderTest.start();
    await worker.endsOf(
      worker.run(
        "block",
        Array.from({ length: 100 }, () => [0]),
      ),
    );
    // Known to be short by now, so all three are on the thread together.
    const keys = worker.run("block", [[200], [0], [0]]);
    const queued = worker.run("pause", [[0]]);
    await worker.until(() => worker.started.includes(keys[0]!));
    worker.withdraw([...keys, ...queued]);
    expect((await worker.endsOf(keys)).map(({ type }) => type)).toEqual([
      "finished",
      "withdrawn",
      "withdrawn",
    ]);
    expect(await worker.endOf(queued[0])).toEqual({ type: "withdrawn" });
    expect(worker.started).toEqual([keys[0]]);
  });

  test("is answered by `started` for a call that has just begun", async () => {
    const worker = await CallsUnderTest.start();
    const [key] = worker.run("waitForSignal", [[]]);
    await worker.until(() => worker.logs.some(({ text }) => text === "waiting"));
    worker.withdraw([key!]);
    expect(worker.started).toEqual([key]);
    worker.cancel([key!]);
    expect(await worker.endOf(key)).toEqual({ type: "stopped" });
  });

  test("every call is run or given back, never both, however the two race", async () => {
    const worker = await CallsUnderTest.start({ threads: 2 });
    await worker.endsOf(
      worker.run(
        "echo",
        Array.from({ length: 500 }, () => [0]),
      ),
    );
    const keys: string[] = [];
    const typesOf = (found: Iterable<{ type: string }>) =>
      new Set([...found].map(({ type }) => type));
    // On a busy machine the threads can be done with all of a round each time.
    const isBoth = () => typesOf([...worker.ends.values()].flat()).size === 2;
    for (let round = 0; round < 50 || !isBoth(); round += 1) {
      const sent = worker.run(
        "echo",
        Array.from({ length: 100 }, (_, index) => [index]),
      );
      keys.push(...sent);
      // Lets the threads get somewhere in the middle; every other time, for certain.
      if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      else await worker.until(() => sent.some((key) => worker.ends.has(key)));
      worker.withdraw(sent);
    }
    const ends = await worker.endsOf(keys);
    expect([...worker.ends.values()].every((each) => each.length === 1)).toBe(true);
    expect(typesOf(ends)).toEqual(new Set(["finished", "withdrawn"]));
  });
});

describe("starting anew", () => {
  test("forgets everything, says nothing of it, and runs what comes then", async () => {
    const worker = await CallsUnderTest.start({ threads: 2, graceMs: 100 });
    worker.run("waitForSignal", [[]], { keys: ["a"] });
    worker.run("spin", [[]], { keys: ["b"] });
    worker.run("echo", [[1]], { keys: ["c"] });
    await worker.until(() => worker.started.includes("a") && worker.started.includes("b"));
    worker.calls.drop();
    await worker.calls.idle();
    worker.run("echo", [["new a"], ["new b"]], { keys: ["a", "b"] });
    expect(await worker.valuesOf(["a", "b"])).toEqual(["new a", "new b"]);
    expect([...worker.ends.keys()]).toEqual(["a", "b"]);
    // The thread that spun has been replaced.
    await worker.endsOf(worker.run("block", [[50], [50]]));
  });
});

test("a finished message does not grow past its bounds", async () => {
  const worker = await CallsUnderTest.start();
  const keys = worker.run(
    "bytes",
    Array.from({ length: 30 }, () => [20_000]),
  );
  await worker.endsOf(keys);
  for (const message of worker.messages) {
    if (message.type !== "finished") continue;
    const bytes = message.values.map(
      (value) => (decode(value as Payload) as Uint8Array).byteLength,
    );
    expect(bytes.reduce((total, each) => total + each, 0)).toBeLessThan(90_000);
  }
});
