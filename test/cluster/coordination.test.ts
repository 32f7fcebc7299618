// Locks, semaphores, events, queues and variables between several clients of a real scheduler.

import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../cluster/client.ts";
import { startLocalCluster, type LocalCluster } from "../../cluster/local.ts";
import { CoordinationError, LostDataError, TimeoutError, type Future } from "../../src/index.ts";

type Tasks = typeof import("../fixtures/arithmetic.ts") &
  typeof import("../fixtures/behaviours.ts");

let cluster: LocalCluster;
const clients: Client<Tasks>[] = [];
beforeAll(async () => {
  const modules = ["arithmetic.ts", "behaviours.ts"].map((file) =>
    path.join(import.meta.dirname, "..", "fixtures", file),
  );
  cluster = await startLocalCluster({ modules, threads: 1 });
});
afterAll(() => cluster.stop());
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

async function connect(): Promise<Client<Tasks>> {
  const client = await Client.connect<Tasks>(cluster.url, { token: cluster.token });
  clients.push(client);
  return client;
}

describe("locks and semaphores", () => {
  test("two clients that hold one lock in turn never hold it at once", async () => {
    const [ann, bob] = await Promise.all([connect(), connect()]);
    let inside = 0;
    const visits: number[] = [];
    const visit = async () => {
      visits.push(++inside);
      await new Promise(setImmediate);
      inside--;
    };
    await Promise.all(
      Array.from({ length: 40 }, (_, at) => (at % 2 ? ann : bob).lock("turns").with(visit)),
    );
    expect(visits).toEqual(visits.map(() => 1));
    expect(await ann.lock("turns").locked()).toBe(false);
  });

  test("what a client holds is free when it closes", async () => {
    const [ann, bob] = await Promise.all([connect(), connect()]);
    await ann.lock("closing").acquire();
    const waiting = bob.lock("closing").acquire();
    expect(await bob.lock("closing").locked()).toBe(true);
    await ann.close();
    (await waiting).release();
  });

  test("a timeout of 0 takes what is free and nothing else", async () => {
    const [ann, bob] = await Promise.all([connect(), connect()]);
    await ann.lock("now").acquire({ timeoutMs: 0 });
    await expect(bob.lock("now").acquire({ timeoutMs: 0 })).rejects.toThrow(TimeoutError);
  });

  test("a semaphore counts across clients, and is refused with another n", async () => {
    const [ann, bob] = await Promise.all([connect(), connect()]);
    const three = await ann.semaphore("s", 4).acquire(3);
    expect(await bob.semaphore("s", 4).value()).toBe(1);
    await expect(bob.semaphore("s", 4).acquire(2, { timeoutMs: 20 })).rejects.toThrow(TimeoutError);
    const waiting = bob.semaphore("s", 4).acquire(4);
    await expect(bob.semaphore("s", 5).acquire()).rejects.toThrow(CoordinationError);
    three.release();
    expect((await waiting).count).toBe(4);
  });
});

describe("events and variables", () => {
  test("everybody who waits for an event goes on when it is set", async () => {
    const [ann, bob] = await Promise.all([connect(), connect()]);
    const waiting = [ann.event("go").wait(), bob.event("go").wait()];
    expect(await ann.event("go").isSet()).toBe(false);
    await bob.event("go").set();
    await Promise.all(waiting);
    expect(await ann.event("go").isSet()).toBe(true);
    await ann.event("go").clear();
    await expect(ann.event("go").wait({ timeoutMs: 5 })).rejects.toThrow(TimeoutError);
  });

  test("a variable is waited for, set anew and deleted, and outlives its client", async () => {
    const [ann, bob] = await Promise.all([connect(), connect()]);
    const waiting = bob.variable<Map<string, number>>("v").get();
    await ann.variable("v").set(new Map([["a", 1]]));
    expect(await waiting).toEqual(new Map([["a", 1]]));
    await ann.variable("v").set(undefined);
    await ann.close();
    expect(await bob.variable("v").get()).toBeUndefined();
    await bob.variable("v").delete();
    await expect(bob.variable("v").get({ timeoutMs: 0 })).rejects.toThrow(TimeoutError);
  });

  test("a variable keeps the future that is its value when nobody else does", async () => {
    const [ann, bob] = await Promise.all([connect(), connect()]);
    await ann.variable("sum").set(ann.submit("add", 1, 10));
    await ann.close();
    const sum = await bob.variable<Future<number>>("sum").get();
    await bob.variable("sum").delete();
    expect(await sum.result()).toBe(11);
    expect(await bob.submit("add", sum, 1).result()).toBe(12);
  });
});

