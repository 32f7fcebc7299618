// Futures one by one as they settle, while more of them may come.

import { describe, expect, test } from "vitest";
import type { Future } from "../../client/future.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

function setUp(count = 4) {
  const scheduler = new FakeScheduler();
  const client = scheduler.client();
  const futures = client.map("f", Array.from({ length: count }).fill(0));
  return { scheduler, client, futures, keys: futures.map(({ key }) => key) };
}

async function keysOf(futures: AsyncIterable<Future>): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of futures) keys.push(key);
  return keys;
}

describe("asCompleted", () => {
  test("yields each as it settles, in settling order, failed and cancelled ones too", async () => {
    const { scheduler, client, futures, keys } = setUp();
    const settling = keysOf(client.asCompleted(futures));
    scheduler.finish(keys[2]!, 1);
    await Promise.resolve();
    scheduler.fail(keys[0]!);
    futures[3]!.cancel();
    scheduler.say({ type: "stored", keys: [keys[1]!], bytes: [1e6], holders: [["w"]] });
    expect(await settling).toEqual([keys[2], keys[0], keys[3], keys[1]]);
    expect(scheduler.keysOf("fetch")).toEqual([]);
  });

  test("yields those that had settled already first, in the order given", async () => {
    const { scheduler, client, futures, keys } = setUp();
    scheduler.finish(keys[3]!, 1);
    scheduler.finish(keys[1]!, 1);
    const settling = keysOf(client.asCompleted(new Set(futures)));
    scheduler.finish(keys[2]!, 1);
    scheduler.finish(keys[0]!, 1);
    expect(await settling).toEqual([keys[1], keys[3], keys[2], keys[0]]);
  });

  test("takes additions while it runs, and counts what is still to come", async () => {
    const { scheduler, client, futures } = setUp(2);
    const [first, second] = futures;
    const results = client.asCompleted([first!]);
    const seen: [string, number][] = [];
    scheduler.finish(first!.key, 1);
    expect(results.count).toBe(1);
    for await (const future of results) {
      seen.push([future.key, results.count]);
      if (future !== first) continue;
      results.add(second!, second!);
      expect(results.count).toBe(2);
      setImmediate(() => scheduler.finish(second!.key, 2));
    }
    expect(seen).toEqual([
      [first!.key, 0],
      [second!.key, 1],
      [second!.key, 0],
    ]);
  });

  test("of nothing ends at once, and goes on when something is added later", async () => {
    const { scheduler, client, futures, keys } = setUp(1);
    const results = client.asCompleted<Future>([]);
    expect(await keysOf(results)).toEqual([]);
    results.add(...futures);
    scheduler.finish(keys[0]!, 1);
    expect(await keysOf(results)).toEqual(keys);
  });

  test("yields what is lost with the scheduler", async () => {
    const { scheduler, client, futures, keys } = setUp(2);
    const settling = keysOf(client.asCompleted(futures));
    scheduler.session.events.lost(new Error("gone"));
    expect(await settling).toEqual(keys);
    expect(futures.map(({ status }) => status)).toEqual(["lost", "lost"]);
  });

  test("lets go of the rest when its loop is left", async () => {
    const { scheduler, client, futures, keys } = setUp(50);
    const results = client.asCompleted(futures);
    scheduler.finish(keys[7]!, 1);
    for await (const future of results) {
      expect(future).toBe(futures[7]);
      break;
    }
    expect(results.count).toBe(0);
    // Nothing awaits them, so a release of the last handle is heard at once.
    for (const future of futures) future.release();
    expect(scheduler.keysOf("release").sort()).toEqual([...keys].sort());
  });

  test("holds on to a future that was released while it waits", async () => {
    const { scheduler, client, futures, keys } = setUp(1);
    const results = client.asCompleted(futures);
    futures[0]!.release();
    expect(scheduler.keysOf("release")).toEqual([]);
    scheduler.finish(keys[0]!, 1);
    expect(await keysOf(results)).toEqual(keys);
    expect(scheduler.keysOf("release")).toEqual(keys);
  });

  test("refuses what is no future, and then watches none of them", () => {
    const { scheduler, client, futures, keys } = setUp(2);
    expect(() => client.asCompleted([...futures, 1 as never])).toThrow(/give futures/);
    futures[0]!.release();
    expect(() => client.asCompleted(futures)).toThrow(/was released/);
    futures[1]!.release();
    expect(scheduler.keysOf("release")).toEqual(keys);
  });

  test("takes time in proportion to their number", async () => {
    const millisecondsFor = async (count: number): Promise<number> => {
      const { scheduler, client, futures, keys } = setUp(count);
      const began = performance.now();
      const settling = keysOf(client.asCompleted(futures));
      const values = keys.map(() => "1");
      for (let at = count; at > 0; at -= 1_000) {
        const some = keys.slice(Math.max(0, at - 1_000), at);
        scheduler.say({ type: "finished", keys: some, values: values.slice(0, some.length) });
      }
      expect(await settling).toHaveLength(count);
      return performance.now() - began;
    };
    /** The least of three: the machine may be busy with something else meanwhile. */
    const least = async (count: number): Promise<number> => {
      let ms = Infinity;
      for (let time = 0; time < 3; time++) ms = Math.min(ms, await millisecondsFor(count));
      return ms;
    };
    await millisecondsFor(2_000);
    const few = await least(5_000);
    // Thirty times as many; by the square it would be 900 times as long.
    expect(await least(150_000)).toBeLessThan(300 * Math.max(few, 5));
  });
});
