// A future from its making to its release: waiting, failing, cancelling, retrying.

import { describe, expect, test } from "vitest";
import { TaskCancelledError, TaskError, TimeoutError } from "../../src/errors/errors.ts";
import { stateOf } from "../../client/future.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

function setUp() {
  const scheduler = new FakeScheduler();
  const client = scheduler.client();
  return { scheduler, client, future: client.submit("add", 1, 10) };
}

test("a future in a text is an error, not a wrong text", () => {
  const { future } = setUp();
  expect(() => `${future as unknown as string}`).toThrow(/await future\.result\(\)/);
});

describe("result", () => {
  test("waits for the value", async () => {
    const { scheduler, future } = setUp();
    const waiting = future.result();
    scheduler.finish(future.key, 11);
    expect(await waiting).toBe(11);
    expect(future.status).toBe("finished");
    expect(future.done).toBe(true);
  });

  test("gives the same object each time: a value is decoded once", async () => {
    const { scheduler, future } = setUp();
    scheduler.finish(future.key, { a: [1] });
    const first = await future.result();
    expect(first).toEqual({ a: [1] });
    expect(await future.result()).toBe(first);
  });

  test("throws what the function threw, as the cause", async () => {
    const { scheduler, future } = setUp();
    const error = {
      name: "RangeError",
      message: "too far",
      stack: "RangeError: too far\n at there",
    };
    scheduler.fail(future.key, { error, key: future.key, task: "add" });
    const thrown: unknown = await future.result().catch((reason: unknown) => reason);
    expect(thrown).toBeInstanceOf(TaskError);
    expect(thrown).toMatchObject({ key: future.key, task: "add", cause: { message: "too far" } });
    expect(future.status).toBe("error");
  });

  test("gives up waiting after its time limit, and changes nothing about the task", async () => {
    const { scheduler, future } = setUp();
    await expect(future.result({ timeoutMs: 5 })).rejects.toThrow(TimeoutError);
    expect(future.status).toBe("pending");
    expect(scheduler.flush().map(({ type }) => type)).toEqual(["submit"]);
    scheduler.finish(future.key, 11);
    expect(await future.result({ timeoutMs: 5 })).toBe(11);
  });

  test("gives up waiting when its signal aborts, with the signal's reason", async () => {
    const { scheduler, future } = setUp();
    const controller = new AbortController();
    const waiting = future.result({ signal: controller.signal });
    controller.abort(new Error("never mind"));
    await expect(waiting).rejects.toThrow("never mind");
    await expect(future.result({ signal: controller.signal })).rejects.toThrow("never mind");
    scheduler.finish(future.key, 11);
    expect(await future.result()).toBe(11);
  });

  test("refuses a time limit that is none", async () => {
    const { future } = setUp();
    await expect(future.result({ timeoutMs: -1 })).rejects.toThrow(RangeError);
    await expect(future.result({ timeoutMs: NaN })).rejects.toThrow(RangeError);
    await expect(future.result({ timeoutMs: "1s" as never })).rejects.toThrow(TypeError);
  });

  test("waits for ever when the limit is Infinity or longer than a timer holds", async () => {
    const { scheduler, future } = setUp();
    const waiting = [future.result({ timeoutMs: Infinity }), future.result({ timeoutMs: 2 ** 40 })];
    await new Promise(setImmediate);
    scheduler.finish(future.key, 11);
    expect(await Promise.all(waiting)).toEqual([11, 11]);
  });

  test("fetches a value that was too large to be sent unasked, once", async () => {
    const { scheduler, future } = setUp();
    scheduler.say({ type: "stored", keys: [future.key], bytes: [1e6], holders: [["scheduler"]] });
    expect(future.status).toBe("finished");
    expect(scheduler.keysOf("fetch")).toEqual([]);
    const waiting = [future.result(), future.result()];
    expect(scheduler.keysOf("fetch")).toEqual([future.key]);
    scheduler.say({ type: "fetched", key: future.key, value: '"large"' });
    expect(await Promise.all(waiting)).toEqual(["large", "large"]);
    expect(await future.result()).toBe("large");
    expect(scheduler.keysOf("fetch")).toEqual([future.key]);
  });

  test("fetches when awaited before the task finished", async () => {
    const { scheduler, future } = setUp();
    const waiting = future.result();
    scheduler.say({ type: "stored", keys: [future.key], bytes: [1e6], holders: [["scheduler"]] });
    expect(scheduler.keysOf("fetch")).toEqual([future.key]);
    scheduler.say({ type: "fetched", key: future.key, value: '"large"' });
    expect(await waiting).toBe("large");
  });

  test("has finished, and takes longer, while its value was lost and is made again", async () => {
    const { scheduler, client } = setUp();
    const future = client.submit("big");
    const stored = () =>
      scheduler.say({ type: "stored", keys: [future.key], bytes: [1e6], holders: [["w"]] });
    stored();
    scheduler.say({ type: "lost", keys: [future.key] });
    expect({ status: future.status, done: future.done }).toEqual({
      status: "finished",
      done: true,
    });
    expect(await future.exception()).toBeUndefined();
    future.cancel();
    expect(future.status).toBe("finished");
    const waiting = future.result();
    expect(scheduler.keysOf("fetch")).toEqual([]);
    stored();
    expect(scheduler.keysOf("fetch")).toEqual([future.key]);
    scheduler.say({ type: "fetched", key: future.key, value: '"large"' });
    expect(await waiting).toBe("large");
  });

  test("fails when what was lost cannot be made again", async () => {
    const { scheduler, client } = setUp();
    const future = client.submit("big");
    scheduler.say({ type: "stored", keys: [future.key], bytes: [1e6], holders: [["w"]] });
    scheduler.say({ type: "lost", keys: [future.key] });
    const waiting = future.result();
    scheduler.fail(future.key);
    await expect(waiting).rejects.toBeInstanceOf(TaskError);
    expect(future.status).toBe("error");
  });

  test("fails when a value is lost before it could be fetched", async () => {
    const { scheduler, future } = setUp();
    scheduler.say({ type: "stored", keys: [future.key], bytes: [1e6], holders: [["scheduler"]] });
    const waiting = future.result();
    scheduler.fail(future.key, { code: "lost-data", message: "gone" });
    await expect(waiting).rejects.toThrow("gone");
  });
});

