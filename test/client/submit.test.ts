// Submitting: what leaves for the scheduler, in how many messages, and what is refused before.

import { describe, expect, test } from "vitest";
import {
  ConnectionError,
  KeyConflictError,
  SerializationError,
  TaskCancelledError,
} from "../../src/errors/errors.ts";
import { repeat } from "../../client/submitter.ts";
import { functionDigest } from "../../src/function-digest.ts";
import { FakeScheduler } from "./fake-scheduler.ts";
import { add } from "./tasks.ts";

describe("submit", () => {
  test("returns a pending future at once, and sends the call at the end of the turn", () => {
    const scheduler = new FakeScheduler();
    const future = scheduler.client().submit("add", 1, 10);
    expect(future.status).toBe("pending");
    expect(future.done).toBe(false);
    expect(scheduler.submitted()).toEqual([{ key: future.key, name: "add", args: [1, 10] }]);
  });

  test("names each task by its function and a key that no other client mints", () => {
    const keys = [new FakeScheduler(), new FakeScheduler()].flatMap((scheduler) => {
      const client = scheduler.client();
      return [client.submit("stats.mean", 1).key, client.submit("stats.mean", 1).key];
    });
    expect(new Set(keys).size).toBe(4);
    for (const key of keys) expect(key).toMatch(/^stats\.mean-[0-9A-Za-z]{10}-[01]$/);
    const long = new FakeScheduler().client().submit("f".repeat(256));
    expect(long.key.length).toBeLessThan(100);
  });

  test("sends a function by its name and its digest, and a name alone", () => {
    const scheduler = new FakeScheduler();
    scheduler.client().submit(add, 1, 10);
    scheduler.client().submit("add", 1, 10);
    expect(scheduler.submitted()[0]).toMatchObject({ name: "add", args: [1, 10] });
    const digests = scheduler.all("submit").map(({ digest }) => digest);
    expect(digests).toEqual([functionDigest(add), undefined]);
  });

  test("refuses at once a function that could be found on no worker", () => {
    const client = new FakeScheduler().client();
    for (const task of [add.bind(null), new Proxy(add, {}), Math.max]) {
      expect(() => client.submit(task, 1, 2)).toThrow(
        /^give the registered name: .* has no text to be found by/,
      );
    }
    class Job {}
    expect(() => client.submit(Job as unknown as () => void)).toThrow(/"Job" is a class/);
  });

  test("does not take two functions of one name for one call", async () => {
    const keyed = new FakeScheduler().client().with({ key: "k" });
    const other = Object.defineProperty((x: number) => x, "name", { value: "add" });
    keyed.submit(add, 1, 2);
    const refused = keyed.submit(other, 1);
    await expect(refused.result()).rejects.toThrow("already names a call of another function");
  });

  test("refuses what has no name that could be sent", () => {
    const client = new FakeScheduler().client();
    expect(() =>
      client.submit(
        (
          () => () =>
            1
        )(),
      ),
    ).toThrow(/registered name: .* no name of its own/);
    expect(() => client.submit("")).toThrow(TypeError);
    expect(() => client.submit("x".repeat(257))).toThrow(TypeError);
    expect(() => client.submit(7 as unknown as string)).toThrow(
      /give a function or its registered name/,
    );
  });

  test("in a loop makes the same messages as map", () => {
    const looped = new FakeScheduler();
    const mapped = new FakeScheduler();
    const client = looped.client();
    const xs = Array.from({ length: 2_500 }, (_, x) => x);
    for (const x of xs) client.submit("add", x, 1);
    mapped.client().map(
      "add",
      xs,
      xs.map(() => 1),
    );
    const shape = (scheduler: FakeScheduler) =>
      scheduler.all("submit").map(({ name, args }) => ({ name, args }));
    expect(shape(looped)).toEqual(shape(mapped));
    expect(shape(looped).map(({ args }) => args.length)).toEqual([1_000, 1_000, 500]);
  });

  test("starts a new message for another function, for other options and for heavy arguments", () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const urgent = client.with({ priority: 1 });
    client.submit("add", 1);
    client.submit("sub", 1);
    urgent.submit("sub", 1);
    urgent.submit("sub", 2);
    urgent.submit("sub", "x".repeat(70_000));
    urgent.submit("sub", 3);
    const lengths = scheduler
      .all("submit")
      .map(({ name, options, keys }) => [name, options?.priority, keys.length]);
    expect(lengths).toEqual([
      ["add", undefined, 1],
      ["sub", undefined, 1],
      ["sub", 1, 2],
      ["sub", 1, 1],
      ["sub", 1, 1],
    ]);
  });

  test("does not append to a message that has left", () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    client.submit("add", 1);
    expect(scheduler.flush()).toHaveLength(1);
    client.submit("add", 2);
    expect(scheduler.flush()).toHaveLength(1);
    expect(scheduler.keysOf("submit")).toHaveLength(2);
  });

  test("throws at once for what cannot be sent, naming the place", () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    expect(() => client.submit("add", 1, { user: { callback: () => 1 } })).toThrow(
      expect.objectContaining({ path: "argument[1].user.callback" }),
    );
    expect(() => client.submit("add", Symbol("x"))).toThrow(SerializationError);
    expect(scheduler.flush()).toEqual([]);
  });
});

