// When a journal is compacted: not too soon, one at a time, and later again after a failure.

import { expect, test, vi } from "vitest";
import { Compaction } from "../../scheduler/compaction.ts";
import type { Journal } from "../../scheduler/journal/journal.ts";
import { silentLog } from "../../src/log.ts";

const mebibyte = 1024 * 1024;

function stage() {
  const rotate = vi.fn<() => number>(() => {
    throw new Error("no room");
  });
  const journal = { bytesSinceSnapshot: 0, snapshotBytes: 0, rotate };
  const warning = vi.fn();
  const compaction = new Compaction({
    directory: "nowhere",
    journal: journal as unknown as Journal,
    log: { ...silentLog, warning },
  });
  return { compaction, journal, rotate, warning };
}

test("begins when as much was written as the snapshot has, and 16 MiB at least", () => {
  const { compaction, journal, rotate } = stage();
  journal.bytesSinceSnapshot = 15 * mebibyte;
  compaction.consider();
  journal.snapshotBytes = 100 * mebibyte;
  journal.bytesSinceSnapshot = 90 * mebibyte;
  compaction.consider();
  expect(rotate).not.toHaveBeenCalled();
  journal.bytesSinceSnapshot = 101 * mebibyte;
  compaction.consider();
  expect(rotate).toHaveBeenCalledOnce();
});

test("runs once however often it is considered, and at the end once more", async () => {
  const { compaction, journal, rotate } = stage();
  journal.bytesSinceSnapshot = 20 * mebibyte;
  for (let times = 0; times < 5; times += 1) compaction.consider();
  expect(rotate).toHaveBeenCalledTimes(1);
  await Promise.all([compaction.run(), compaction.run()]);
  expect(rotate).toHaveBeenCalledTimes(3);
});

test("after a failure waits until there is twice as much", async () => {
  const { compaction, journal, rotate, warning } = stage();
  journal.bytesSinceSnapshot = 20 * mebibyte;
  compaction.consider();
  await vi.waitFor(() => expect(warning).toHaveBeenCalledOnce());
  journal.bytesSinceSnapshot = 39 * mebibyte;
  compaction.consider();
  expect(rotate).toHaveBeenCalledOnce();
  journal.bytesSinceSnapshot = 41 * mebibyte;
  compaction.consider();
  expect(rotate).toHaveBeenCalledTimes(2);
});