describe("a future", () => {
  test("settles once", async () => {
    const { scheduler, future } = setUp();
    scheduler.finish(future.key, 11);
    scheduler.finish(future.key, 12);
    scheduler.fail(future.key);
    scheduler.say({ type: "cancelled", keys: [future.key] });
    future.cancel();
    expect(future.status).toBe("finished");
    expect(await future.result()).toBe(11);
    expect(scheduler.keysOf("cancel")).toEqual([]);
  });

  test("is not its value in a text, in a sum or in JSON", () => {
    const future = new FakeScheduler().client().submit("f");
    expect(() => JSON.stringify({ future })).toThrow(TypeError);
    expect(() => JSON.stringify([future])).toThrow(/^await future\.result\(\)/);
  });

  test("is not thenable: an async function returns it, not its value", async () => {
    const { future } = setUp();
    const returned = await (async () => Promise.resolve(future))();
    expect(returned).toBe(future);
  });

  test("says its key and status when printed", () => {
    const { future } = setUp();
    const custom = Symbol.for("nodejs.util.inspect.custom");
    const print = () => (future as unknown as Record<symbol, () => string>)[custom]?.call(future);
    expect(print()).toBe(`Future(${future.key}: pending)`);
    future.release();
    expect(print()).toBe(`Future(${future.key}: released)`);
  });

  test("that fails while nobody looks is no unhandled rejection", async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => void unhandled.push(reason);
    process.on("unhandledRejection", listen);
    const { scheduler, client, future } = setUp();
    const another = client.submit("add", 1);
    scheduler.fail(future.key);
    another.cancel();
    await new Promise(setImmediate);
    process.off("unhandledRejection", listen);
    expect(unhandled).toEqual([]);
  });
});

