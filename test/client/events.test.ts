// A program's stream of events: what it asks for, how it is read, and how it ends.

import { describe, expect, test } from "vitest";
import { ConnectionError, CoordinationError } from "../../src/errors/errors.ts";
import type { ClusterEvent } from "../../src/wire/events.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

const submitted = (key: string): ClusterEvent => ({
  type: "submitted",
  at: 1,
  key,
  function: "f",
  client: "c",
});

async function keysFrom(events: AsyncIterable<ClusterEvent>): Promise<string[]> {
  const keys: string[] = [];
  for await (const event of events) if ("key" in event) keys.push(event.key);
  return keys;
}

describe("a stream of events", () => {
  test("asks for what it was told to, before all that is submitted after it", () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const future = client.submit("f");
    client.events({ functions: ["f", function g() {}], keys: [future, "k"] });
    client.submit("g");
    const [first, events, second] = scheduler.flush();
    expect([first?.type, second?.type]).toEqual(["submit", "submit"]);
    expect(events).toEqual({
      type: "events",
      id: expect.any(Number) as number,
      functions: ["f", "g"],
      of: [future.key, "k"],
    });
  });

  test("gives what came while nobody read, and says what was read", async () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const events = client.events();
    const feed = scheduler.all("events")[0]!.id;
    const keys = Array.from({ length: 2_500 }, (_, index) => `k${index}`);
    scheduler.say({ type: "events", feed, events: keys.map(submitted) });
    const read: string[] = [];
    for await (const event of events) {
      if ("key" in event) read.push(event.key);
      if (read.length === keys.length) break;
    }
    expect(read).toEqual(keys);
    expect(scheduler.all("events-read").map(({ count }) => count)).toEqual([1_000, 1_000]);
  });

  test("ends when its client is closed, after what is here", async () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const events = client.events();
    const feed = scheduler.all("events")[0]!.id;
    scheduler.say({ type: "events", feed, events: [submitted("a")] });
    await client.close();
    expect(await keysFrom(events)).toEqual(["a"]);
  });

  test("ends with its loop, and tells the scheduler", async () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const events = client.events();
    const feed = scheduler.all("events")[0]!.id;
    scheduler.say({ type: "events", feed, events: [submitted("a"), submitted("b")] });
    for await (const event of events) {
      expect(event).toEqual(submitted("a"));
      break;
    }
    expect(scheduler.all("events-end")).toEqual([{ type: "events-end", feed }]);
    scheduler.say({ type: "events", feed, events: [submitted("c")] });
    events.close();
    expect(scheduler.all("events-end")).toHaveLength(1);
  });

  test("fails where it is read: when it is refused, and when the scheduler is lost", async () => {
    const scheduler = new FakeScheduler();
    const client = scheduler.client();
    const refused = client.events();
    const { id } = scheduler.all("events")[0]!;
    const failure = { code: "coordination-refused", message: "too many" };
    scheduler.say({ type: "answer", id, failure });
    await expect(keysFrom(refused)).rejects.toThrow(CoordinationError);
    const lost = client.events();
    const reading = keysFrom(lost);
    scheduler.session.events.reset({} as never);
    await expect(reading).rejects.toThrow(ConnectionError);
    await client.close();
    await expect(keysFrom(client.events())).rejects.toThrow(/this client was closed/);
  });

  test("refuses what is none of its options", () => {
    const client = new FakeScheduler().client();
    const wrong = (options: unknown) => () => client.events(options as never);
    expect(wrong({ function: "f" })).toThrow(/"function" is not an option of events/);
    expect(wrong({ functions: "f" })).toThrow(TypeError);
    expect(wrong({ functions: [""] })).toThrow(TypeError);
    expect(wrong({ keys: [] })).toThrow(RangeError);
    expect(wrong({ keys: [1] })).toThrow(TypeError);
    expect(wrong({ keys: Array.from({ length: 10_001 }, () => "k") })).toThrow(RangeError);
  });
});
