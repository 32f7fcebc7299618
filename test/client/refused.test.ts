// Calls that the scheduler refused because it takes nothing new for now.

import { expect, test } from "vitest";
import { OverloadedError } from "../../src/errors/errors.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

const overloaded = { code: "overloaded", message: "make this call again later: no room" };

test("a refused call can be made again, and there is nothing to release", async () => {
  const scheduler = new FakeScheduler();
  const named = scheduler.client().with({ key: "k" });
  const refused = named.submit("add", 1, 2);
  scheduler.flush();
  scheduler.fail("k", overloaded);
  await expect(refused.result()).rejects.toThrow(OverloadedError);
  expect(refused.status).toBe("error");
  expect(() => refused.retry()).toThrow(/submit it again/);
  const again = named.submit("add", 1, 2);
  refused.release();
  scheduler.flush();
  // What is said of the key from then on is about this call.
  scheduler.answer(scheduler.all("ping")[0]!, null);
  expect(scheduler.keysOf("release")).toEqual([]);
  scheduler.finish("k", 3);
  expect(await again.result()).toBe(3);
});

test("what was submitted to depend on a refused call fails with it, and is let go", async () => {
  const scheduler = new FakeScheduler();
  const [client, other] = [scheduler.client(), scheduler.client()];
  const refused = client.submit("add", 1, 2);
  const dependent = client.submit("add", refused, 1);
  const last = client.submit("add", dependent, 1);
  const fine = client.submit("add", 3, 4);
  scheduler.flush();
  scheduler.fail(refused.key, overloaded);
  for (const future of [dependent, last, client.submit("add", last, 1)]) {
    await expect(future.result()).rejects.toThrow(OverloadedError);
  }
  await expect(other.submit("add", refused, 1).result()).rejects.toThrow(OverloadedError);
  scheduler.flush();
  expect(scheduler.keysOf("release")).toEqual([dependent.key, last.key]);
  // The scheduler may not have heard of that yet.
  scheduler.fail(dependent.key, { code: "lost-data", message: "its input is not known" });
  expect(await dependent.exception()).toBeInstanceOf(OverloadedError);
  scheduler.finish(fine.key, 7);
  expect(await fine.result()).toBe(7);
});

test("a refused request throws, and can be made again", async () => {
  const scheduler = new FakeScheduler();
  const client = scheduler.client();
  const putting = client.queue("q").put(1);
  await expect.poll(() => scheduler.all("coordinate").length).toBe(1);
  const { id } = scheduler.all("coordinate")[0]!;
  scheduler.say({ type: "answer", id, failure: overloaded });
  await expect(putting).rejects.toThrow(OverloadedError);
  await expect(putting).rejects.toMatchObject({ code: "overloaded", retriable: true });
});
