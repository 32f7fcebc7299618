// Futures of tasks by their keys, and the list of tasks.

import { describe, expect, test } from "vitest";
import {
  KeyConflictError,
  LostDataError,
  OverloadedError,
  TaskCancelledError,
} from "../../src/errors/errors.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

function setUp() {
  const scheduler = new FakeScheduler();
  const client = scheduler.client();
  /** The scheduler answers the oldest question for keys that it has not answered. */
  let answered = 0;
  const answer = (...unknown: string[]) => {
    scheduler.answer(scheduler.all("want")[answered++]!, { unknown });
  };
  const conflict = (key: string) =>
    scheduler.fail(key, { code: "key-conflict", message: "no", key });
  const wants = () => scheduler.all("want").map(({ keys }) => keys);
  return { scheduler, client, answer, conflict, wants };
}

describe("client.future", () => {
  test("gives a pending future at once, and asks for all of a turn by one message", async () => {
    const { scheduler, client, answer, wants } = setUp();
    const [one, two] = [client.future<number>("one"), client.future<string>("two")];
    expect([one.key, one.status, one.done]).toEqual(["one", "pending", false]);
    expect(wants()).toEqual([["one", "two"]]);
    answer();
    scheduler.finish("one", 1);
    scheduler.finish("two", "b");
    expect(await client.gather([one, two])).toEqual([1, "b"]);
    one.release();
    expect(scheduler.keysOf("release")).toEqual(["one"]);
  });

  test("fails with LostDataError for a key that no task has, and the key is free", async () => {
    const { scheduler, client, answer } = setUp();
    const future = client.future("gone");
    answer("gone");
    const error = (await future.exception())!;
    expect(error).toBeInstanceOf(LostDataError);
    expect(error.message).toContain('no task has the key "gone": it was cancelled or released');
    expect(() => future.retry()).toThrow(/submit it again/);
    expect(() => client.submit("f", future)).toThrow(/no task has the key/);
    const own = client.with({ key: "gone" }).submit("f", 1);
    scheduler.answer(scheduler.all("ping")[0]!, null);
    scheduler.finish("gone", 2);
    expect(await own.result()).toBe(2);
    expect(future.status).toBe("error");
    future.release();
    expect(scheduler.keysOf("release")).toEqual([]);
  });

  test("fails with OverloadedError when there is no room for it, and can be asked for again", async () => {
    const { scheduler, client } = setUp();
    const [future, other] = [client.future("k"), client.future("k")];
    const own = client.with({ key: "k" }).submit("f", 1);
    const failure = { code: "overloaded", message: "ask for these tasks again later" };
    const refused = (key: string) => ({ unknown: [], refused: { keys: [key], failure } });
    scheduler.answer(scheduler.all("want")[0]!, refused("k"));
    for (const each of [future, other]) {
      expect(await each.exception()).toBeInstanceOf(OverloadedError);
    }
    // The call under the key is a task of its own.
    expect(own.status).toBe("pending");
    scheduler.answer(scheduler.all("want")[1]!, { unknown: [] });
    scheduler.finish("k", 2);
    expect(await own.result()).toBe(2);
    own.release();
    const again = client.future("l");
    scheduler.answer(scheduler.all("want")[2]!, refused("l"));
    expect(await again.exception()).toBeInstanceOf(OverloadedError);
    const last = client.future("l");
    scheduler.answer(scheduler.all("want")[3]!, { unknown: [] });
    scheduler.finish("l", 3);
    expect(await last.result()).toBe(3);
  });

  test("is another handle on what this client holds already", () => {
    const { scheduler, client, wants } = setUp();
    const own = client.submit("f", 1);
    const named = client.with({ key: "k" }).submit("f", 2);
    const [again, other] = [client.future(own.key), client.future("k")];
    scheduler.finish(own.key, 1);
    expect([again.status, other.status, wants()]).toEqual(["finished", "pending", []]);
    own.release();
    named.release();
    expect(scheduler.keysOf("release")).toEqual([]);
    again.release();
    other.release();
    expect(scheduler.keysOf("release")).toEqual([own.key, "k"]);
  });

  test("passes over what the scheduler said before it heard of the question", async () => {
    const { scheduler, client, answer } = setUp();
    const own = client.submit("f", 1);
    const { key } = own;
    own.cancel("for now");
    const future = client.future(key);
    expect(future.status).toBe("pending");
    scheduler.say({ type: "cancelled", keys: [key], reason: "for now" });
    scheduler.finish(key, "old");
    expect(future.status).toBe("pending");
    answer();
    scheduler.finish(key, "new");
    expect(await future.result()).toBe("new");
    expect(own.status).toBe("cancelled");

    // Released, and asked for again twice.
    future.release();
    const second = client.future(key);
    second.release();
    const third = client.future(key);
    answer(key);
    scheduler.finish(key, "old");
    expect(third.status).toBe("pending");
    answer();
    scheduler.fail(key);
    expect(third.status).toBe("error");
    third.retry();
    expect(third.status).toBe("pending");
  });

  test("is lost with the scheduler or the client, and asked anew of the next", async () => {
    const { scheduler, client, wants } = setUp();
    const future = client.future("k");
    scheduler.session.events.reset(new Error("anew") as never);
    expect(future.status).toBe("lost");
    const again = client.future("k");
    expect([again.status, wants().flat()]).toEqual(["pending", ["k", "k"]]);
    await client.close();
    expect([again.status, client.future("k").status]).toEqual(["cancelled", "lost"]);
  });

  test("may be an argument, be cancelled, and be retried", () => {
    const { scheduler, client, answer } = setUp();
    const future = client.future("k");
    const dependent = client.submit("f", [future]);
    expect(scheduler.submitted().at(-1)!.args).toEqual([[{ future: "k" }]]);
    answer();
    client.cancel(future, { force: true, reason: "enough" });
    expect(dependent.status).toBe("cancelled");
    expect(scheduler.all("cancel")[0]).toMatchObject({ keys: ["k"], force: true });
  });

  test("refuses a key that is none", async () => {
    const { client } = setUp();
    await expect(client.explain("x".repeat(257))).rejects.toThrow(/key must have 1 to 256/);
    expect(() => client.future(7 as never)).toThrow(TypeError);
    expect(() => client.future("")).toThrow(RangeError);
    expect(() => client.future("x".repeat(257))).toThrow(/key must have 1 to 256 characters/);
  });
});

