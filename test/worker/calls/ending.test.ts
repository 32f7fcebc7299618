// How calls are ended before their time: cancelled, out of time, or with the thread they ran on.

import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { CallsUnderTest, fixture, type End } from "../calls-under-test.ts";

describe("cancelling", () => {
  test("a call that waits never runs", async () => {
    const worker = await CallsUnderTest.start();
    const [busy, waiting] = worker.run("block", [[100], [0]]);
    worker.cancel([waiting!]);
    expect(worker.ends.get(waiting!)).toEqual([{ type: "stopped" }]);
    await worker.endOf(busy);
    expect(await worker.call("echo", 1)).toBe(1);
    expect(worker.ends.get(waiting!)).toHaveLength(1);
  });

  test("an executing call hears of it by its signal, with the reason, and its value is dropped", async () => {
    const worker = await CallsUnderTest.start();
    const keys = [...worker.run("waitForSignal", [[]]), ...worker.run("thread", [[]])];
    await worker.until(() => worker.started.includes(keys[0]!));
    worker.cancel([keys[0]!], 1, "changed my mind");
    expect(await worker.endOf(keys[0])).toEqual({ type: "stopped" });
    expect(worker.logs.at(-1)).toMatchObject({ text: "told to end: TaskCancelledError" });
    // Its thread was not taken away.
    const [thread] = await worker.valuesOf([keys[1]!]);
    expect(await worker.call("thread")).toBe(thread);
  });

  test("one that rejects with the reason of its signal is stopped, not failed", async () => {
    const worker = await CallsUnderTest.start();
    const [key] = worker.run("waitForSignal", [[true]]);
    await worker.until(() => worker.started.includes(key!));
    worker.cancel([key!]);
    expect(await worker.endOf(key)).toEqual({ type: "stopped" });
  });

  test("a loop that looks at its signal, but never lets the event loop turn, ends by itself", async () => {
    const worker = await CallsUnderTest.start();
    const thread = await worker.call("thread");
    const [key] = worker.run("spinPolitely", [[]]);
    await worker.until(() => worker.started.includes(key!));
    const begun = performance.now();
    worker.cancel([key!]);
    expect(await worker.endOf(key)).toEqual({ type: "stopped" });
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(await worker.call("thread")).toBe(thread);
  });

  test("an endless loop is gone within three seconds, and the next task runs", async () => {
    const worker = await CallsUnderTest.start();
    const thread = await worker.call("thread");
    const [key] = worker.run("spin", [[]]);
    await worker.until(() => worker.started.includes(key!));
    const begun = performance.now();
    worker.cancel([key!]);
    expect(await worker.endOf(key)).toEqual({ type: "stopped" });
    expect(performance.now() - begun).toBeGreaterThan(1_900);
    expect(performance.now() - begun).toBeLessThan(3_000);
    expect(await worker.call("thread")).not.toBe(thread);
  });

  test("a call has the grace that its options give", async () => {
    const worker = await CallsUnderTest.start({ threads: 2 });
    const begun = performance.now();
    const [hasty] = worker.run("spin", [[]], { options: { graceMs: 0 } });
    const [patient] = worker.run("endsLate", [[3_000]], {
      options: { timeoutMs: 50, graceMs: 9_000 },
    });
    await worker.until(() => worker.started.includes(hasty!));
    worker.cancel([hasty!]);
    expect(await worker.endOf(hasty)).toEqual({ type: "stopped" });
    expect(performance.now() - begun).toBeLessThan(1_900);
    expect(await worker.endOf(patient)).toMatchObject({ type: "finished", value: "ended late" });
  });

  test("those that shared its thread are given back as stopped, without blame", async () => {
    const worker = await CallsUnderTest.start({ concurrency: 4, graceMs: 50 });
    const [patient] = worker.run("pause", [[10_000]]);
    const [stubborn] = worker.run("neverEnds", [[]]);
    const [queued] = worker.run("neverEnds", [[]]);
    await worker.until(() => worker.started.includes(stubborn!));
    worker.cancel([stubborn!]);
    expect(await worker.endOf(stubborn)).toEqual({ type: "stopped" });
    // They have begun: the next time is another attempt, which the scheduler counts.
    expect(await worker.endsOf([patient!, queued!])).toEqual([
      { type: "stopped" },
      { type: "stopped" },
    ]);
  });

  test("batch mates of a call that spins lose nothing", async () => {
    const worker = await CallsUnderTest.start({ graceMs: 50 });
    await worker.endsOf(
      worker.run(
        "spinIf",
        Array.from({ length: 600 }, () => [false]),
      ),
    );
    const keys = worker.run(
      "spinIf",
      Array.from({ length: 200 }, (_, index) => [index === 100]),
    );
    const spinning = keys[100]!;
    await worker.until(() => worker.started.includes(spinning));
    worker.cancel([spinning]);
    const ends = await worker.endsOf(keys);
    expect(ends.filter(({ type }) => type === "stopped")).toHaveLength(1);
    expect(ends.filter(({ type }) => type === "finished")).toHaveLength(199);
    expect([...worker.ends.values()].every((each) => each.length === 1)).toBe(true);
  });

  test("an older attempt, or one that is over, is not there to be cancelled", async () => {
    const worker = await CallsUnderTest.start();
    const [over] = worker.run("echo", [[1]]);
    await worker.endOf(over);
    worker.run("pause", [[50]], { keys: ["again"], attempts: [3] });
    worker.cancel([over!, "again", "never-heard-of"], 2);
    expect(await worker.endOf("again")).toMatchObject({ type: "finished" });
    expect(worker.ends.get(over!)).toHaveLength(1);
    expect(worker.ends.size).toBe(2);
  });
});

