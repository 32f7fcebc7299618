// Calls that are taken back from a process, which has to be asked for them.

import { describe, expect, test } from "vitest";
import "../../in-processes.ts";
import { CallsUnderTest } from "../calls-under-test.ts";

describe("a call that waits in a process behind one that never yields", () => {
  /** A process that spins, with calls behind: all of them were known to be short. */
  async function spinning(threads = 1) {
    const worker = await CallsUnderTest.start({ threads, graceMs: 60_000 });
    const known = Array.from({ length: 600 }, () => [false]);
    await worker.endsOf(worker.run("spinIf", known));
    const [spins, ...waiting] = worker.run("spinIf", [[true], [false], [false], [false]]);
    return { worker, spins: spins!, waiting };
  }

  test("is stopped at once when it is cancelled", async () => {
    const { worker, waiting } = await spinning();
    worker.cancel(waiting);
    expect(await worker.endsOf(waiting)).toEqual(waiting.map(() => ({ type: "stopped" })));
  });

  test("is given back at once when it is withdrawn", async () => {
    const { worker, waiting } = await spinning();
    worker.withdraw(waiting);
    expect(await worker.endsOf(waiting)).toEqual(waiting.map(() => ({ type: "withdrawn" })));
    expect(worker.started.filter((key) => waiting.includes(key))).toEqual([]);
  });

  test("is given back at once when the worker leaves", async () => {
    const { worker, waiting } = await spinning();
    worker.calls.leave();
    expect(await worker.endsOf(waiting)).toEqual(waiting.map(() => ({ type: "withdrawn" })));
  });

  test("runs in another process", async () => {
    const { worker, spins, waiting } = await spinning(2);
    expect(await worker.valuesOf(waiting)).toEqual(waiting.map(() => false));
    expect(worker.ends.has(spins)).toBe(false);
  });
});

test("an announced call that is cancelled or withdrawn in the same turn never begins", async () => {
  const worker = await CallsUnderTest.start();
  const [cancelled] = worker.run("exit", [[1]], { announce: true });
  worker.cancel([cancelled!]);
  expect(worker.ends.get(cancelled!)).toEqual([{ type: "stopped" }]);
  const [withdrawn] = worker.run("exit", [[1]], { announce: true });
  worker.withdraw([withdrawn!]);
  expect(worker.ends.get(withdrawn!)).toEqual([{ type: "withdrawn" }]);
  expect(await worker.call("echo", 1)).toBe(1);
  expect(worker.logs).toEqual([]);
});

test("a process that exits has sent the results of the calls before", async () => {
  const worker = await CallsUnderTest.start();
  const short = Array.from({ length: 400 }, () => [false]);
  await worker.endsOf(worker.run("exitIf", short));
  const first = await worker.call("exitIf", false);
  const keys = worker.run("exitIf", [...short.slice(0, 50), [true]]);
  const ends = await worker.endsOf(keys);
  expect(ends.pop()).toMatchObject({ failure: { code: "thread-lost" } });
  // In the process that exited: they did not run again.
  expect(ends).toEqual(ends.map(() => expect.objectContaining({ value: first })));
});

test("a call whose result went down with its process is reported as stopped: it has begun", async () => {
  const worker = await CallsUnderTest.start();
  const short = Array.from({ length: 400 }, () => [false]);
  await worker.endsOf(worker.run("killIf", short));
  // On a busy machine all results can be out before the process ends.
  let wentDown = 0;
  while (wentDown === 0) {
    const first = await worker.call("killIf", false);
    const keys = worker.run("killIf", [...short.slice(0, 50), [true], ...short.slice(0, 50)]);
    const ends = await worker.endsOf(keys);
    const before = ends.slice(0, 50);
    expect(ends[50]).toMatchObject({ failure: { code: "thread-lost" } });
    for (const end of before) {
      if (end.type === "finished") expect(end.value).toBe(first);
      else expect(end).toEqual({ type: "stopped" });
    }
    expect(ends.slice(51).every(({ type }) => type === "finished")).toBe(true);
    wentDown = before.filter(({ type }) => type === "stopped").length;
  }
});

test("a worker whose processes cannot be started says why", async () => {
  const { execPath } = process;
  process.execPath = "/nowhere/node";
  try {
    const starting = new CallsUnderTest().calls.start();
    await expect(starting).rejects.toThrow(/behaviours.ts: .*ENOENT/);
  } finally {
    process.execPath = execPath;
  }
});
