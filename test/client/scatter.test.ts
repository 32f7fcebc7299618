// A value that is scattered, and what happens to it while it is on its way.

import { expect, test } from "vitest";
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
