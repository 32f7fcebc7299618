// The client's side of coordination: what it asks, what it gives back when nobody waits any more, and
// how what is held ends.

import { beforeEach, describe, expect, test } from "vitest";
import { Future } from "../../client/future.ts";
import {
  ConnectionError,
  CoordinationError,
  SerializationError,
  TimeoutError,
} from "../../src/errors/errors.ts";
import { encode } from "../../src/payload/payload.ts";
import type { Failure } from "../../src/wire/protocol.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

let scheduler: FakeScheduler;
beforeEach(() => {
  scheduler = new FakeScheduler();
});

const asked = () => scheduler.all("coordinate");
const grant = (id: number, more: object = {}) => scheduler.answer({ type: "coordinate", id }, more);
const refuse = (id: number, failure: Failure) => scheduler.say({ type: "answer", id, failure });
/** The ids in the messages of one kind. */
const ids = (type: "took" | "give-back") => scheduler.all(type).flatMap((message) => message.ids);

describe("acquiring", () => {
  test("asks once, and releases once, at the end of the block", async () => {
    const acquiring = scheduler.client().lock("db").acquire();
    expect(asked()).toEqual([
      { type: "coordinate", id: 0, kind: "lock", name: "db", op: "acquire" },
    ]);
    grant(0);
    const held = await acquiring;
    expect([held.held, held.count, ids("give-back")]).toEqual([true, 1, []]);
    await held[Symbol.asyncDispose]();
    expect(ids("give-back")).toEqual([0]);
  });

  test("a release of what was released is an error; the end of the block after it is none", async () => {
    const acquiring = scheduler.client().semaphore("s", 3).acquire(2);
    expect(asked()).toMatchObject([{ kind: "semaphore", limit: 3, count: 2 }]);
    grant(0);
    const held = await acquiring;
    held.release();
    expect(held.held).toBe(false);
    expect(() => held.release()).toThrow(CoordinationError);
    expect(() => held.release()).toThrow(
      'release it once: the semaphore "s" is not held by this any more',
    );
    held[Symbol.dispose]();
    expect(ids("give-back")).toEqual([0]);
  });

  test("when time is over it gives up at once, and what was on its way goes back", async () => {
    const acquiring = scheduler.client().lock("db").acquire({ timeoutMs: 5 });
    const refused = await acquiring.catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(TimeoutError);
    expect((refused as Error).message).toBe(
      'wait longer, or see to what it waits for: the lock "db" was not free within 5 ms',
    );
    expect(ids("give-back")).toEqual([0]);
    // The two crossed: the scheduler reads the other one next.
    grant(0);
    expect(ids("give-back")).toEqual([0]);
  });

  test("a signal that aborts ends the waiting with its reason, also before it has begun", async () => {
    const lock = scheduler.client().lock("db");
    const controller = new AbortController();
    const acquiring = lock.acquire({ signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(acquiring).rejects.toBe(reason);
    expect([asked().length, ids("give-back")]).toEqual([1, [0]]);
    await expect(lock.acquire({ signal: controller.signal })).rejects.toBe(reason);
    expect(asked()).toHaveLength(1);
  });

  test("a timeout of 0 is left to the scheduler, which knows whether it can be had at once", async () => {
    const lock = scheduler.client().lock("db");
    const [one, two] = [lock.acquire({ timeoutMs: 0 }), lock.acquire({ timeoutMs: 0 })];
    expect(asked()).toMatchObject([{ wait: false }, { wait: false }]);
    grant(0);
    grant(1, { withdrawn: true });
    expect((await one).held).toBe(true);
    await expect(two).rejects.toThrow('the lock "db" was not free at once');
  });

  test("what the scheduler refuses is thrown", async () => {
    const value = scheduler.client().semaphore("s", 3).value();
    asked();
    refuse(0, { code: "coordination-refused", message: "say n = 2" });
    await expect(value).rejects.toThrow(new CoordinationError("say n = 2"));
  });

  test("with runs a function while it holds, and releases whatever comes of it", async () => {
    const lock = scheduler.client().lock("db");
    const runs = [
      lock.with(async (signal) => [signal.aborted, ids("give-back").length]),
      lock.with(() => {
        throw new Error("no luck");
      }),
    ];
    asked();
    grant(0);
    grant(1);
    await expect(runs[0]).resolves.toEqual([false, 0]);
    await expect(runs[1]).rejects.toThrow("no luck");
    expect(ids("give-back").sort()).toEqual([0, 1]);
  });
});

describe("the end of the session", () => {
  test("when the scheduler is lost, waiting fails, and what was held says that it is lost", async () => {
    const client = scheduler.client();
    const acquiring = client.lock("db").acquire();
    const running = client.lock("db").with(() => Promise.withResolvers<void>().promise);
    const late = client.lock("late").with(
      (signal) =>
        new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => resolve());
        }),
    );
    asked();
    grant(0);
    grant(2);
    const held = await acquiring;
    const { signal } = held;
    scheduler.session.events.lost(new ConnectionError("it was killed"));
    await expect(running).rejects.toThrow(ConnectionError);
    // It ended well, but not alone perhaps.
    await expect(late).rejects.toThrow(/^acquire it again: the lock "late" was given back/);
    expect([held.held, signal.aborted, held.signal === signal]).toEqual([false, true, true]);
    expect(() => held.release()).toThrow(ConnectionError);
    expect(() => held[Symbol.dispose]()).toThrow(ConnectionError);
  });

  test("what a client held that was closed is given back, and the end of the block is no error", async () => {
    const client = scheduler.client();
    const acquiring = client.lock("db").acquire();
    const waiting = client.event("go").wait();
    asked();
    grant(0);
    const held = await acquiring;
    const { signal } = held;
    await Promise.all([client.close(), expect(waiting).rejects.toThrow(ConnectionError)]);
    held[Symbol.dispose]();
    expect([held.held, signal.aborted, held.signal === signal]).toEqual([false, true, true]);
    expect(signal.reason).toBeInstanceOf(ConnectionError);
    expect(() => held.release()).toThrow(/was given back when its client was closed/);
  });
});