describe("futures as arguments", () => {
  test("are sent as keys from anywhere inside the arguments", () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const a = client.submit("add", 1, 2);
    const b = client.submit("add", 3, 4);
    client.submit("sum", a, [{ deep: new Map([["b", new Set([b])]]) }, a]);
    const message = scheduler.all("submit").at(-1)!;
    expect(message.inputs?.at(-1)).toEqual([a.key, b.key]);
    expect(scheduler.submitted().at(-1)?.args).toEqual([
      { future: a.key },
      [{ deep: new Map([["b", new Set([{ future: b.key }])]]) }, { future: a.key }],
    ]);
  });

  test("share messages with calls that have none", () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const a = client.submit("add", 1, 2);
    client.submit("add", a, 2);
    client.submit("add", 3, 2);
    const [message] = scheduler.all("submit");
    expect(message?.inputs).toEqual([[], [a.key], []]);
  });

  test("may have settled, failed ones too: the scheduler knows what follows", () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const finished = client.submit("add", 1, 2);
    const failed = client.submit("add", 1, 2);
    scheduler.finish(finished.key, 3);
    scheduler.fail(failed.key);
    client.submit("add", finished, failed);
    expect(scheduler.all("submit").at(-1)?.inputs?.at(-1)).toEqual([finished.key, failed.key]);
  });

  test("must not have been released or cancelled", () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const released = client.submit("add", 1, 2);
    released.release();
    expect(() => client.submit("add", released, 1)).toThrow(/was released/);
    const cancelled = client.submit("add", 1, 2);
    cancelled.cancel("not needed");
    expect(() => client.submit("add", [cancelled], 1)).toThrow(
      expect.objectContaining({ path: "argument[0][0]", cause: expect.any(TaskCancelledError) }),
    );
    expect(() => client.submit("add", [cancelled], 1)).toThrow(/submit it again: .* not needed/);
  });

  test("may be of another client of the same scheduler, and of no other", async () => {
    const here = new FakeScheduler("one");
    const there = new FakeScheduler("one");
    const sameScheduler = there.client().submit("add", 1, 2);
    const otherScheduler = new FakeScheduler("two").client().submit("add", 1, 2);
    const client = here.client();
    client.submit("first", 0);
    const dependent = client.submit("add", sameScheduler, 1);
    client.submit("last", dependent);
    // The other's link is to be heard first; and the future lives until this one's was heard, too.
    sameScheduler.release();
    expect(here.all("submit").map(({ name }) => name)).toEqual(["first"]);
    expect(there.flush().map(({ type }) => type)).toEqual(["submit", "ping"]);
    there.answer(there.all("ping")[0]!, null);
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    expect(here.all("submit").map(({ name }) => name)).toEqual(["first", "add", "last"]);
    expect(here.all("submit")[1]?.inputs).toEqual([[sameScheduler.key]]);
    expect(there.keysOf("release")).toEqual([]);
    here.answer(here.all("ping")[0]!, null);
    await expect.poll(() => there.keysOf("release")).toEqual([sameScheduler.key]);
    expect(() => client.submit("add", otherScheduler, 1)).toThrow(/of another scheduler/);
  });

  test("of another client wait for nothing once the scheduler has heard of them, or cannot", async () => {
    const here = new FakeScheduler("one");
    const there = new FakeScheduler("one");
    const [one, two] = there.client().map("add", [1, 2]);
    const client = here.client();
    client.submit("add", one, two);
    expect(there.all("ping")).toHaveLength(1);
    there.answer(there.all("ping")[0]!, null);
    await expect.poll(() => here.all("submit").length).toBe(1);
    client.submit("sub", one, two);
    expect(here.all("submit")).toHaveLength(2);
    expect(there.all("ping")).toHaveLength(1);
    const lost = there.client().submit("add", 3);
    client.submit("mul", lost);
    expect(here.all("submit")).toHaveLength(2);
    there.session.events.lost(new Error("gone"));
    await expect.poll(() => here.all("submit").length).toBe(3);
  });

  test("must not have lost their scheduler", async () => {
    const here = new FakeScheduler("one");
    const other = new FakeScheduler("one");
    const otherClient = other.client();
    const [pending, finished] = otherClient.map("add", [1, 2]);
    other.finish(finished!.key, 3);
    await otherClient.close();
    const client = here.client();
    expect(() => client.submit("add", pending)).toThrow(/client was closed/);
    expect(() => client.submit("add", finished)).toThrow(/pass its value/);
  });
});