describe("a call under a key that was asked for", () => {
  test("is the same task when it is the same call, and is told what has become of that", async () => {
    const { scheduler, client, answer } = setUp();
    const asked = client.future("k");
    answer();
    scheduler.finish("k", 1);
    const call = client.with({ key: "k" }).submit("f", 1);
    expect(scheduler.flush().map(({ type }) => type)).toEqual(["submit", "want"]);
    scheduler.finish("k", "of rejoining");
    expect(call.status).toBe("pending");
    answer();
    scheduler.finish("k", 1);
    expect([await call.result(), await asked.result()]).toEqual([1, 1]);
    asked.release();
    expect(scheduler.keysOf("release")).toEqual([]);
    call.release();
    expect(scheduler.keysOf("release")).toEqual(["k"]);
  });

  test("is refused when it is another one, and the future that was asked for goes on", async () => {
    const { scheduler, client, answer, conflict } = setUp();
    const asked = client.future("k");
    const wrong = client.with({ key: "k" }).submit("f", 1);
    const right = client.with({ key: "k" }).submit("f", 2);
    const late = client.with({ key: "k" }).submit("f", 3);
    answer();
    conflict("k");
    answer();
    answer();
    conflict("k");
    answer();
    expect(await wrong.exception()).toBeInstanceOf(KeyConflictError);
    expect(await late.exception()).toBeInstanceOf(KeyConflictError);
    expect([asked.status, right.status]).toEqual(["pending", "pending"]);
    scheduler.finish("k", 5);
    expect(await client.gather([asked, right])).toEqual([5, 5]);
    client.release([wrong, late, right]);
    expect(scheduler.keysOf("release")).toEqual([]);
    asked.release();
    expect(scheduler.keysOf("release")).toEqual(["k"]);
  });

  test("that is refused lets go of the task when the future was released", () => {
    const { scheduler, client, answer, conflict } = setUp();
    const asked = client.future("k");
    answer();
    const wrong = client.with({ key: "k" }).submit("f", 1);
    asked.release();
    expect(scheduler.keysOf("release")).toEqual([]);
    conflict("k");
    expect(wrong.status).toBe("error");
    expect(scheduler.keysOf("release")).toEqual(["k"]);
    answer();
    expect(scheduler.session.size).toBe(0);
  });

  test("is a task of its own when no task had the key", async () => {
    const { scheduler, client, answer } = setUp();
    const asked = client.future("k");
    const call = client.with({ key: "k" }).submit("f", 1);
    answer("k");
    answer();
    expect([asked.status, call.status]).toEqual(["error", "pending"]);
    scheduler.finish("k", 1);
    expect(await call.result()).toBe(1);
  });

  test("has the value fetched anew that was lost meanwhile", async () => {
    const { scheduler, client, answer } = setUp();
    const asked = client.future("k");
    const waiting = asked.result();
    const stored = { type: "stored" as const, keys: ["k"], bytes: [9], holders: [["w"]] };
    answer();
    scheduler.say(stored);
    expect(scheduler.keysOf("fetch")).toEqual(["k"]);
    const call = client.with({ key: "k" }).submit("f", 1);
    scheduler.say({ type: "lost", keys: ["k"] });
    answer();
    scheduler.say(stored);
    expect(scheduler.keysOf("fetch")).toEqual(["k", "k"]);
    scheduler.finish("k", 1);
    expect([await waiting, await call.result()]).toEqual([1, 1]);
  });

  test("is cancelled with it, and submitted anew after that", async () => {
    const { scheduler, client, answer } = setUp();
    const asked = client.future("k");
    const call = client.with({ key: "k" }).submit("f", 1);
    answer();
    answer();
    scheduler.say({ type: "cancelled", keys: ["k"], reason: "by another" });
    expect(await asked.exception()).toBeInstanceOf(TaskCancelledError);
    expect(call.status).toBe("cancelled");
    const next = client.with({ key: "k" }).submit("g", 2);
    expect(next.status).toBe("pending");
    expect(scheduler.flush().map(({ type }) => type)).toEqual(["release", "ping", "submit"]);
  });
});

