// The directory for results that do not fit into memory, when the user gave none: the first on a disk.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { defaultDirectory, isInMemory } from "../../../worker/results/default-directory.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

test("is that of the job, then the system's, then /var/tmp", async () => {
  const job = folder;
  const system = tmpdir();
  const inMemory = (...directories: string[]) => {
    return (directory: string) => Promise.resolve(directories.includes(directory));
  };
  const environment = { SLURM_TMPDIR: job };
  const chosen = (...directories: string[]) =>
    defaultDirectory(environment, inMemory(...directories));
  expect(await chosen()).toEqual({ path: job, isMemory: false, passedOver: [] });
  expect(await chosen(job)).toEqual({ path: system, isMemory: false, passedOver: [job] });
  expect(await chosen(job, system)).toEqual({
    path: "/var/tmp",
    isMemory: false,
    passedOver: [job, system],
  });
  expect(await chosen(job, system, "/var/tmp")).toEqual({
    path: system,
    isMemory: true,
    passedOver: [job, system, "/var/tmp"],
  });
});

test("passes over one that is not there", async () => {
  const environment = { SLURM_TMPDIR: path.join(folder, "gone") };
  const { path: chosen } = await defaultDirectory(environment, () => Promise.resolve(false));
  expect(chosen).toBe(tmpdir());
});

test.runIf(process.platform === "linux")("knows what is in memory", async () => {
  expect(await isInMemory("/proc")).toBe(false);
  expect(await isInMemory("/dev/shm")).toBe(true);
});