describe("queues", () => {
  test("items of many putters come out once each, and in the order of each putter", async () => {
    const [ann, bob, cid] = await Promise.all([connect(), connect(), connect()]);
    const each = 200;
    const put = async (client: Client<Tasks>, by: string) => {
      for (let at = 0; at < each; at++) await client.queue("many", 10).put([by, at]);
    };
    const got: [string, number][] = [];
    const get = async () => {
      while (got.length < 2 * each) {
        const batch = await cid.queue<[string, number]>("many").getBatch(7);
        got.push(...batch);
      }
    };
    await Promise.all([put(ann, "ann"), put(bob, "bob"), get()]);
    for (const by of ["ann", "bob"]) {
      const places = got.filter(([who]) => who === by).map(([, at]) => at);
      expect(places).toEqual(places.map((_, index) => index));
      expect(places).toHaveLength(each);
    }
    expect(await ann.queue("many").size()).toBe(0);
  });

  test("items are of any kind that can be an argument, many short ones in one batch too", async () => {
    const client = await connect();
    const queue = client.queue<unknown>("kinds");
    const items = [
      1,
      "a\nb",
      null,
      undefined,
      new Float64Array([1.5]),
      new Map([[1n, NaN]]),
      "",
      {},
    ];
    await Promise.all(items.map((item) => queue.put(item)));
    expect(await queue.getBatch(100)).toEqual(items);
    await Promise.all([queue.put(1), queue.put(2), queue.put(3)]);
    expect(await queue.getBatch(2)).toEqual([1, 2]);
    expect(await queue.getBatch(2)).toEqual([3]);
  });

  test("a full queue lets its putters wait, and a put that gave up was not put", async () => {
    const client = await connect();
    const queue = client.queue<number>("full", 1);
    await queue.put(1);
    await expect(queue.put(2, { timeoutMs: 20 })).rejects.toThrow(TimeoutError);
    await expect(queue.put(3, { timeoutMs: 0 })).rejects.toThrow(TimeoutError);
    const waiting = queue.put(4);
    expect([await queue.get(), await queue.get(), await queue.size()]).toEqual([1, 4, 0]);
    await waiting;
  });

  test("getters that give up again and again lose no item", async () => {
    const [ann, bob] = await Promise.all([connect(), connect()]);
    const got: number[] = [];
    const items = Array.from({ length: 300 }, (_, at) => at);
    const getting = (async () => {
      for (let tries = 0; got.length < items.length; tries++) {
        const abort = new AbortController();
        const next = bob.queue<number>("hasty").get({ signal: abort.signal });
        // Some are cancelled before the scheduler reads them, some while the item is on its way.
        for (let turn = 0; turn < tries % 7; turn++) await new Promise(setImmediate);
        if (tries % 3 > 0) abort.abort();
        await next.then(
          (item) => void got.push(item),
          () => undefined,
        );
      }
    })();
    for (const item of items) await ann.queue("hasty").put(item);
    await getting;
    expect(got).toEqual(items);
  });

  test("futures travel between clients: pending, finished, failed, large, many in one item", async () => {
    const [ann, bob] = await Promise.all([connect(), connect()]);
    const queue = ann.queue<unknown>("futures");
    const pending = ann.submit("add", 1, 10);
    const failing = ann.submit("fail", "no luck");
    const large = ann.submit("echo", new Uint8Array(300_000));
    await large.exception();
    await queue.put({ pending, list: [pending, failing], large });
    ann.release([pending, failing, large]);
    await ann.close();
    const got = await bob
      .queue<{ pending: Future<number>; list: Future[]; large: Future<Uint8Array> }>("futures")
      .get();
    expect(await got.pending.result()).toBe(11);
    expect(got.list[0]).toBe(got.pending);
    await expect(got.list[1]!.result()).rejects.toThrow("no luck");
    expect((await got.large.result()).byteLength).toBe(300_000);
    const { key } = got.large;
    got.large.release();
    await expect(bob.explain(key)).rejects.toThrow(LostDataError);
  });

  test("a future in a queue says there who keeps it", async () => {
    const client = await connect();
    const future = client.submit("add", 1, 1);
    await client.queue("kept").put(future);
    const { key } = future;
    future.release();
    expect((await client.explain(key)).wantedBy).toEqual(['queue "kept"']);
    expect(await client.queue("kept").clear()).toBe(1);
    await expect(client.explain(key)).rejects.toThrow(LostDataError);
  });

  test("an item that is too large is refused with what to do", async () => {
    const client = await connect();
    await expect(client.queue("large").put(new Uint8Array(17 * 2 ** 20))).rejects.toThrow(
      /^put a future of it instead of the value: 17 MiB are more than the 16 MiB/,
    );
  });
});