describe("client.tasks", () => {
  test("asks for what was said, and for a hundred unless more was", async () => {
    const { scheduler, client } = setUp();
    const date = new Date(5_000);
    void client.tasks();
    void client.tasks({ state: "failed", function: "f", client: "ann", since: date, limit: 7 });
    void client.tasks({ state: ["failed", "failed", "ready"], since: 6_000 });
    const page = client.tasks({ since: { key: "k", order: 12 } as never });
    expect(scheduler.all("tasks").map(({ id: _id, type: _type, ...rest }) => rest)).toEqual([
      { limit: 100 },
      { states: ["failed"], function: "f", client: "ann", since: 5_000, limit: 7 },
      { states: ["failed", "ready"], since: 6_000, limit: 100 },
      { after: 12, limit: 100 },
    ]);
    scheduler.answer(scheduler.all("tasks")[3]!, [{ key: "k2" }]);
    expect(await page).toEqual([{ key: "k2" }]);
  });

  test.each([
    [{ state: "over" }, "state must be waiting, ready"],
    [{ state: [] }, "state must name at least one"],
    [{ limit: 0 }, "limit must be 1 to 10000"],
    [{ limit: 1.5 }, "limit must be a whole number"],
    [{ since: new Date("never") }, "since must be"],
    [{ since: "yesterday" }, "since must be a Date"],
    [{ function: "" }, "function must have"],
    [{ sinze: 1 }, '"sinze" is not an option of tasks'],
  ])("refuses %j", async (options, words) => {
    const { client } = setUp();
    await expect(client.tasks(options as never)).rejects.toThrow(words);
  });
});
