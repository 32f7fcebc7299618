// Publishing as a client does it: what it says to the scheduler, and what it makes of the answers.

import { describe, expect, test } from "vitest";
import { Future } from "../../client/future.ts";
import { KeyConflictError, SerializationError } from "../../src/errors/errors.ts";
import { encode } from "../../src/payload/payload.ts";
import { FakeScheduler, type Heard } from "./fake-scheduler.ts";

function setUp() {
  const scheduler = new FakeScheduler();
  return { scheduler, client: scheduler.client() };
}

/** What another client published under a name, as the scheduler answers for it. */
function answerPublished(scheduler: FakeScheduler, shape: unknown, offer?: number): void {
  const { payload: value, inputs } = encode(shape);
  const futures = inputs.length > 0 ? { inputs: [...inputs], offer: offer ?? 7 } : {};
  scheduler.answer(scheduler.all("published").at(-1)!, { value, ...futures });
}

describe("publish", () => {
  test("sends the shape with the keys of its futures, and resolves when it is kept", async () => {
    const { scheduler, client } = setUp();
    const future = client.submit("f");
    const bytes = new Uint8Array([1, 2]);
    const published = client.publish("model", { future, again: [future], bytes, version: 3 });
    const [message] = scheduler.all("publish") as [Heard<"publish">];
    expect(message).toMatchObject({ name: "model", inputs: [future.key] });
    expect(message).not.toHaveProperty("override");
    scheduler.answer(message, null);
    expect(await published).toBeUndefined();

    void client.publish("model", 1, { override: true }).catch(() => undefined);
    expect(scheduler.all("publish").at(-1)).toMatchObject({ override: true, value: "1" });
  });

  test("throws what the scheduler refuses it with", async () => {
    const { scheduler, client } = setUp();
    const publishing = client.publish("model", 1);
    const { id } = scheduler.all("publish")[0]!;
    scheduler.say({ type: "answer", id, failure: { code: "key-conflict", message: "in use" } });
    await expect(publishing).rejects.toThrow(KeyConflictError);
  });

  test("of what is too large for a frame fails, and the client goes on", async () => {
    const { scheduler, client } = setUp();
    const publishing = client.publish("model", 1);
    const [message] = scheduler.all("publish");
    scheduler.session.events.unsendable?.(message, new Error("too large for a frame"));
    await expect(publishing).rejects.toThrow(SerializationError);
    expect(client.submit("f").status).toBe("pending");
  });

  test("refuses what cannot be published before anything is sent", async () => {
    const { scheduler, client } = setUp();
    const released = client.submit("f");
    released.release();
    scheduler.flush();
    await expect(client.publish("model", { a: { b: () => 1 } })).rejects.toThrow(/value\.a\.b/);
    await expect(client.publish("model", [released])).rejects.toThrow(/was released/);
    await expect(client.publish("", 1)).rejects.toThrow(/1 to 256 characters/);
    await expect(client.publish(5 as never, 1)).rejects.toThrow(/a name is a string/);
    await expect(client.publish("a", 1, { override: 1 as never })).rejects.toThrow(TypeError);
    await expect(client.published("")).rejects.toThrow(/1 to 256/);
    await expect(client.unpublish("x".repeat(257))).rejects.toThrow(/1 to 256/);
    expect(scheduler.flush()).toEqual([]);
  });
});

describe("published", () => {
  test("gives the shape back with futures of this client in it, and takes them", async () => {
    const { scheduler, client } = setUp();
    const stranger = new FakeScheduler().client().submit("g");
    const asking = client.published<{ it: Future<number>; more: Map<string, Future<number>> }>("m");
    answerPublished(scheduler, { it: stranger, more: new Map([["same", stranger]]), version: 3 });
    expect(scheduler.all("take")).toEqual([{ type: "take", offer: 7 }]);
    const shape = await asking;
    expect(shape).toMatchObject({ it: expect.any(Future), version: 3 });
    expect(shape.it).toBe(shape.more.get("same"));
    expect([shape.it.key, shape.it.status]).toEqual([stranger.key, "pending"]);
    scheduler.finish(stranger.key, 42);
    expect(await shape.it.result()).toBe(42);
    shape.it.release();
    expect(scheduler.keysOf("release")).toEqual([stranger.key]);
  });

  test("gives another handle on what this client holds already", async () => {
    const { scheduler, client } = setUp();
    const own = client.submit("f");
    scheduler.finish(own.key, 1);
    const asking = client.published<Future<number>[]>("m");
    answerPublished(scheduler, [own]);
    const [future] = await asking;
    expect(future).not.toBe(own);
    own.release();
    expect(scheduler.keysOf("release")).toEqual([]);
    expect(await future!.result()).toBe(1);
  });

  test("gives values without futures as they are", async () => {
    const { scheduler, client } = setUp();
    const asking = client.published("v");
    answerPublished(scheduler, { when: new Date(5) });
    expect(await asking).toEqual({ when: new Date(5) });
    expect(scheduler.all("take")).toEqual([]);
  });
});

test("listPublished gives the names", async () => {
  const { scheduler, client } = setUp();
  const listing = client.listPublished();
  scheduler.answer(scheduler.all("info")[0]!, { published: ["a", "b"] });
  expect(await listing).toEqual(["a", "b"]);
});
