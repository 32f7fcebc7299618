// The scheduler as a whole: its scheduler file, and two schedulers with the same file.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startScheduler } from "../../scheduler/main.ts";
import { readSchedulerFile } from "../../src/meeting/scheduler-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "thence-test-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a second scheduler does not take the file of one that lives", async () => {
  const schedulerFile = join(folder, "s.json");
  const first = await startScheduler({ port: 0, schedulerFile });
  await expect(startScheduler({ port: 0, schedulerFile })).rejects.toThrow(
    new RegExp(
      `choose another scheduler file, or end the scheduler that uses .*: process ${process.pid}`,
    ),
  );
  expect((await readSchedulerFile(schedulerFile))?.id).toBe(first.id);
  await first.stop();
  expect(await readSchedulerFile(schedulerFile)).toBeUndefined();
});

test("a file that a scheduler left behind is replaced", async () => {
  const schedulerFile = join(folder, "s.json");
  const first = await startScheduler({ port: 0, schedulerFile });
  const left = await readFile(schedulerFile);
  await first.stop();
  await writeFile(schedulerFile, left, { mode: 0o600 });
  const second = await startScheduler({ port: 0, schedulerFile });
  expect((await readSchedulerFile(schedulerFile))?.id).toBe(second.id);
  await second.stop();
});
