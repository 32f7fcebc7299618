// Waiting for futures to settle, whatever becomes of them.

import { describe, expect, test } from "vitest";
import { TimeoutError } from "../../src/errors/errors.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

function setUp(count = 3) {
  const scheduler = new FakeScheduler();
  const client = scheduler.client();
  const futures = client.map("f", Array.from({ length: count }).fill(0));
  return { scheduler, client, futures };
}

describe("wait", () => {
  test("for all counts failed and cancelled futures as done", async () => {
    const { scheduler, client, futures } = setUp();
    const waiting = client.wait(futures);
    scheduler.fail(futures[1]!.key);
    scheduler.finish(futures[0]!.key, 1);
    futures[2]!.cancel();
    expect(await waiting).toEqual({ done: futures, notDone: [] });
  });

  test("for the first ends as soon as one has settled", async () => {
    const { scheduler, client, futures } = setUp();
    const waiting = client.wait(new Set(futures), { returnWhen: "first" });
    scheduler.fail(futures[1]!.key);
    const expected = { done: [futures[1]], notDone: [futures[0], futures[2]] };
    expect(await waiting).toEqual(expected);
    expect(await client.wait(futures, { returnWhen: "first" })).toEqual(expected);
  });

  test("does not fetch values", async () => {
    const { scheduler, client, futures } = setUp(1);
    const key = futures[0]!.key;
    scheduler.say({ type: "stored", keys: [key], bytes: [1e6], holders: [["w"]] });
    expect(await client.wait(futures)).toEqual({ done: futures, notDone: [] });
    expect(scheduler.keysOf("fetch")).toEqual([]);
  });

  test("throws after its time limit, saying how many are open; the tasks go on", async () => {
    const { scheduler, client, futures } = setUp();
    scheduler.finish(futures[0]!.key, 1);
    const waiting = client.wait(futures, { timeoutMs: 5 });
    await expect(waiting).rejects.toThrow(TimeoutError);
    await expect(waiting).rejects.toThrow(/2 of 3 .* 5 ms/);
    expect(scheduler.flush().map(({ type }) => type)).toEqual(["submit"]);
  });

  test("for nothing ends at once", async () => {
    const { client } = setUp();
    expect(await client.wait([])).toEqual({ done: [], notDone: [] });
    expect(await client.wait([], { returnWhen: "first" })).toEqual({ done: [], notDone: [] });
  });

  test("again and again leaves nothing behind in futures that stay pending", async () => {
    const { scheduler, client, futures } = setUp(50);
    let open = futures;
    while (open.length > 1) {
      const waiting = client.wait(open, { returnWhen: "first" });
      scheduler.finish(open[0]!.key, 1);
      ({ notDone: open } = await waiting);
    }
    const [last] = open;
    last!.release();
    expect(scheduler.keysOf("release")).toEqual([last!.key]);
  });

  test("refuses what is no future, and other words", async () => {
    const { client, futures } = setUp();
    await expect(client.wait([1 as never])).rejects.toThrow(/give futures/);
    await expect(client.wait(futures, { returnWhen: "any" as never })).rejects.toThrow(TypeError);
    await expect(client.wait(futures, { timeoutMs: -1 })).rejects.toThrow(/timeoutMs/);
  });
});
