// The options of a call: what the wire carries of them, and what is refused.

import { describe, expect, test } from "vitest";
import type { CallOptions } from "../../client/task-options.ts";
import { RetriesSchema, RunOptionsSchema, TaskOptionsSchema } from "../../src/wire/task-options.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

/** What the wire carries for a call under these options. */
function sent(options: CallOptions) {
  const scheduler = new FakeScheduler();
  scheduler.client().with(options).submit("f");
  return scheduler.all("submit")[0]?.options;
}

const refused = (options: Record<string, unknown>) => () =>
  new FakeScheduler().client().with(options);

const manyAmounts = Array.from({ length: 257 }, (_, index) => [`r${index}`, 1] as const);

describe("options of a call", () => {
  test("reach the scheduler as it wants them", () => {
    expect(
      sent({
        priority: -3,
        retries: 2,
        timeoutMs: 1_000,
        graceMs: 0,
        delayMs: 0,
        expiresMs: 5,
        workers: ["w1", "10.0.0.1"],
        allowOtherWorkers: true,
        tags: ["gpu", "highmem"],
        resources: { gpu: 1, memory: 0.5 },
        maxRunning: 4,
        rateLimit: { count: 10, perMs: 1_000 },
        limitName: "api",
        maxWorkerLosses: 0,
        keepMs: 86_400_000,
      }),
    ).toEqual({
      priority: -3,
      retries: { max: 2 },
      run: { timeoutMs: 1_000, graceMs: 0 },
      delayMs: 0,
      expiresMs: 5,
      workers: ["w1", "10.0.0.1"],
      allowOtherWorkers: true,
      tags: ["gpu", "highmem"],
      resources: { gpu: 1, memory: 0.5 },
      maxRunning: 4,
      rateLimit: { count: 10, perMs: 1_000 },
      limitName: "api",
      maxWorkerLosses: 0,
      keepMs: 86_400_000,
    });
    const retries = { max: 5, delayMs: 100, factor: 2, maxDelayMs: 10_000, jitter: 0.1 };
    expect(sent({ retries })).toEqual({ retries });
    expect(sent({ startAt: new Date(5_000) })).toEqual({ startAt: 5_000 });
    expect(sent({ startAt: 5_000 })).toEqual({ startAt: 5_000 });
  });

  test("that are undefined, or none, send nothing", () => {
    expect(sent({})).toBeUndefined();
    expect(sent({ priority: undefined } as never)).toBeUndefined();
    expect(sent({ key: "k" })).toBeUndefined();
  });

  test("are copied: what becomes of the object later changes nothing", () => {
    const options = { workers: ["a"], retries: { max: 1 } };
    const scheduler = new FakeScheduler();
    const caller = scheduler.client().with(options);
    options.workers.push("b");
    options.retries.max = 9;
    caller.submit("f");
    expect(scheduler.all("submit")[0]?.options).toEqual({ workers: ["a"], retries: { max: 1 } });
  });

  test.each([
    [{ priorty: 1 }, TypeError, /"priorty" is not an option of a call. Did you mean "priority"/],
    [{ somethingElse: 1 }, TypeError, /a call, whose options are "key", "pure", "priority", /],
    [{ key: "" }, RangeError, /key must have 1 to 256/],
    [{ key: "k".repeat(257) }, RangeError, /not 257/],
    [{ key: 1 }, TypeError, /key must be a string, not number/],
    [{ priority: 1.5 }, RangeError, /priority must be a whole number/],
    [{ priority: 1e10 }, RangeError, /priority/],
    [{ priority: "high" }, TypeError, /priority must be a number/],
    [{ retries: -1 }, RangeError, /retries must be 0 or more/],
    [{ retries: {} }, TypeError, /retries.max must be a number/],
    [{ retries: { max: 1, factor: 0.5 } }, RangeError, /retries.factor must be 1 to 1000/],
    [{ retries: { max: 1, jitter: 2 } }, RangeError, /retries.jitter must be 0 to 1/],
    [
      { retries: { max: 1, maxDelay: 5 } },
      TypeError,
      /"maxDelay" is not an option of retries. Did/,
    ],
    [{ retries: { max: 1, wait: 5 } }, TypeError, /options are "max", "delayMs", "factor", /],
    [{ retries: null }, TypeError, /retries must be a number of further attempts/],
    [{ timeoutMs: 0 }, RangeError, /timeoutMs must be more than 0/],
    [{ graceMs: -1 }, RangeError, /graceMs/],
    [{ graceMs: NaN }, RangeError, /graceMs must be 0 or more: NaN/],
    [{ timeoutMs: NaN }, RangeError, /timeoutMs must be more than 0: NaN/],
    [{ timeoutMs: Infinity }, RangeError, /timeoutMs must have an end/],
    [{ delayMs: -1 }, RangeError, /delayMs must be 0 or more/],
    [{ startAt: new Date(NaN) }, RangeError, /startAt/],
    [{ startAt: "tomorrow" }, TypeError, /startAt/],
    [{ delayMs: 1, startAt: 1 }, TypeError, /delayMs or startAt, not both/],
    [{ expiresMs: 0 }, RangeError, /expiresMs/],
    [{ workers: [] }, RangeError, /workers must name at least one worker/],
    [{ workers: "w1" }, TypeError, /workers must be an array of worker names, not string/],
    [{ workers: Array(10_001).fill("w") }, RangeError, /worker names, not 10001/],
    [{ workers: [""] }, RangeError, /workers\[0\]/],
    [{ tags: [] }, RangeError, /tags must name at least one tag/],
    [{ tags: "gpu" }, TypeError, /tags must be an array of tag names, not string/],
    [{ tags: Array(257).fill("t") }, RangeError, /tag names, not 257/],
    [{ resources: Object.fromEntries(manyAmounts) }, RangeError, /at most 256 resources, not 257/],
    [{ maxRunning: 0 }, RangeError, /maxRunning must be 1 or more: 0/],
    [{ maxRunning: 1.5 }, RangeError, /maxRunning must be a whole number/],
    [{ rateLimit: 10 }, TypeError, /rateLimit must be an object such as { count/],
    [{ rateLimit: { count: 0, perMs: 1 } }, RangeError, /rateLimit.count must be 1 to 10000: 0/],
    [{ rateLimit: { count: 10_001, perMs: 1 } }, RangeError, /rateLimit.count must be 1 to 10000/],
    [{ rateLimit: { count: 1, perMs: 0 } }, RangeError, /rateLimit.perMs must be more than 0/],
    [{ rateLimit: { count: 1, perMs: 1e12 } }, RangeError, /rateLimit.perMs must be/],
    [{ rateLimit: { count: 1 } }, TypeError, /rateLimit.perMs must be a number/],
    [{ rateLimit: { count: 1, per: 1 } }, TypeError, /"per" is not an option of rateLimit/],
    [{ limitName: "api" }, TypeError, /limitName needs maxRunning or rateLimit/],
    [{ limitName: "", maxRunning: 1 }, RangeError, /limitName must have 1 to 256/],
    [{ atMostOnce: 1 }, TypeError, /atMostOnce must be true or false/],
    [{ atMostOnce: true, retries: 1 }, TypeError, /give atMostOnce or retries, not both/],
    [{ atMostOnce: true, maxWorkerLosses: 2 }, TypeError, /atMostOnce or maxWorkerLosses/],
    [{ retryIf: ["E"] }, TypeError, /retryIf needs retries/],
    [{ retryIf: [], retries: 1 }, RangeError, /retryIf must name at least one error/],
    [{ retryIf: "E", retries: 1 }, TypeError, /retryIf must be an array of error names/],
    [{ retryIf: [404], retries: 1 }, TypeError, /retryIf\[0\]/],
    [
      { resources: JSON.parse('{"__proto__":1}') },
      RangeError,
      /choose another name than "__proto__"/,
    ],
    [{ resources: { 'a"b': 1 } }, RangeError, /choose another name than "a\\"b" in resources/],
    [{ resources: { "a\\b": 1 } }, RangeError, /choose another name/],
    [{ resources: { "a\n": 1 } }, RangeError, /choose another name/],
    [{ resources: { "\ud800": 1 } }, RangeError, /choose another name/],
    [{ allowOtherWorkers: true }, TypeError, /allowOtherWorkers needs workers/],
    [
      { allowOtherWorkers: 1, workers: ["a"] },
      TypeError,
      /allowOtherWorkers must be true or false/,
    ],
    [{ keepMs: 0 }, RangeError, /keepMs must be 1 to 315360000000: 0/],
    [{ keepMs: Infinity }, RangeError, /keepMs must/],
    [{ keepMs: 1e20 }, RangeError, /keepMs must be 1 to/],
    [{ keepMs: "1d" }, TypeError, /keepMs must be a number/],
    [{ resources: { gpu: -1 } }, RangeError, /resources.gpu must be 0 or more/],
    [{ resources: [1] }, TypeError, /resources must be an object .* not an array/],
    [{ maxWorkerLosses: 0.5 }, RangeError, /maxWorkerLosses must be a whole number/],
  ])("that are wrong are refused at once: %j", (options, errorClass, message) => {
    expect(refused(options)).toThrow(errorClass);
    expect(refused(options)).toThrow(message);
  });
});

test("no schema of a plain option has a limit that client/option-checks.ts does not check", () => {
  const checked = {
    ...{ number: ["minimum", "exclusiveMinimum", "maximum"], integer: ["minimum", "maximum"] },
    ...{ string: ["minLength", "maxLength"], boolean: [] },
    array: ["items", "title", "minItems", "maxItems"],
  };
  const schemas = [TaskOptionsSchema, RunOptionsSchema, RetriesSchema].flatMap(({ properties }) =>
    Object.entries(properties as Record<string, { type: string; items?: { type: string } }>),
  );
  const unchecked = schemas.flatMap(([name, schema]) =>
    [schema, ...(schema.items ? [schema.items] : [])].flatMap(({ type, ...limits }) => {
      const known: readonly string[] = checked[type as keyof typeof checked] ?? Object.keys(limits);
      return Object.keys(limits)
        .filter((limit) => !known.includes(limit))
        .map((limit) => `${name}: ${limit}`);
    }),
  );
  expect(unchecked).toEqual([]);
});

describe("with upon with", () => {
  test("adds options, and of one that is given twice the later holds", () => {
    const scheduler = new FakeScheduler();
    const urgent = scheduler.client().with({ priority: 1, retries: 2 });
    urgent.with({ priority: 5 }).with({ timeoutMs: 1_000 }).submit("f");
    urgent.submit("g");
    expect(scheduler.all("submit").map(({ options }) => options)).toEqual([
      { priority: 5, retries: { max: 2 }, run: { timeoutMs: 1_000 } },
      { priority: 1, retries: { max: 2 } },
    ]);
  });

  test("refuses options that contradict each other", () => {
    const later = new FakeScheduler().client().with({ delayMs: 1 });
    expect(() => later.with({ startAt: 5 })).toThrow("give delayMs or startAt, not both");
    expect(() => later.with({ prio: 1 } as never)).toThrow(/"prio" is not an option/);
  });
});