describe("map", () => {
  test("gives the same value to each call by repeat, and needs an iterable that ends", () => {
    const scheduler = new FakeScheduler();
    scheduler.client().map("add", [1, 2], repeat({ by: 10 }));
    expect(scheduler.submitted().map(({ args }) => args)).toEqual([
      [1, { by: 10 }],
      [2, { by: 10 }],
    ]);
    expect(() => scheduler.client().map("add", repeat(1), repeat(2))).toThrow(
      /give one besides those of repeat/,
    );
  });

  test("zips its iterables, the shortest decides", () => {
    const scheduler = new FakeScheduler();
    function* forever() {
      for (let n = 0; ; n++) yield n;
    }
    const futures = scheduler.client().map("add", forever(), new Set([10, 11]), [1, 2, 3]);
    expect(futures).toHaveLength(2);
    expect(scheduler.submitted().map(({ args }) => args)).toEqual([
      [0, 10, 1],
      [1, 11, 2],
    ]);
    expect(scheduler.keysOf("submit")).toEqual(futures.map(({ key }) => key));
  });

  test("over nothing gives no futures", () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    expect(client.map("add", [], [1])).toEqual([]);
    expect(client.map("add")).toEqual([]);
    expect(scheduler.flush()).toEqual([]);
  });

  test("lets generators that were not exhausted clean up", () => {
    let closed = 0;
    function* careful() {
      try {
        for (;;) yield 1;
      } finally {
        closed++;
      }
    }
    const client = new FakeScheduler().client();
    client.map("add", careful(), [1, 2]);
    expect(() => client.map("add", careful(), [() => 1])).toThrow(SerializationError);
    expect(closed).toBe(2);
  });

  test("submits all or nothing", () => {
    const scheduler = new FakeScheduler();
    expect(() => scheduler.client().map("f", [1, 2, () => 3])).toThrow(SerializationError);
    expect(scheduler.flush()).toEqual([]);
  });

  test("refuses what cannot be iterated over, naming which", () => {
    const client = new FakeScheduler().client();
    expect(() => client.map("add", [1], 2 as never)).toThrow(/argument\[1\]/);
  });
});

