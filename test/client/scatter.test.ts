// A value that is scattered, and what happens to it while it is on its way.

import { expect, test } from "vitest";
import { OverloadedError } from "../../src/errors/errors.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

test("a value that was lost and then ended by a restart is not sent again", async () => {
  const scheduler = new FakeScheduler();
  const scattering = scheduler.client().scatter([1, 2, 3], { workers: ["w1"] });
  scattering.catch(() => undefined);
  await expect.poll(() => scheduler.all("scatter").length).toBe(1);
  const { id, key } = scheduler.all("scatter")[0]!;
  scheduler.fail(key, { code: "lost-data", message: "its worker is gone" });
  // The scheduler does not know it any more, and nobody would release what is sent now.
  scheduler.say({ type: "cancelled", keys: [key], reason: "a client restarted everything" });
  const failure = { code: "unschedulable", message: "no worker is there for it" };
  scheduler.say({ type: "answer", id, failure });
  await expect(scattering).rejects.toThrow("its worker is gone");
  expect(scheduler.all("scatter")).toHaveLength(1);
});

test("one that is refused when it is sent again is let go", async () => {
  const scheduler = new FakeScheduler();
  const scattering = scheduler.client().scatter([1, 2, 3], { workers: ["w1"] });
  const failing = expect(scattering).rejects.toThrow(OverloadedError);
  await expect.poll(() => scheduler.all("scatter").length).toBe(1);
  const { id, key } = scheduler.all("scatter")[0]!;
  scheduler.say({
    type: "answer",
    id,
    failure: { code: "overloaded", message: "the disk is full" },
  });
  await failing;
  expect(scheduler.all("cancel").map(({ keys }) => keys)).toEqual([[key]]);
  expect(scheduler.all("release").map(({ keys }) => keys)).toEqual([[key]]);
});
