// The ledger of the core counts no less than each kind of thing takes on the heap: measured and not estimated, so that
// a field which is forgotten there fails here.

import { expect, test } from "vitest";
import { kinds } from "../../benchmarks/memory/kinds.ts";
import { measure } from "../../benchmarks/memory/measure.ts";

const count = 6_000;

test.each(Object.entries(kinds))("%s", (_, kind) => {
  // Once for the code that is compiled meanwhile, and for tables that begin with some room.
  measure(kind, count / 20);
  const { measured, counted } = measure(kind, count);
  expect(measured).toBeGreaterThan(50);
  expect(counted).toBeGreaterThan(measured);
});
