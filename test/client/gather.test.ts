// Gathering: shapes, failures, values that must be fetched, and that it is cheap.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConnectionError, TaskCancelledError, TaskError } from "../../src/errors/errors.ts";
import type { Client } from "../../client/client.ts";
import type { Future } from "../../client/future.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

function setUp(count: number) {
  const scheduler = new FakeScheduler();
  const client = scheduler.client();
  const futures = client.map("f", Array.from({ length: count }).fill(0));
  return { scheduler, client, futures };
}

describe("gather", () => {
  test("keeps the order, in whatever order the futures settle", async () => {
    const { scheduler, client, futures } = setUp(3);
    const gathering = client.gather(futures);
    for (const index of [2, 0, 1]) scheduler.finish(futures[index]!.key, index);
    expect(await gathering).toEqual([0, 1, 2]);
  });

  test("takes anything: one future, none, values, empty shapes", async () => {
    const { scheduler, client, futures } = setUp(1);
    scheduler.finish(futures[0]!.key, "value");
    const date = new Date();
    expect(await client.gather(futures[0])).toBe("value");
    expect(await client.gather(7)).toBe(7);
    expect(await client.gather(date)).toBe(date);
    expect(await client.gather([])).toEqual([]);
    expect(await client.gather({ list: [], none: null })).toEqual({ list: [], none: null });
  });

  test("takes the same future many times, and futures of several clients", async () => {
    const { scheduler, client, futures } = setUp(1);
    const other = setUp(1);
    const gathering = client.gather([futures[0], futures[0], other.futures[0]]);
    scheduler.finish(futures[0]!.key, "a");
    other.scheduler.finish(other.futures[0]!.key, "b");
    expect(await gathering).toEqual(["a", "a", "b"]);
  });

  test("keeps what is shared and what is cyclic in a shape", async () => {
    const { scheduler, client, futures } = setUp(1);
    const shared = [futures[0]];
    const shape: Record<string, unknown> = { one: shared, two: shared };
    shape.self = shape;
    scheduler.finish(futures[0]!.key, 1);
    const values = await client.gather(shape);
    expect(values.one).toEqual([1]);
    expect(values.two).toBe(values.one);
    expect(values.self).toBe(values);
  });

  test("fetches the values that were too large to ride along, in one message", async () => {
    const { scheduler, client, futures } = setUp(3);
    const [a, b, c] = futures.map(({ key }) => key) as [string, string, string];
    scheduler.say({ type: "stored", keys: [a, b], bytes: [1e6, 1e6], holders: [["w"], ["w"]] });
    const gathering = client.gather(futures);
    scheduler.finish(c, 3);
    expect(scheduler.all("fetch")).toEqual([{ type: "fetch", keys: [a, b] }]);
    scheduler.say({ type: "fetched", key: b, value: "2" }, { type: "fetched", key: a, value: "1" });
    expect(await gathering).toEqual([1, 2, 3]);
  });

  test("gives values to those who gather even when the handles are released meanwhile", async () => {
    const { scheduler, client, futures } = setUp(2);
    const gathering = client.gather(futures);
    client.release(futures);
    for (const { key } of futures) scheduler.finish(key, key);
    expect(await gathering).toEqual(futures.map(({ key }) => key));
    expect(scheduler.keysOf("release")).toHaveLength(2);
  });

  test("raises the first failure as soon as it is known", async () => {
    const { scheduler, client, futures } = setUp(3);
    const gathering = client.gather({ list: futures });
    scheduler.fail(futures[1]!.key);
    await expect(gathering).rejects.toThrow(TaskError);
    await expect(client.gather(futures)).rejects.toThrow(TaskError);
    expect(futures[0]!.status).toBe("pending");
  });

  test("that failed does not keep tasks wanted", async () => {
    const { scheduler, client, futures } = setUp(2);
    const gathering = client.gather(futures);
    scheduler.fail(futures[1]!.key);
    await gathering.catch(() => undefined);
    client.release(futures);
    expect(scheduler.keysOf("release")).toEqual(futures.map(({ key }) => key));
  });

  test("of a hundred thousand futures makes one promise", async () => {
    const { scheduler, client, futures } = setUp(100_000);
    let promises = 0;
    const { createHook } = await import("node:async_hooks");
    const hook = createHook({ init: (_id, type) => void (type === "PROMISE" && promises++) });
    hook.enable();
    const gathering = client.gather(futures);
    for (const message of scheduler.all("submit")) {
      scheduler.say({ type: "finished", keys: message.keys, values: message.keys.map(() => "1") });
    }
    const values = await gathering;
    hook.disable();
    expect(values).toHaveLength(100_000);
    expect(promises).toBeLessThan(20);
  });
});

