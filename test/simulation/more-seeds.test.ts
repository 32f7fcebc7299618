// The other half of the seeds, in a process of its own beside the first.

import { test } from "vitest";
import { expectRight } from "./seeds.ts";

test(
  "more seeds: every future settles once and rightly, and nothing is left behind",
  () => expectRight(1_000, 2_020),
  300_000,
);