describe("exception", () => {
  test("gives the error, or undefined for one that finished", async () => {
    const { scheduler, client, future } = setUp();
    const other = client.submit("add", 1);
    const waiting = [future.exception(), other.exception()];
    scheduler.fail(future.key);
    scheduler.finish(other.key, 1);
    const [error, nothing] = await Promise.all(waiting);
    expect(error).toBeInstanceOf(TaskError);
    expect(nothing).toBeUndefined();
    expect(await future.exception()).toBe(error);
  });

  test("gives up waiting after its time limit", async () => {
    await expect(setUp().future.exception({ timeoutMs: 1 })).rejects.toThrow(TimeoutError);
  });

  test("does not fetch a large value", async () => {
    const { scheduler, future } = setUp();
    scheduler.say({ type: "stored", keys: [future.key], bytes: [1e6], holders: [["scheduler"]] });
    expect(await future.exception()).toBeUndefined();
    expect(scheduler.keysOf("fetch")).toEqual([]);
  });
});

describe("cancel", () => {
  test("cancels what depends on it in the same turn, and nothing else", async () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const root = client.submit("root");
    const other = client.submit("other");
    const both = client.submit("both", [root, { deep: other }]);
    const below = client.submit("below", both);
    const beside = client.submit("beside", other);
    const done = client.submit("done", root);
    scheduler.finish(done.key, 1);
    const waiting = expect(below.result()).rejects.toThrow(
      `"${below.key}" was cancelled: ${root.key}, which it depends on, was cancelled: not needed`,
    );
    root.cancel("not needed");
    const status = [root, both, below, other, beside, done].map((future) => future.status);
    const cancelled = ["cancelled", "cancelled", "cancelled"];
    expect(status).toEqual([...cancelled, "pending", "pending", "finished"]);
    await waiting;
    // All are named: the scheduler may have finished the first already, which changes nothing for the others.
    expect(scheduler.keysOf("cancel")).toEqual([root.key, both.key, below.key]);
    // What has finished holds on to nothing that depended on it.
    scheduler.finish(other.key, 1);
    expect(stateOf(other).dependents).toEqual([]);
  });

  test("leaves the tasks of another client that depend on it to the scheduler", () => {
    const one = new FakeScheduler("same");
    const two = new FakeScheduler("same");
    const root = one.client().submit("root");
    const dependent = two.client().submit("f", root);
    root.cancel();
    expect(dependent.status).toBe("pending");
  });

  test("cancels at once, with the reason in the error", async () => {
    const { scheduler, future } = setUp();
    const waiting = future.result();
    future.cancel("found a better one");
    expect(future.status).toBe("cancelled");
    await expect(waiting).rejects.toThrow(TaskCancelledError);
    await expect(future.result()).rejects.toThrow(/found a better one/);
    expect(scheduler.all("cancel")).toEqual([
      { type: "cancel", keys: [future.key], reason: "found a better one" },
    ]);
    scheduler.finish(future.key, 11);
    expect(future.status).toBe("cancelled");
  });

  test("of many makes one message for each reason", () => {
    const { scheduler, client } = setUp();
    const futures = client.map("add", [1, 2, 3]);
    client.cancel(futures.slice(0, 2), { reason: "a" });
    client.cancel(futures[2]!, { reason: "a", force: true });
    expect(scheduler.all("cancel")).toEqual([
      { type: "cancel", keys: [futures[0]!.key, futures[1]!.key], reason: "a" },
      { type: "cancel", keys: [futures[2]!.key], reason: "a", force: true },
    ]);
  });

  test("reaches dependents by the scheduler's word", async () => {
    const { scheduler, client, future } = setUp();
    const dependent = client.submit("add", future, 1);
    future.cancel("no");
    scheduler.say({ type: "cancelled", keys: [future.key, dependent.key], reason: "no" });
    expect(dependent.status).toBe("cancelled");
    await expect(dependent.result()).rejects.toThrow(/no/);
  });

  test("leaves no claim behind: the scheduler may have finished the task meanwhile", () => {
    const { scheduler, future } = setUp();
    future.cancel();
    future.release();
    expect(scheduler.keysOf("release")).toEqual([future.key]);
  });

  test("refuses a reason that is no text", () => {
    expect(() => setUp().future.cancel(7 as never)).toThrow(TypeError);
  });
});

