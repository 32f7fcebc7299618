// The scheduler file: written atomically, checked when read, removed.

import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConnectionError } from "../../../src/errors/errors.ts";
import {
  readSchedulerFile,
  removeSchedulerFile,
  writeSchedulerFile,
  type SchedulerFile,
} from "../../../src/meeting/scheduler-file.ts";

const content: SchedulerFile = {
  id: "s-1",
  urls: ["ws://10.0.0.7:8786", "ws://127.0.0.1:8786"],
  token: "secret",
  pid: 1,
  host: "n1",
  version: "0.1.0",
  startedAt: "2025-01-01T00:00:00.000Z",
};

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "thence-test-"));
  path = join(directory, "s.json");
});
afterEach(() => rm(directory, { recursive: true }));

describe("a scheduler file", () => {
  test("says what was written, is for its owner alone, and leaves nothing beside it", async () => {
    await writeSchedulerFile(path, content);
    expect(await readSchedulerFile(path)).toEqual(content);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(["s.json"]);
  });

  test("takes the place of one that lies there, whatever its mode was", async () => {
    await writeFile(path, "old", { mode: 0o644 });
    await writeSchedulerFile(path, content);
    expect(await readSchedulerFile(path)).toEqual(content);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test("cannot be written where there is no directory, and the error says where", async () => {
    const nowhere = join(directory, "absent", "s.json");
    await expect(writeSchedulerFile(nowhere, content)).rejects.toThrow(
      `cannot write the scheduler file ${nowhere}`,
    );
  });

  test("is removed by the scheduler that wrote it and by no other", async () => {
    await writeSchedulerFile(path, content);
    await removeSchedulerFile(path, "s-2");
    expect(await readSchedulerFile(path)).toEqual(content);
    await removeSchedulerFile(path, "s-1");
    expect(await readSchedulerFile(path)).toBeUndefined();
    await removeSchedulerFile(path, "s-1");
  });

  test.each([
    ["half of one", JSON.stringify(content).slice(0, 40)],
    ["nothing at all", ""],
    ["other JSON", '{"name":"thence"}'],
    ["one without URLs", JSON.stringify({ ...content, urls: [] })],
    ["one with a foreign URL", JSON.stringify({ ...content, urls: ["http://x"] })],
  ])("is not mistaken for %s", async (_, text) => {
    await writeFile(path, text);
    const reading = readSchedulerFile(path);
    await expect(reading).rejects.toThrow(ConnectionError);
    await expect(reading).rejects.toThrow(`${path} is not a scheduler file`);
  });
});
