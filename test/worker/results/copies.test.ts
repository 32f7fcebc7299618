// Copies that the scheduler asks a worker to fetch, and that are not to be had.

import { expect, test, vi } from "vitest";
import { memorySocketPair } from "../../src/link/socket-memory.ts";
import { respond } from "../../../src/transfer/responder.ts";
import type { MissingError } from "../../../worker/results/missing-error.ts";
import type { Reports } from "../../../worker/reports.ts";
import { Results } from "../../../worker/results/results.ts";
import type { Log } from "../../../src/log.ts";
import { VirtualClock } from "../../src/link/virtual-clock.ts";

const holder = "ws://holder/data";

function stage(open: () => Promise<never> | Promise<ReturnType<typeof memorySocketPair>[0]>) {
  const clock = new VirtualClock();
  const missing: MissingError[] = [];
  const results = new Results({
    memoryBytes: 1_000_000,
    disk: { write: () => Promise.reject(new Error("no disk")) },
    reports: {
      missing: (_: undefined, error: MissingError) => missing.push(error),
    } as unknown as Reports,
    log: {} as Log,
    token: () => "token",
    open,
    clock,
    schedulerAddress: () => undefined,
    paused: () => undefined,
  });
  const reference = { key: "a", order: 0, attempt: 1, bytes: 100, from: [0] };
  const copy = () => results.receive({ type: "copy", peers: [holder], references: [reference] });
  return { clock, missing, copy };
}

test("a copy whose holder cannot be reached is asked for again after a while, not at once", async () => {
  let tried = 0;
  const { clock, missing, copy } = stage(() => {
    tried += 1;
    return Promise.reject(new Error("nobody answers"));
  });
  copy();
  // One is the connections' own.
  await vi.waitFor(() => expect(clock.pending).toBe(2));
  expect([tried, missing.length]).toEqual([1, 0]);
  clock.runFor(999);
  expect(missing).toHaveLength(0);
  clock.runFor(1);
  expect(missing.map(({ message }) => message)).toEqual([`${holder}: nobody answers`]);
});

test("a copy that its holder does not have is reported at once", async () => {
  const { missing, copy } = stage(() => {
    const [here, there] = memorySocketPair();
    respond(there, { find: () => undefined, take: () => Promise.resolve() });
    return Promise.resolve(here);
  });
  copy();
  await vi.waitFor(() => expect(missing.map(({ lacking }) => lacking)).toEqual([[holder]]));
});
