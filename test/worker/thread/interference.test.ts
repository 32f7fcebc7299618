// What the user's code does to the thread it runs on, by accident or by habit, stays its own affair.

import { describe, expect, test } from "vitest";
import { tested } from "../../isolation.ts";
import { CallsUnderTest, fixture } from "../calls-under-test.ts";

// In a process the modules run on the main thread, and there is no `parentPort`.
describe.skipIf(tested.isolation === "processes")("a module that is a worker itself", () => {
  const start = () =>
    CallsUnderTest.start({ modules: [{ path: fixture("modules/worker-itself.ts") }] });

  test("neither hears what is sent to its functions, nor is heard by the worker", async () => {
    const worker = await start();
    const count = 300;
    const keys = worker.run(
      "square",
      Array.from({ length: count }, (_, index) => [index]),
    );
    expect(await worker.valuesOf(keys)).toEqual(keys.map((_, index) => index ** 2));
    expect(await worker.call("given")).toEqual({});
  });

  test("may post whatever it likes to its parent", async () => {
    const worker = await start();
    const odd = [
      null,
      7,
      { type: "returned", numbers: [1], values: null },
      { type: "returned", numbers: [0, 1], values: ["0"] },
      { type: "threw", ticket: 1 },
      { type: "loaded", functions: [] },
      { type: "unusable" },
    ];
    for (const message of odd) expect(await worker.call("say", message)).toBe("said");
    expect(worker.logs).toEqual([]);
  });

  test("may close its port, and goes on hearing", async () => {
    const worker = await start();
    expect(await worker.call("closePort")).toBe("closed");
    expect(await worker.call("square", 3)).toBe(9);
  });

  test("loses its thread, and what began there, when that speaks nonsense", async () => {
    const worker = await start();
    const [garbling] = worker.run("garble", [[]]);
    expect(await worker.endOf(garbling)).toMatchObject({
      failure: { code: "thread-lost", message: expect.stringContaining("malformed") },
    });
    expect(await worker.call("square", 3)).toBe(9);
    expect(worker.ends.get(garbling!)).toHaveLength(1);
  });
});

describe("fake globals", () => {
  test.each([1, 3])(
    "change neither results nor times, at a concurrency of %i",
    async (concurrency) => {
      const modules = [{ path: fixture("modules/fakes-globals.ts") }];
      const worker = await CallsUnderTest.start({ modules, concurrency });
      expect(await worker.call("echo", { before: [1] })).toEqual({ before: [1] });
      expect(await worker.call("fakeAll")).toBe('"faked"');
      const keys = [
        ...worker.run("echo", [[{ after: [1] }], [new Date(5)], [[]]]),
        ...worker.run("echoLater", [[{ after: [1] }], [new Date(5)], [[]]]),
      ];
      const values = [{ after: [1] }, new Date(5), []];
      expect(await worker.valuesOf(keys)).toEqual([...values, ...values]);
      const ends = [...worker.ends.values()].flat();
      const micros = ends.map((end) => (end.type === "finished" ? end.micros : -1));
      expect(micros.filter((each) => !Number.isSafeInteger(each) || each < 0)).toEqual([]);
    },
  );
});
