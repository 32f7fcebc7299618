// The rate limit for log lines that outsiders can cause.

import { expect, test } from "vitest";
import { rateLimited } from "../../src/rate-limit.ts";

test("twenty lines a minute are written, and the next one says how many were left out", () => {
  let now = 0;
  const written: string[] = [];
  const say = rateLimited(
    (text) => written.push(text),
    () => now,
  );
  for (let count = 0; count < 3_000; count += 1) say(`turned away ${count}`);
  expect(written).toHaveLength(20);
  now = 60_000;
  say("turned away again");
  say("and again");
  expect(written.slice(20)).toEqual([
    "turned away again (2980 more such warnings were left out before this one)",
    "and again",
  ]);
});
