// A scheduler that begins on a journal: who it is, what it refuses, and what it leaves.

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openJournal } from "../../scheduler/journal/journal.ts";
import { startScheduler } from "../../scheduler/main.ts";
import { Replica } from "../../scheduler/replica.ts";
import { recordOf } from "../../scheduler/records.ts";
import { version } from "../../src/version.ts";

function newFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "thence-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, "journal");
}

test("a successor has the same id and token, and a stop leaves a snapshot alone", async () => {
  const journal = newFolder();
  const first = await startScheduler({ port: 0, journal });
  await first.stop();
  expect(await first.ended).toBe("the scheduler was stopped");
  const files = readdirSync(journal).filter((name) => name.startsWith("snapshot"));
  expect(files).toHaveLength(1);
  const next = await startScheduler({ port: 0, journal });
  expect([next.id, next.token]).toEqual([first.id, first.token]);
  await next.stop();
  const other = await startScheduler({ port: 0, journal, token: "another-token" });
  expect([other.id, other.token]).toEqual([first.id, "another-token"]);
  await other.stop();
});

test("one that cannot listen lets go of its journal", async () => {
  const journal = newFolder();
  const taken = await startScheduler({ port: 0 });
  await expect(startScheduler({ port: taken.port, journal })).rejects.toThrow(/another port/);
  const next = await startScheduler({ port: 0, journal });
  await Promise.all([taken.stop(), next.stop()]);
});

test("one whose journal fails when it has hardly begun ends, and says why", async () => {
  const journal = newFolder();
  const first = await startScheduler({ port: 0, journal });
  await first.stop();
  // Something that cannot be removed has the name of the reserve.
  rmSync(path.join(journal, "reserve"), { force: true });
  mkdirSync(path.join(journal, "reserve", "inside"), { recursive: true });
  const ended = startScheduler({ port: 0, journal }).then((scheduler) => scheduler.ended);
  await expect(ended).rejects.toThrow(/cannot write .*reserve/);
});

test("a journal that is in use is refused, also in the same process", async () => {
  const journal = newFolder();
  const user = await startScheduler({ port: 0, journal });
  await expect(startScheduler({ port: 0, journal })).rejects.toThrow(
    new RegExp(`process ${process.pid}`),
  );
  await user.stop();
});

test("records of another version are not repeated, and it is said which one can", async () => {
  const journal = newFolder();
  const identity = () => ({ id: "someone", token: "a-token-of-someone" });
  const older = await openJournal(journal, { version: "0.0.1", identity });
  older.append(recordOf({ now: 1, what: { kind: "start", options: {} } }));
  older.write();
  await older.close();
  await expect(startScheduler({ port: 0, journal })).rejects.toThrow(
    new RegExp(`start thence 0.0.1 on ${journal} once.*this is ${version}`),
  );
});

test("the time of the scheduler goes on when the clock was set back", async () => {
  const journal = newFolder();
  const identity = () => ({ id: "someone", token: "a-token-of-someone" });
  const later = Date.now() + 3_600_000;
  const before = await openJournal(journal, { version, identity });
  before.append(recordOf({ now: later, what: { kind: "start", options: {} } }));
  before.write();
  await before.close();
  const scheduler = await startScheduler({ port: 0, journal });
  await scheduler.stop();
  const after = await openJournal(journal, { version, identity });
  expect(Replica.from(after.snapshot()).kept?.now).toBeGreaterThanOrEqual(later);
  await after.close();
});