describe("a key of one's own", () => {
  test("names the task; the same call under it is the same task", async () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const named = client.with({ key: "the sum" });
    const first = named.submit("add", 1, 2);
    const second = client.with({ key: "the sum", priority: 3 }).submit("add", 1, 2);
    expect(first.key).toBe("the sum");
    expect(scheduler.keysOf("submit")).toEqual(["the sum"]);
    scheduler.finish("the sum", 3);
    expect(await client.gather([first, second])).toEqual([3, 3]);
    first.release();
    expect(scheduler.keysOf("release")).toEqual([]);
    second.release();
    expect(scheduler.keysOf("release")).toEqual(["the sum"]);
  });

  test("is refused for another call, and the first goes on", async () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const named = client.with({ key: "k" });
    const first = named.submit("add", 1, 2);
    const other = named.submit("add", 1, 3);
    await expect(other.result()).rejects.toThrow(KeyConflictError);
    await expect(named.submit("sub", 1, 2).result()).rejects.toThrow(/choose another key/);
    expect(() => client.submit("add", other, 1)).toThrow(/choose another key/);
    other.release();
    scheduler.finish("k", 3);
    expect(await first.result()).toBe(3);
    expect(scheduler.keysOf("release")).toEqual([]);
  });

  test("that another client has is refused by the scheduler, and nothing is held of it", async () => {
    const scheduler = new FakeScheduler();
    const future = scheduler.client().with({ key: "k" }).submit("add", 1, 2);
    scheduler.fail("k", { code: "key-conflict", message: "choose another key" });
    await expect(future.result()).rejects.toThrow(KeyConflictError);
    future.release();
    expect(scheduler.keysOf("release")).toEqual([]);
  });

  test("numbers the tasks of a map", () => {
    const scheduler = new FakeScheduler();
    scheduler.client().with({ key: "page" }).map("fetch", ["a", "b"]);
    expect(scheduler.keysOf("submit")).toEqual(["page-0", "page-1"]);
  });

  test("may be taken again once let go, and what is late about the old call is not heard", async () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const named = client.with({ key: "k" });
    const old = named.submit("add", 1, 2);
    old.release();
    const fresh = named.submit("add", 5, 6);
    expect(scheduler.flush().map(({ type }) => type)).toEqual([
      "submit",
      "release",
      "ping",
      "submit",
    ]);
    scheduler.finish("k", 3);
    expect(fresh.status).toBe("pending");
    scheduler.answer(scheduler.all("ping")[0]!, null);
    scheduler.finish("k", 11);
    expect(await fresh.result()).toBe(11);
  });

  test("may be taken again after a cancel, whose echo is not heard either", async () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const named = client.with({ key: "k" });
    const old = named.submit("add", 1, 2);
    old.cancel();
    const fresh = named.submit("add", 1, 2);
    scheduler.flush();
    scheduler.say({ type: "cancelled", keys: ["k"] });
    expect(fresh.status).toBe("pending");
    scheduler.answer(scheduler.all("ping")[0]!, null);
    scheduler.finish("k", 3);
    expect(await fresh.result()).toBe(3);
    expect(old.status).toBe("cancelled");
  });
});

describe("a call too large for any frame", () => {
  test("fails its own future and no other", async () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const large = client.submit("add", "x".repeat(100_000));
    const small = client.submit("add", 1);
    const [message] = scheduler.flush();
    scheduler.session.events.unsendable?.(message, new Error("larger than a frame of 64 KiB"));
    await expect(large.result()).rejects.toThrow(SerializationError);
    expect(small.status).toBe("pending");
    expect(() => client.submit("add", large)).toThrow(/larger than a frame/);
  });
});

describe("a client that is closed", () => {
  test("takes no more work", async () => {
    const client = new FakeScheduler().client();
    await client.close();
    const future = client.submit("add", 1);
    expect(future.status).toBe("lost");
    await expect(future.result()).rejects.toThrow(ConnectionError);
    const [mapped] = client.map("add", [1]);
    await expect(mapped!.result()).rejects.toThrow(/connect again: this client was closed/);
  });
});
