// Pure calls: named by their function and arguments, so that the same call is the same task.

import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { pureKey } from "../../client/pure-key.ts";
import { encode } from "../../src/payload/payload.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

const keyOf = (name: string, ...args: unknown[]) => pureKey({ name }, encode(args, "argument"));

describe("with pure: true", () => {
  test("the same call is one task while someone holds it, and another call another one", async () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const pure = client.with({ pure: true });
    const [first, second, other] = [
      pure.submit("add", 1, 2),
      client.with({ pure: true, priority: 5 }).submit("add", 1, 2),
      pure.submit("add", 2, 1),
    ];
    expect(second.key).toBe(first.key);
    expect(other.key).not.toBe(first.key);
    expect(scheduler.keysOf("submit")).toEqual([first.key, other.key]);
    scheduler.finish(first.key, 3);
    expect(await client.gather([first, second])).toEqual([3, 3]);
    first.release();
    second.release();
    expect(pure.submit("add", 1, 2).status).toBe("pending");
    expect(scheduler.keysOf("submit")).toHaveLength(3);
  });

  test("two clients name the same call the same, whatever comes before it", () => {
    const keys = [[], [1, 2]].map((before) => {
      const pure = new FakeScheduler().client().with({ pure: true });
      for (const each of before) pure.submit("f", each);
      return pure.map("f", [7, 8]).map(({ key }) => key);
    });
    expect(keys[0]).toEqual(keys[1]);
    expect(new Set(keys[0]).size).toBe(2);
  });

  test("a failed one is retried, and a cancelled one submitted again", async () => {
    const scheduler = new FakeScheduler();
    const pure = scheduler.client().with({ pure: true });
    const failed = pure.submit("f", 1);
    scheduler.fail(failed.key);
    const again = pure.submit("f", 1);
    expect(again.status).toBe("error");
    again.retry();
    expect(failed.status).toBe("pending");
    failed.cancel();
    expect(pure.submit("f", 1).status).toBe("pending");
    expect(scheduler.keysOf("submit")).toHaveLength(2);
    await Promise.resolve();
  });

  test("calls without the option are never taken for each other", () => {
    const client = new FakeScheduler().client();
    expect(client.submit("f", 1).key).not.toBe(client.with({ pure: false }).submit("f", 1).key);
  });

  test("a key of one's own beside it is refused", () => {
    const client = new FakeScheduler().client();
    expect(() => client.with({ pure: true, key: "k" })).toThrow(/key or pure, not both/);
    expect(() => client.with({ pure: 1 as never })).toThrow(/pure must be true or false/);
  });
});

describe("the key of a pure call", () => {
  test("starts with the function's name and ends in a hash that anybody can make", () => {
    const parts = ["add", "[1,10]"].map((part) => `${part.length}:${part}`).join("");
    const hash = createHash("sha256").update(parts).digest("hex").slice(0, 32);
    expect(keyOf("add", 1, 10)).toBe(`add-${hash}`);
    expect(keyOf("x".repeat(256)).length).toBeLessThan(100);
  });

  test("differs for each difference in function, arguments, bytes and futures", () => {
    const client = new FakeScheduler().client();
    const [a, b] = client.map("f", [1, 2]);
    const calls: [string, ...unknown[]][] = [
      ["f"],
      ["f", undefined],
      ["f", null],
      ["f", 1, 2],
      ["f", [1, 2]],
      ["f", "1", 2],
      ["g", 1, 2],
      ["f", -0],
      ["f", 0],
      ["f", { a: 1, b: 2 }],
      ["f", { b: 2, a: 1 }],
      ["f", new Uint8Array([1, 2])],
      ["f", new Uint8Array([1]), new Uint8Array([2])],
      ["f", new Uint8Array([2, 1])],
      ["f", new Int8Array([1, 2])],
      ["f", a],
      ["f", b],
      ["f", a, b],
      ["f", b, a],
      ["f", a!.key],
      ["f", "ä"],
      ["fä"],
    ];
    expect(new Set(calls.map(([name, ...args]) => keyOf(name, ...args))).size).toBe(calls.length);
    for (const [name, ...args] of calls) expect(keyOf(name, ...args)).toBe(keyOf(name, ...args));
  });
});
