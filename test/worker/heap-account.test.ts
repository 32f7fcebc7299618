// What is counted on a worker's heap has a limit from V8's own: above it the worker takes no new tasks.

import { expect, test } from "vitest";
import { defaultHeapBytes, HeapAccount } from "../../worker/heap-account.ts";
import { VirtualClock } from "../src/link/virtual-clock.ts";

const mebibyte = 2 ** 20;

function stage() {
  const clock = new VirtualClock();
  const parts = { messages: 0, calls: 0 };
  const said: (string | undefined)[] = [];
  const account = new HeapAccount({
    limitBytes: 100_000,
    parts: [
      { what: "messages", bytes: () => parts.messages },
      { what: "calls", bytes: () => parts.calls },
    ],
    full: (reason) => said.push(reason),
    clock,
  });
  return { account, clock, parts, said };
}

test("it is full above its limit, and says what takes most", () => {
  const { account, parts, said } = stage();
  Object.assign(parts, { messages: 30_000, calls: 70_000 });
  account.check();
  expect([account.isFull, said]).toEqual([false, []]);
  parts.messages += 1;
  account.check();
  account.check();
  expect(account.isFull).toBe(true);
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(/^calls take .* of its JavaScript heap, its limit is .*: NODE_OPTIONS=/);
});

test("it has room again when much has gone, which it finds out by itself", () => {
  const { account, clock, parts, said } = stage();
  parts.messages = 100_001;
  account.check();
  parts.messages = 90_000;
  clock.runFor(1_000);
  expect(account.isFull).toBe(true);
  parts.messages = 60_000;
  clock.runFor(1_000);
  expect([account.isFull, said.at(-1)]).toEqual([false, undefined]);
  expect(clock.pending).toBe(0);
});

test("it is full while the heap is nearly used up, whatever is counted", () => {
  const { account, clock, said } = stage();
  account.isExhausted = true;
  expect([account.isFull, said]).toEqual([true, [expect.stringContaining("nearly used up")]]);
  clock.runFor(1_000);
  expect(account.isFull).toBe(true);
  account.isExhausted = false;
  clock.runFor(1_000);
  expect([account.isFull, said.at(-1)]).toEqual([false, undefined]);
});

test("it says once that it is full, whatever follows", () => {
  const { account, clock, parts, said } = stage();
  parts.calls = 100_001;
  account.check();
  account.isExhausted = true;
  parts.calls = 0;
  clock.runFor(1_000);
  expect([account.isFull, said]).toEqual([true, [expect.stringContaining("calls take")]]);
  account.isExhausted = false;
  clock.runFor(1_000);
  expect([account.isFull, said.length]).toEqual([false, 2]);
});

test("it looks no more once it is closed", () => {
  const { account, clock, parts } = stage();
  parts.messages = 100_001;
  account.check();
  account.close();
  expect(clock.pending).toBe(0);
});

test.each([
  [4_096 + 192, 2_032],
  [64 + 192, 16],
  [32 + 192, 12],
])("of a heap of %i MiB, %i MiB may be filled", (limit, counted) => {
  expect(defaultHeapBytes(limit * mebibyte)).toBe(counted * mebibyte);
});