describe("retry", () => {
  test("makes a failed future pending again, and it settles anew", async () => {
    const { scheduler, future } = setUp();
    scheduler.fail(future.key);
    future.retry();
    expect(future.status).toBe("pending");
    expect(scheduler.keysOf("retry")).toEqual([future.key]);
    const waiting = future.result();
    scheduler.say({ type: "reopened", keys: [future.key] });
    scheduler.finish(future.key, 11);
    expect(await waiting).toBe(11);
  });

  test("reopens what failed because of the same task, when the scheduler says so", async () => {
    const { scheduler, client, future } = setUp();
    const dependent = client.submit("add", future, 1);
    scheduler.fail([future.key, dependent.key]);
    client.retry([dependent]);
    scheduler.say({ type: "reopened", keys: [future.key, dependent.key] });
    expect([future.status, dependent.status]).toEqual(["pending", "pending"]);
    scheduler.finish(future.key, 1);
    scheduler.finish(dependent.key, 2);
    expect(await client.gather([future, dependent])).toEqual([1, 2]);
  });

  test("does nothing to one that is under way or finished", () => {
    const { scheduler, future } = setUp();
    future.retry();
    scheduler.finish(future.key, 11);
    future.retry();
    expect(scheduler.keysOf("retry")).toEqual([]);
    expect(future.status).toBe("finished");
  });

  test("of one that was cancelled or released says to submit it again", () => {
    const { client, future } = setUp();
    future.cancel();
    expect(() => future.retry()).toThrow(/submit it again/);
    const released = client.submit("add", 1);
    released.release();
    expect(() => client.retry(released)).toThrow(/submit it again/);
  });
});

describe("release", () => {
  test("lets the task go, all of one turn in one message", async () => {
    const { scheduler, client, future } = setUp();
    const others = client.map("add", [1, 2]);
    future.release();
    client.release(others);
    client.release(others);
    expect(scheduler.all("release")).toEqual([
      { type: "release", keys: [future.key, ...others.map(({ key }) => key)] },
    ]);
    await expect(future.result()).rejects.toThrow(/submit it again: .* was released/);
    await expect(client.gather([1, future])).rejects.toThrow(/was released/);
    await expect(client.wait([future])).rejects.toThrow(/was released/);
    expect(() => future.cancel()).toThrow(/was released/);
    expect(() => client.fireAndForget(future)).toThrow(/was released/);
  });

  test("is what the end of a using block does", () => {
    const { scheduler, future } = setUp();
    future[Symbol.dispose]();
    expect(scheduler.keysOf("release")).toEqual([future.key]);
  });

  test("does not take the value from those who wait for it already", async () => {
    const { scheduler, future } = setUp();
    const waiting = future.result();
    future.release();
    expect(scheduler.keysOf("release")).toEqual([]);
    scheduler.finish(future.key, 11);
    expect(await waiting).toBe(11);
    expect(scheduler.keysOf("release")).toEqual([future.key]);
  });

  test("is done when the last who waits gives up", async () => {
    const { scheduler, future } = setUp();
    const waiting = [future.result({ timeoutMs: 1 }), future.result({ timeoutMs: 2 })];
    future.release();
    await Promise.allSettled(waiting);
    expect(scheduler.keysOf("release")).toEqual([future.key]);
  });

  test("of many handles lets go with the last", () => {
    const { scheduler, client } = setUp();
    const named = client.with({ key: "k" });
    const handles = [named.submit("add", 1), named.submit("add", 1), named.submit("add", 1)];
    for (const handle of handles) {
      expect(scheduler.keysOf("release")).toEqual([]);
      handle.release();
      handle.release();
    }
    expect(scheduler.keysOf("release")).toEqual(["k"]);
  });
});

describe("fireAndForget", () => {
  test("tells the scheduler before the handle is let go", () => {
    const { scheduler, client, future } = setUp();
    client.fireAndForget(future);
    future.release();
    expect(scheduler.flush().map(({ type }) => type)).toEqual(["submit", "detach", "release"]);
  });
});
