// What a task knows of itself and says while it runs.

import { describe, expect, test } from "vitest";
import { currentTask } from "../../../worker/index.ts";
import { CallsUnderTest } from "../calls-under-test.ts";

describe("currentTask", () => {
  test("follows each call through its awaits, though four share a thread", async () => {
    const worker = await CallsUnderTest.start({ concurrency: 4 });
    const keys = worker.run("whoAmI", [[15], [5], [10], [1], [3], [8]]);
    expect(await worker.valuesOf(keys)).toEqual(keys.map((key) => [key, key, key, key]));
  });

  test("says the key, the attempt and the worker", async () => {
    const worker = await CallsUnderTest.start();
    worker.run("facts", [[]], { keys: ["f"], attempts: [3] });
    expect(await worker.valuesOf(["f"])).toEqual([{ key: "f", attempt: 3, worker: "w0" }]);
  });

  test("has the options that the worker was sent, those without any beside it have none", async () => {
    const worker = await CallsUnderTest.start();
    const options = { graceMs: 5_000, timeoutMs: 60_000 };
    const keys = [
      ...worker.run("ownOptions", [[]]),
      ...worker.run("ownOptions", [[], []], { options }),
    ];
    expect(await worker.valuesOf(keys)).toEqual([undefined, options, options]);
  });

  test("outside of a task is an error that says where it may be called", () => {
    expect(() => currentTask()).toThrow(/inside a function that a worker runs/);
  });

  test("writes lines to the worker's log, with the task's key", async () => {
    const worker = await CallsUnderTest.start();
    const [key] = worker.run("waitForSignal", [[]]);
    await worker.until(() => worker.logs.length > 0);
    expect(worker.logs).toEqual([{ level: "info", text: "waiting", facts: { task: key } }]);
    worker.cancel([key!]);
    await worker.endOf(key);
  });

  test("passes progress on, the first at once, the latest a little later, within bounds", async () => {
    const worker = await CallsUnderTest.start();
    const [key] = worker.run("reportProgress", [[]]);
    await worker.endOf(key);
    const said = worker.messages.filter((message) => message.type === "progress");
    expect(said).toEqual(
      [
        { type: "progress", key, attempt: 1, fraction: 0.25, text: "begun" },
        { type: "progress", key, attempt: 1, fraction: 0.745, text: "99" },
        expect.objectContaining({ key }),
      ].slice(0, said.length),
    );
    expect(said.length).toBeGreaterThanOrEqual(2);
    for (const { fraction } of said) expect(fraction).toBeLessThanOrEqual(1);
  });
});