describe("gather with errors: skip", () => {
  test("drops failed and cancelled futures from the top-level array, and the items that hold one", async () => {
    const { scheduler, client, futures } = setUp(5);
    const [a, b, c, d, e] = futures as [Future, Future, Future, Future, Future];
    const gathering = client.gather([a, b, "kept", [c, d], { e }], { errors: "skip" });
    scheduler.finish(a.key, 1);
    scheduler.fail(b.key);
    scheduler.finish(c.key, 3);
    d.cancel();
    scheduler.finish(e.key, 5);
    expect(await gathering).toEqual([1, "kept", { e: 5 }]);
  });

  test("waits for the others after a failure", async () => {
    const { scheduler, client, futures } = setUp(2);
    const gathering = client.gather(futures, { errors: "skip" });
    scheduler.fail(futures[0]!.key);
    scheduler.finish(futures[1]!.key, 2);
    expect(await gathering).toEqual([2]);
  });

  test("raises where there is no array to drop from", async () => {
    const { scheduler, client, futures } = setUp(1);
    futures[0]!.cancel();
    await expect(client.gather({ a: futures[0] }, { errors: "skip" })).rejects.toThrow(
      TaskCancelledError,
    );
    expect(scheduler.closed).toBe(false);
  });

  test("does not make an empty answer of a lost scheduler", async () => {
    const { scheduler, client, futures } = setUp(2);
    const gathering = client.gather(futures, { errors: "skip" });
    scheduler.session.events.lost(new Error("gone"));
    await expect(gathering).rejects.toThrow(ConnectionError);
  });

  test("refuses other words", async () => {
    const { client, futures } = setUp(1);
    await expect(client.gather(futures, { errors: "ignore" as never })).rejects.toThrow(TypeError);
  });
});

describe("any shape", () => {
  /** A plan of a shape: numbers stand for values, `f` for the future of a value. */
  type Plan =
    | { leaf: unknown }
    | { future: number }
    | { array: Plan[] }
    | { set: Plan[] }
    | { map: [Plan, Plan][] }
    | { object: Record<string, Plan>; bare: boolean };

  const few = { maxLength: 4 };
  const { plan } = fc.letrec<{ plan: Plan }>((tie) => ({
    plan: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.record({ future: fc.nat(9) }),
      fc.record({ leaf: fc.oneof(fc.string(), fc.date(), fc.constant(undefined), fc.double()) }),
      fc.record({ array: fc.array(tie("plan"), few) }),
      fc.record({ set: fc.array(tie("plan"), few) }),
      fc.record({ map: fc.array(fc.tuple(tie("plan"), tie("plan")), few) }),
      fc.record({
        object: fc.dictionary(fc.string(), tie("plan"), { maxKeys: 4 }),
        bare: fc.boolean(),
      }),
    ),
  }));

  /** The plan carried out, with `leafOf` saying what stands for a future. */
  function build(part: Plan, leafOf: (value: number) => unknown): unknown {
    if ("leaf" in part) return part.leaf;
    if ("future" in part) return leafOf(part.future);
    if ("array" in part) return part.array.map((item) => build(item, leafOf));
    if ("set" in part) return new Set(part.set.map((item) => build(item, leafOf)));
    if ("map" in part) {
      return new Map(part.map.map(([key, item]) => [build(key, leafOf), build(item, leafOf)]));
    }
    const object = (part.bare ? Object.create(null) : {}) as Record<string, unknown>;
    for (const [name, item] of Object.entries(part.object)) {
      const value = build(item, leafOf);
      Object.defineProperty(object, name, {
        value,
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
    return object;
  }

  test("comes back with values in place of futures, and untouched itself", async () => {
    await fc.assert(
      fc.asyncProperty(
        plan,
        fc.array(fc.nat(), { minLength: 10, maxLength: 10 }),
        async (shapePlan, order) => {
          const scheduler = new FakeScheduler();
          const client: Client = scheduler.client();
          const values = new Map<string, number>();
          const futures = new Map<number, Future>();
          const futureOf = (value: number) => {
            const known = futures.get(value);
            if (known) return known;
            const future = client.submit("f", value);
            futures.set(value, future);
            values.set(future.key, value);
            return future;
          };
          const shape = build(shapePlan, futureOf);
          const before = build(shapePlan, futureOf);
          const gathering = client.gather(shape);
          const unsettled = [...values];
          while (unsettled.length > 0) {
            const [next] = unsettled.splice(order[unsettled.length - 1]! % unsettled.length, 1);
            scheduler.finish(...next!);
          }
          expect(await gathering).toStrictEqual(build(shapePlan, (value) => value));
          expect(shape).toStrictEqual(before);
        },
      ),
      { numRuns: 500 },
    );
  });
});