describe("running out of time", () => {
  test("fires the signal: a call that heeds it and returns has returned", async () => {
    const worker = await CallsUnderTest.start();
    const [key] = worker.run("waitForSignal", [[]], { options: { timeoutMs: 80 } });
    expect(await worker.endOf(key)).toMatchObject({ type: "finished", value: "ended" });
    expect(worker.ends.get(key!)).toHaveLength(1);
  });

  test("fires the signal, and fails the call once it is off its thread", async () => {
    const worker = await CallsUnderTest.start();
    const [key] = worker.run("waitForSignal", [[true]], { options: { timeoutMs: 80 } });
    const begun = performance.now();
    const end = await worker.endOf(key);
    expect(end).toMatchObject({ failure: { code: "task-timeout", task: "waitForSignal", key } });
    expect(end.type === "failed" && end.failure.message).toContain("80 ms");
    expect(performance.now() - begun).toBeGreaterThanOrEqual(79);
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(worker.logs.at(-1)).toMatchObject({ text: "told to end: TaskTimeoutError" });
  });

  test("really ends an endless loop, and its thread is replaced", async () => {
    const worker = await CallsUnderTest.start({ graceMs: 300 });
    const [key] = worker.run("spin", [[]], { options: { timeoutMs: 50 } });
    expect(await worker.endOf(key)).toMatchObject({ failure: { code: "task-timeout" } });
    expect(await worker.call("echo", "next")).toBe("next");
  });

  test("counts from the start of the call, not from its arrival", async () => {
    const worker = await CallsUnderTest.start();
    const keys = worker.run("pause", [[80], [80], [80], [80]], { options: { timeoutMs: 150 } });
    expect((await worker.endsOf(keys)).map(({ type }) => type)).toEqual(keys.map(() => "finished"));
  });

  test("does not touch a call that ends in time, however long it may take", async () => {
    const worker = await CallsUnderTest.start();
    const keys = worker.run(
      "echo",
      Array.from({ length: 500 }, () => [1]),
      { options: { timeoutMs: Number.MAX_SAFE_INTEGER } },
    );
    expect(await worker.valuesOf(keys)).toEqual(keys.map(() => 1));
  });

  test("a call that is cancelled while its time is up is stopped", async () => {
    const worker = await CallsUnderTest.start({ graceMs: 300 });
    const [key] = worker.run("ignoreSignal", [[]], { options: { timeoutMs: 20 } });
    await worker.until(() => worker.logs.some(({ text }) => text === "told to end"));
    worker.cancel([key!]);
    expect(await worker.endOf(key)).toEqual({ type: "stopped" });
  });
});

