// How often a worker looks a call up by its key, counted and not timed: most of what its main thread does
// for a short call beside messages.

import { afterEach, expect, test, vi } from "vitest";
import { KeyTable } from "../../src/key-table.ts";
import { CallsUnderTest } from "../worker/calls-under-test.ts";

afterEach(() => void vi.restoreAllMocks());

test("a worker looks up a call twice as it comes, and once as it ends", async () => {
  const worker = await CallsUnderTest.start();
  const lookups = (["get", "add", "delete"] as const).map((name) =>
    vi.spyOn(KeyTable.prototype, name),
  );
  await worker.endsOf(worker.run("echo", [[1], [2], [3]]));
  expect(lookups.map(({ mock }) => mock.calls.length)).toEqual([3, 3, 3]);
});
