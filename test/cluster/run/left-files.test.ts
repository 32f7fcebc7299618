// The scheduler files that killed steps leave are removed by the next step of the same job.

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeLeftFiles } from "../../../cluster/run/left-files.ts";
import { writeSchedulerFile } from "../../../src/meeting/scheduler-file.ts";
import { node } from "../../processes.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("those of this job whose scheduler ran here and is gone", async () => {
  const ended = node(["--eval", ""]);
  await ended.ended;
  const write = (name: string, pid: number, host = hostname()) =>
    writeSchedulerFile(path.join(folder, name), {
      id: name,
      urls: ["ws://127.0.0.1:1"],
      token: "token",
      pid,
      host,
      version: "0",
      startedAt: "",
    });
  await write("scheduler-12.0.json", ended.pid);
  await write("scheduler-12.1-1.json", ended.pid);
  await write("scheduler-12.2.json", process.pid);
  await write("scheduler-12.3.json", ended.pid, "elsewhere");
  await write("scheduler-12.4.json", ended.pid);
  await write("scheduler-123.0.json", ended.pid);
  await write("scheduler-12.json", ended.pid);
  await removeLeftFiles(path.join(folder, "scheduler-12.4.json"));
  expect((await readdir(folder)).sort()).toEqual([
    "scheduler-12.2.json",
    "scheduler-12.3.json",
    "scheduler-12.4.json",
    "scheduler-12.json",
    "scheduler-123.0.json",
  ]);
  await removeLeftFiles(path.join(folder, "given.json"));
});