describe("a thread that ends", () => {
  test("fails what was executing there, and says how it ended", async () => {
    const worker = await CallsUnderTest.start();
    const [exits, next] = [...worker.run("exit", [[3]]), ...worker.run("echo", [["next"]])];
    const end = await worker.endOf(exits);
    expect(end).toMatchObject({ failure: { code: "thread-lost", task: "exit", key: exits } });
    expect(end.type === "failed" && end.failure.message).toContain("exit code 3");
    expect(await worker.endOf(next)).toMatchObject({ value: "next" });
    const [line] = worker.logs;
    expect(line).toMatchObject({ level: "error", facts: { tasks: [exits], endedBy: exits } });
    for (const stack of [line!.facts?.stack, thrownBy(end)?.stack]) {
      expect(stack).toMatch(/^Error: it ended with exit code 3\n +at exit \(.*behaviours\.ts/);
      expect(stack).not.toMatch(/runner\.ts/);
    }
  });

  test("runs its other calls again without blame", async () => {
    const worker = await CallsUnderTest.start();
    await worker.endsOf(
      worker.run(
        "echo",
        Array.from({ length: 400 }, () => [0]),
      ),
    );
    const keys = [
      ...worker.run(
        "echo",
        Array.from({ length: 150 }, (_, index) => [index]),
      ),
      ...worker.run("exit", [[1]]),
      ...worker.run(
        "echo",
        Array.from({ length: 150 }, (_, index) => [index]),
      ),
    ];
    const ends = await worker.endsOf(keys);
    expect(ends.filter(({ type }) => type === "failed")).toHaveLength(1);
    expect(ends[150]).toMatchObject({ failure: { code: "thread-lost" } });
    expect(ends.filter(({ type }) => type === "finished")).toHaveLength(300);
    expect([...worker.ends.values()].every((each) => each.length === 1)).toBe(true);
  });

  test("for lack of memory takes only its own call with it", async () => {
    const worker = await CallsUnderTest.start({ threads: 2, heapBytes: 32 * 2 ** 20 });
    const [eats] = worker.run("eatMemory", [[]]);
    const [other] = worker.run("pause", [[100]]);
    const end = await worker.endOf(eats);
    expect(end).toMatchObject({ failure: { code: "thread-lost" } });
    expect(end.type === "failed" && end.failure.message).toContain("memory limit of 32 MiB");
    expect(worker.logs[0]).toMatchObject({ level: "error", facts: { tasks: [eats] } });
    expect(await worker.endOf(other)).toMatchObject({ value: 100 });
    expect(await worker.call("echo", 1)).toBe(1);
  });

  test("with several calls on it says so of each: any of them may be the cause", async () => {
    const worker = await CallsUnderTest.start({ concurrency: 3 });
    const keys = worker.run("neverEnds", [[], []]);
    await worker.until(() => keys.every((key) => worker.started.includes(key)));
    const [exits] = worker.run("exit", [[3]]);
    await worker.endsOf([...keys, exits!]);
    const failed = worker.messages.filter(({ type }) => type === "failed");
    expect(failed).toHaveLength(3);
    for (const each of failed) expect(each).toMatchObject({ shared: true });
  });

  test("with a suspect on it had no other call, so it is known who was the cause", async () => {
    const worker = await CallsUnderTest.start({ concurrency: 3 });
    const before = worker.run("pause", [[100], [150]]);
    const [suspect] = worker.run("exit", [[3]], { announce: true });
    const after = worker.run("pause", [[10], [10]]);
    expect(await worker.endOf(suspect)).toMatchObject({ failure: { code: "thread-lost" } });
    const failed = worker.messages.find(({ type }) => type === "failed");
    expect(failed).not.toHaveProperty("shared");
    const ends = await worker.endsOf([...before, ...after]);
    expect(ends.map(({ type }) => type)).toEqual(ends.map(() => "finished"));
  });

  test("is replaced once its modules are there again: until then the worker takes no calls", async () => {
    const directory = await mkdtemp(join(tmpdir(), "thence-outage-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const path = join(directory, "tasks.mjs");
    await writeFile(
      path,
      "export const exit = () => process.exit(3);\nexport const one = () => 1;",
    );
    const worker = await CallsUnderTest.start({ modules: [{ path }] });
    await rename(path, `${path}.away`);
    const [exits] = worker.run("exit", [[]]);
    expect(await worker.endOf(exits)).toMatchObject({ failure: { code: "thread-lost" } });
    const [meanwhile] = worker.run("one", [[]]);
    expect(await worker.endOf(meanwhile)).toEqual({ type: "withdrawn" });
    await worker.until(() => worker.outages.length > 0);
    expect(worker.outages).toEqual([expect.stringContaining("it has no threads")]);
    const tries = () => worker.logs.filter(({ text }) => text.includes("could not be replaced"));
    // The pauses grow: a second, two, four.
    await worker.until(() => tries().length === 3);
    expect(tries().map(({ text }) => text.split("; ").at(-1))).toEqual([
      "trying again in 1s",
      "trying again in 2s",
      "trying again in 4s",
    ]);
    await rename(`${path}.away`, path);
    await worker.until(() => worker.outages.length === 2);
    expect(worker.outages[1]).toBeUndefined();
    expect(await worker.call("one")).toBe(1);
    expect(worker.broken).toEqual([]);
  }, 30_000);

  test("by an exception from a stray timer is replaced, with the error told", async () => {
    const worker = await CallsUnderTest.start();
    const [key] = worker.run("throwFromTimer", [[30]]);
    expect(await worker.valuesOf([key!])).toEqual(["returned"]);
    await worker.until(() => worker.logs.length > 0);
    const [line] = worker.logs;
    expect(line).toMatchObject({ level: "error", facts: { tasks: [], endedBy: key } });
    expect(line!.text).toContain("from a stray timer");
    expect(line!.facts?.stack).toMatch(/at Timeout\._onTimeout \(.*behaviours\.ts/);
    expect(await worker.call("echo", 1)).toBe(1);
  });

  test("is not what a forgotten rejection causes: that is logged, and nobody is blamed", async () => {
    const worker = await CallsUnderTest.start();
    const thread = await worker.call("thread");
    expect(await worker.call("forgetRejection")).toBe("returned");
    const [after] = worker.run("pause", [[20]]);
    expect(await worker.endOf(after)).toMatchObject({ value: 20 });
    const [line] = worker.logs;
    expect(line).toMatchObject({ level: "error" });
    expect(line!.text).toContain("nobody waits for this");
    expect(line!.facts?.task).not.toBe(after);
    expect(await worker.call("thread")).toBe(thread);
  });
});

test.each([
  ["fail", ["sync"], "RangeError: sync"],
  ["failLater", ["async"], "TypeError: async"],
])("the stack of what %s throws shows nothing of the thread's own", async (name, args, first) => {
  const worker = await CallsUnderTest.start();
  const error = thrownBy(await worker.endOf(worker.run(name, [args])[0]));
  const [top, ...frames] = error!.stack!.split("\n");
  expect(top).toBe(first);
  expect(frames).toEqual([expect.stringMatching(/behaviours\.ts/)]);
  for (let inner = error; inner instanceof Error; inner = inner.cause as Error) {
    expect(inner.stack).not.toMatch(/worker\/thread|node:internal/);
  }
});

function thrownBy(end: End): Error | undefined {
  return end.type === "failed" ? (end.error.cause as Error) : undefined;
}

describe("leaving", () => {
  test("gives back what has not begun and what comes after, and lets the rest finish", async () => {
    const worker = await CallsUnderTest.start();
    const keys = worker.run("pause", [[150], [150], [150]]);
    await worker.until(() => worker.started.includes(keys[0]!));
    worker.calls.leave();
    const late = worker.run("echo", [["late"]]);
    await worker.calls.idle();
    const ends = await worker.endsOf([...keys, ...late]);
    expect(ends.map(({ type }) => type)).toEqual([
      "finished",
      "withdrawn",
      "withdrawn",
      "withdrawn",
    ]);
  });

  test("in a hurry gives back what was executing too", async () => {
    const worker = await CallsUnderTest.start();
    const [key] = worker.run("spin", [[]]);
    await worker.until(() => worker.started.includes(key!));
    worker.calls.leave();
    await worker.calls.close();
    expect(worker.ends.get(key!)).toEqual([{ type: "stopped" }]);
  });
});

describe("a thread that is ended while it waits for a command", () => {
  test.for(["shell", "shellSignal"])(
    "has its call run again, and not fail or return with how the command ended: %s",
    async (name) => {
      const modules = [{ path: fixture("wedges.ts") }];
      const worker = await CallsUnderTest.start({ modules });
      const [key] = worker.run(name, [["sleep 60"]]);
      await worker.until(() => worker.started.includes(key!));
      await worker.calls.close();
      expect(worker.ends.get(key!)).toEqual([{ type: "stopped" }]);
    },
  );
});
