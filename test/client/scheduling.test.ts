// Schedules as a client makes them: what it says to the scheduler, and what it refuses to say.

import { describe, expect, test } from "vitest";
import { ScheduleError } from "../../src/errors/errors.ts";
import type { ScheduleOptions } from "../../client/scheduling.ts";
import { FakeScheduler } from "./fake-scheduler.ts";

function setUp() {
  const scheduler = new FakeScheduler();
  return { scheduler, client: scheduler.client() };
}

const info = {
  ...{ name: "nightly", function: "f", cron: "@daily", timezone: "UTC", catchUp: "one" as const },
  ...{ overlap: "skip" as const, nextAt: 5, runs: 0, skipped: 0, by: "ann", createdAt: 1 },
};

test("sends the call, when it is made and how, and resolves with what is known of it", async () => {
  const { scheduler, client } = setUp();
  const future = client.submit("f");
  const options = { retries: 2, timeoutMs: 50 };
  const made = client.schedule("nightly", { cron: "@daily", options }, "f", future, 1);
  const [message] = scheduler.all("schedule");
  expect(message).toEqual({
    ...{
      type: "schedule",
      id: 0,
      name: "nightly",
      cron: "@daily",
      catchUp: "one",
      overlap: "skip",
    },
    ...{ function: "f", value: expect.any(String), inputs: [future.key] },
    options: { retries: { max: 2 }, run: { timeoutMs: 50 } },
  });
  scheduler.answer(message!, info);
  expect(await made).toEqual(info);

  const all = { everyMs: 100, catchUp: "all", overlap: "replace" } as const;
  void client.schedule("beat", all, function g() {}).catch(() => undefined);
  const other = scheduler.all("schedule").at(-1);
  expect(other).toMatchObject({ ...all, function: "g", digest: expect.any(String), value: "[]" });
  expect(other).not.toHaveProperty("options");
});

test("throws what the scheduler refuses it with", async () => {
  const { scheduler, client } = setUp();
  const made = client.schedule("nightly", { cron: "61 * * * *" }, "f");
  const failure = { code: "schedule-refused", message: "give another cron" };
  scheduler.say({ type: "answer", id: 0, failure });
  await expect(made).rejects.toThrow(new ScheduleError("give another cron"));
});

describe("refuses, before anything is sent,", () => {
  test.each<[what: string, name: unknown, options: unknown, error: RegExp]>([
    [
      "a name that is none",
      7,
      { everyMs: 100 },
      /^TypeError: the name of a schedule must be a string/,
    ],
    ["an empty name", "", { everyMs: 100 }, /^RangeError: .* 1 to 231 characters/],
    ["a name that leaves no room for a moment", "x".repeat(232), { everyMs: 100 }, /RangeError/],
    ["no options", "a", undefined, /^TypeError/],
    ["neither", "a", {}, /^TypeError: give cron or everyMs$/],
    ["both", "a", { cron: "@daily", everyMs: 100 }, /^TypeError: .*not both/],
    [
      "an unknown option",
      "a",
      { every: 100 },
      /^TypeError: "every" is not an option of a schedule/,
    ],
    ["a cron that is none", "a", { cron: 5 }, /^TypeError: cron must be a string/],
    ["too short an interval", "a", { everyMs: 99 }, /^RangeError: everyMs must be 100 to/],
    ["an endless one", "a", { everyMs: Infinity }, /^RangeError: everyMs must have an end/],
    ["half milliseconds", "a", { everyMs: 100.5 }, /^RangeError: everyMs must be a whole number/],
    [
      "a zone without cron",
      "a",
      { everyMs: 100, timezone: "UTC" },
      /^TypeError: timezone needs cron/,
    ],
    ["a zone that is none", "a", { cron: "@daily", timezone: 1 }, /^TypeError: timezone must be/],
    [
      "another catchUp",
      "a",
      { everyMs: 100, catchUp: "two" },
      /^RangeError: catchUp must be one of "one"/,
    ],
    [
      "another overlap",
      "a",
      { everyMs: 100, overlap: true },
      /^TypeError: overlap must be one of "skip"/,
    ],
    [
      "options of one task",
      "a",
      { everyMs: 100, options: { key: "k" } },
      /^TypeError: key is not an option/,
    ],
    ["options that are none", "a", { everyMs: 100, options: { retry: 1 } }, /^TypeError: "retry"/],
  ])("%s", async (_, name, options, error) => {
    const { scheduler, client } = setUp();
    const made = client.schedule(name as string, options as ScheduleOptions, "f");
    await expect(made.catch((thrown: unknown) => String(thrown))).resolves.toMatch(error);
    expect(scheduler.all("schedule")).toEqual([]);
  });

  test("arguments that cannot be sent, and a name to remove that is none", async () => {
    const { client } = setUp();
    await expect(client.schedule("a", { everyMs: 100 }, "f", () => 1)).rejects.toThrow(
      /argument\[0\]/,
    );
    await expect(client.unschedule("")).rejects.toThrow(RangeError);
  });
});