describe("queues", () => {
  test("an item is encoded when it is put, and says where it cannot be", async () => {
    const queue = scheduler.client().queue<unknown>("q", 5);
    const item = { size: 1 };
    const putting = queue.put(item);
    item.size = 2;
    expect(asked()).toMatchObject([{ op: "put", limit: 5, value: '{"size":1}' }]);
    grant(0);
    await putting;
    const refused = await queue.put({ run: () => 1 }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(SerializationError);
    expect((refused as SerializationError).path).toBe("item.run");
    expect(asked()).toHaveLength(1);
  });

  test("a put whose time is over waits to hear whether it was done", async () => {
    const queue = scheduler.client().queue<number>("q");
    const [done, not] = [queue.put(1, { timeoutMs: 5 }), queue.put(2, { timeoutMs: 5 })];
    await expect.poll(() => ids("give-back")).toEqual([0, 1]);
    grant(0);
    grant(1, { withdrawn: true });
    await expect(done).resolves.toBeUndefined();
    await expect(not).rejects.toThrow('the queue "q" stayed full within 5 ms');
  });

  test("what was got is acknowledged, and its futures are this client's", async () => {
    const client = scheduler.client();
    const mine = client.submit("f", 1);
    const getting = client.queue<{ mine: Future; theirs: Future<number> }>("q").get();
    asked();
    const theirs = encode({ mine, theirs: { [Symbol.for("thence.future")]: "theirs" } });
    grant(0, { items: [theirs.payload], inputs: [theirs.inputs] });
    scheduler.finish("theirs", 7);
    const got = await getting;
    expect(ids("took")).toEqual([0]);
    expect(got.mine.key).toBe(mine.key);
    expect(await got.theirs.result()).toBe(7);
    mine.release();
    expect(scheduler.keysOf("release")).toEqual([]);
    got.mine.release();
    got.theirs.release();
    expect(scheduler.keysOf("release")).toEqual([mine.key, "theirs"]);
  });

  test("an item that comes for a getter that gave up is left to the scheduler", async () => {
    const getting = scheduler.client().queue("q").get({ timeoutMs: 1 });
    await expect(getting).rejects.toThrow('the queue "q" stayed empty within 1 ms');
    const { payload, inputs } = encode({ [Symbol.for("thence.future")]: "k" });
    grant(0, { items: [payload], inputs: [inputs] });
    expect([ids("took"), ids("give-back")]).toEqual([[], [0]]);
  });

  test("a future that this client has cancelled and gets again is a fresh one", async () => {
    const client = scheduler.client();
    const own = client.submit("f");
    own.cancel();
    const getting = client.queue<Future<number>>("q").get();
    const { payload, inputs } = encode({ [Symbol.for("thence.future")]: own.key });
    asked();
    grant(0, { items: [payload], inputs: [inputs] });
    const got = await getting;
    scheduler.finish(own.key, 3);
    expect([own.status, got.status, await got.result()]).toEqual(["cancelled", "finished", 3]);
    own.release();
    expect(scheduler.keysOf("release")).toEqual([]);
  });

  test("what is too large for a frame fails alone", async () => {
    const putting = scheduler.client().queue("q").put("large");
    const [message] = asked();
    scheduler.session.events.unsendable?.(message!, new Error("it is too large"));
    await expect(putting).rejects.toThrow(new SerializationError("it is too large"));
  });

  test("a batch asks for many, and gives what came", async () => {
    const getting = scheduler.client().queue<number>("q").getBatch(10);
    expect(asked()).toMatchObject([{ op: "get", count: 10 }]);
    grant(0, { items: ["1", "2"] });
    expect(await getting).toEqual([1, 2]);
  });
});

test("names and numbers are checked where they are written", () => {
  const client = scheduler.client();
  expect(() => client.lock("")).toThrow("the name of a lock has 1 to 256 characters, not 0");
  expect(() => client.event("x".repeat(257))).toThrow(TypeError);
  expect(() => client.variable(7 as never)).toThrow(
    "give the variable a name, as a string, not number",
  );
  expect(() => client.semaphore("s", 0)).toThrow(
    new RangeError("n must be a whole number from 1, not 0"),
  );
  expect(() => client.queue("q", 1.5)).toThrow(RangeError);
  expect(() => client.queue("q", "5" as never)).toThrow(TypeError);
});
