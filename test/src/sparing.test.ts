// A log that outsiders can write to is written to sparingly.

import { expect, test } from "vitest";
import { sparing } from "../../src/sparing.ts";

test("twenty a minute get through, and how many did not is said with the next", () => {
  let now = 0;
  const said: string[] = [];
  const say = sparing(
    (text) => said.push(text),
    () => now,
  );
  for (let count = 0; count < 3_000; count += 1) say(`turned away ${count}`);
  expect(said).toHaveLength(20);
  now = 60_000;
  say("turned away again");
  say("and again");
  expect(said.slice(20)).toEqual([
    "turned away again (2980 more such warnings were left out before this one)",
    "and again",
  ]);
});
