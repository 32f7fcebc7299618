// The scheduler as a whole: its scheduler file, and two schedulers with the same file.

import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PerformanceObserver } from "node:perf_hooks";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
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

test("the file of a scheduler of an older version, which asks for the token, is not taken", async () => {
  const schedulerFile = join(folder, "s.json");
  const first = await startScheduler({ port: 0, schedulerFile });
  const left = JSON.parse(await readFile(schedulerFile, "utf8")) as object;
  await first.stop();
  const older = createServer();
  older.on("upgrade", (_, socket) =>
    socket.end("HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\n"),
  );
  await once(older.listen(0, "127.0.0.1"), "listening");
  const urls = [`ws://127.0.0.1:${(older.address() as AddressInfo).port}`];
  await writeFile(schedulerFile, JSON.stringify({ ...left, urls }), { mode: 0o600 });
  await expect(startScheduler({ port: 0, schedulerFile })).rejects.toThrow(
    /choose another scheduler file/,
  );
  older.close();
});

test("a scheduler that cannot write its file leaves nothing at work", async () => {
  const watching = vi.spyOn(PerformanceObserver.prototype, "observe");
  const stopped = vi.spyOn(PerformanceObserver.prototype, "disconnect");
  const schedulerFile = join(folder, "missing", "s.json");
  await expect(startScheduler({ port: 0, schedulerFile })).rejects.toThrow(/missing/);
  expect(stopped.mock.calls.length).toBe(watching.mock.calls.length);
  expect(watching).toHaveBeenCalled();
  vi.restoreAllMocks();
});
