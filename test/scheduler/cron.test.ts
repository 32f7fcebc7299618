// Cron expressions become moments: fields, time zones, the days on which clocks change, and what is wrong.

import { describe, expect, test } from "vitest";
import { cronMoments } from "../../scheduler/cron.ts";

function moments(expression: string, after: string, upTo = after, timezone = "UTC", most = 100) {
  const range = { after: Date.parse(after), upTo: Date.parse(upTo), most };
  const { due, next, ...rest } = cronMoments({ expression, timezone }, range);
  const text = (moment: number) => new Date(moment).toISOString().replace(":00.000Z", "Z");
  return { due: due.map(text), ...(next !== undefined && { next: text(next) }), ...rest };
}

describe("moments", () => {
  test.each([
    ["0 3 * * *", "2027-03-01T03:00Z", "2027-03-02T03:00Z"],
    ["0 3 * * *", "2027-03-01T02:59:59.900Z", "2027-03-01T03:00Z"],
    ["*/15 9-17 * * MON-FRI", "2027-03-05T17:45Z", "2027-03-08T09:00Z"],
    ["30 0 3 * * *", "2027-03-01T00:00Z", "2027-03-01T03:00:30.000Z"],
    ["0 0 29 2 *", "2027-03-01T00:00Z", "2028-02-29T00:00Z"],
    ["0 0 L * *", "2027-02-01T00:00Z", "2027-02-28T00:00Z"],
    ["@daily", "2027-03-01T00:00Z", "2027-03-02T00:00Z"],
    ["  @hourly ", "2027-03-01T00:00Z", "2027-03-01T01:00Z"],
  ])("the next of %j after %s is %s", (expression, after, next) => {
    expect(moments(expression, after)).toEqual({ due: [], next });
  });

  test("are those after one moment and up to another, oldest first, and the next", () => {
    expect(moments("0 * * * *", "2027-03-01T01:00Z", "2027-03-01T03:00Z")).toEqual({
      due: ["2027-03-01T02:00Z", "2027-03-01T03:00Z"],
      next: "2027-03-01T04:00Z",
    });
  });

  test("are the newest when there are many, and say so", () => {
    expect(moments("* * * * *", "2000-01-01T00:00Z", "2027-03-01T03:00:30Z", "UTC", 2)).toEqual({
      due: ["2027-03-01T02:59Z", "2027-03-01T03:00Z"],
      hasMore: true,
      next: "2027-03-01T03:01Z",
    });
  });
});

describe("when the clocks change", () => {
  const of = (expression: string, after: string, upTo: string) =>
    moments(expression, after, upTo, "Europe/Vienna").due;

  test.each(["30 2 * * *", "30 2,14 * * *"])(
    "a time that is skipped comes after the gap: %s",
    (at) => {
      const night = of(at, "2027-03-27T22:00Z", "2027-03-28T10:00Z");
      // At 2:00 it is 3:00.
      expect(night).toEqual(["2027-03-28T01:00Z"]);
    },
  );

  test("a time that comes twice counts once", () => {
    expect(of("30 2 * * *", "2027-10-30T22:00Z", "2027-10-31T10:00Z")).toEqual([
      "2027-10-31T00:30Z",
    ]);
  });

  test("an hour that comes twice has its moments twice, and one that is skipped has none", () => {
    expect(of("30 * * * *", "2027-10-30T23:45Z", "2027-10-31T02:00Z")).toEqual([
      "2027-10-31T00:30Z",
      "2027-10-31T01:30Z",
    ]);
    expect(of("30 * * * *", "2027-03-28T00:00Z", "2027-03-28T02:00Z")).toEqual([
      "2027-03-28T00:30Z",
      "2027-03-28T01:30Z",
    ]);
  });
});

describe("what is wrong is said", () => {
  test.each([
    ["61 * * * *", /give another cron than "61 \* \* \* \*": .*minute.*61/],
    ["* * * *", /five fields.*"\* \* \* \*" has 4/],
    ["0 0 0 1 1 * 2027", /has 7/],
    ["2027-01-01T00:00:00", /five fields/],
    ["", /five fields/],
    ["every day", /five fields/],
    ["@reboot", /give another cron than "@reboot"/],
    ["@often", /give another cron than "@often"/],
    ["0 0 31 2 *", /"0 0 31 2 \*" never comes/],
  ])("%j", (expression, wrong) => {
    expect(moments(expression, "2027-03-01T00:00Z")).toEqual({
      due: [],
      wrong: expect.stringMatching(wrong),
    });
  });

  test("a time zone that is unknown", () => {
    expect(moments("@daily", "2027-03-01T00:00Z", "2027-03-01T00:00Z", "Europe/Nowhere")).toEqual({
      due: [],
      wrong: 'give a time zone such as "Europe/Vienna": "Europe/Nowhere" is not known here',
    });
  });
});
