// A disk that is full, and one that fails.

import { execFile, execFileSync } from "node:child_process";
import { rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { JournalFullError } from "../../../scheduler/journal/journal-error.ts";
import { writeSnapshot } from "../../../scheduler/journal/snapshots.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { makeDirectory, open, textsIn, textsOf, write } from "./writes.ts";

const place = "/journal";
const version = "1.0.0";

describe("a full disk", () => {
  test("in the middle of a write loses nothing, and the same bytes are written when there is room", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk });
    write(journal, "a");
    const before = Number(disk.facts(`${place}/segment-000001.log`).size);
    disk.room = 50;
    journal.append(["b".repeat(20)]);
    journal.append(["c".repeat(20)]);
    for (let i = 0; i < 3; i++) expect(() => journal.write()).toThrow(JournalFullError);
    expect(() => journal.write()).toThrow(/cannot write .*segment-000001.log: there is no room/);
    expect(Number(disk.facts(`${place}/segment-000001.log`).size)).toBe(before);
    journal.append(["d"]);
    disk.room = Infinity;
    journal.write();
    await journal.close();
    expect(await textsIn(place, { disk })).toEqual(["a", "b".repeat(20), "c".repeat(20), "d"]);
  });

  test("leaves a whole journal when the process dies", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk });
    write(journal, "a");
    disk.room = 50;
    journal.append(["b".repeat(100)]);
    expect(() => journal.write()).toThrow(JournalFullError);
    const left = disk.afterDeath();
    left.removeNow(`${place}/lock-000001`);
    expect(await textsIn(place, { disk: left })).toEqual(["a"]);
  });

  test("opens a journal, and takes records when there is room", async () => {
    const disk = new MemoryDisk();
    const first = await open(place, { disk });
    write(first, "a");
    await first.close();
    // Enough for the lock alone.
    disk.room = 400;
    const next = await open(place, { disk });
    expect(textsOf(next.records())).toEqual(["a"]);
    disk.room = 10;
    next.append(["b"]);
    expect(() => next.write()).toThrow(JournalFullError);
    expect(() => next.rotate()).toThrow(JournalFullError);
    disk.room = Infinity;
    next.write();
    await next.close();
    expect(await textsIn(place, { disk })).toEqual(["a", "b"]);
  });

  test("cannot begin a segment, and goes on in the one before", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk });
    write(journal, "a");
    disk.room = 10;
    expect(() => journal.rotate()).toThrow(JournalFullError);
    disk.room = Infinity;
    write(journal, "b");
    expect(journal.rotate()).toBe(1);
    await journal.close();
    expect(await textsIn(place, { disk })).toEqual(["a", "b"]);
  });

  test("takes no snapshot, and leaves nothing of it", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk });
    write(journal, "a");
    const upTo = journal.rotate();
    disk.room = 100;
    expect(() => writeSnapshot(place, upTo, ["b".repeat(1000)], { version, disk })).toThrow(
      JournalFullError,
    );
    expect([...disk.files().keys()].filter((name) => name.startsWith("snapshot"))).toEqual([]);
  });

  test("drops on close what nobody was told of", async () => {
    const disk = new MemoryDisk();
    const said: string[] = [];
    const journal = await open(place, { disk, say: (line) => said.push(line) });
    write(journal, "a");
    disk.room = 10;
    journal.append(["b"]);
    await journal.close();
    expect(said).toEqual([expect.stringMatching(/no room .* is dropped/)]);
    disk.room = Infinity;
    expect(await textsIn(place, { disk })).toEqual(["a"]);
  });

  test("for real: a mount of a mebibyte", async (context) => {
    const mount = await makeDirectory();
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mount], { stdio: "ignore" });
    } catch {
      context.skip("needs the right to mount a file system");
    }
    try {
      const directory = join(mount, "journal");
      const journal = await open(directory);
      write(journal, "a");
      await writeFile(join(mount, "ballast"), Buffer.alloc(700_000));
      const long = "b".repeat(600_000);
      journal.append([long]);
      expect(() => journal.write()).toThrow(JournalFullError);
      expect(() => journal.write()).toThrow(/ENOSPC/);
      await rm(join(mount, "ballast"));
      journal.write();
      await journal.sync();
      await journal.close();
      expect(await textsIn(directory)).toEqual(["a", long]);
    } finally {
      execFileSync("umount", ["--lazy", mount]);
    }
  });

  test("for real: a limit of the size of files", async () => {
    const directory = await makeDirectory();
    const program = join(import.meta.dirname, "fixtures", "fill.ts");
    // 8 blocks of 512 or 1024 bytes, by the shell.
    const command = `ulimit -f 8; exec "$0" "$@"`;
    const { stdout } = await promisify(execFile)("sh", [
      "-c",
      command,
      process.execPath,
      program,
      directory,
    ]);
    const { told, error } = JSON.parse(stdout) as { told: number; error: string };
    expect(error).toMatch(/no room \(EFBIG/);
    expect(told).toBeGreaterThan(10);
    expect(await textsIn(directory)).toEqual(Array.from({ length: told }, (_, i) => String(i)));
    expect((await stat(join(directory, "segment-000001.log"))).size).toBeLessThanOrEqual(8 * 1024);
  });
});

describe("a failing disk", () => {
  test("a sync that fails is final", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk });
    write(journal, "a");
    await journal.sync();
    write(journal, "b");
    disk.failing = { operation: "sync", code: "EIO" };
    await expect(journal.sync()).rejects.toMatchObject({
      kind: "failed",
      message: expect.stringMatching(/the disk of the journal .* has failed.*EIO/),
    });
    disk.failing = undefined;
    await expect(journal.sync()).rejects.toThrow("has failed");
    expect(() => journal.append(["c"])).toThrow("has failed");
    expect(() => journal.write()).toThrow("has failed");
    expect(() => journal.rotate()).toThrow("has failed");
    await journal.close();
    expect([...disk.files().keys()].filter((name) => name.startsWith("lock"))).toEqual([]);
  });

  test("a sync without room is final: a network file system says it so late", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk });
    write(journal, "a");
    disk.failing = { operation: "sync", code: "ENOSPC" };
    await expect(journal.sync()).rejects.toMatchObject({ kind: "failed" });
  });

  test("a write that fails is final, and what was written before is kept", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk });
    write(journal, "a");
    disk.failing = { operation: "write", code: "EIO" };
    journal.append(["b"]);
    expect(() => journal.write()).toThrow(/cannot write .*EIO/);
    disk.failing = undefined;
    expect(() => journal.write()).toThrow(/cannot write .*EIO/);
    await journal.close();
    expect(await textsIn(place, { disk })).toEqual(["a"]);
  });

  test("a full disk on which nothing can be cut back is final", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk });
    disk.room = 20;
    disk.failing = { operation: "truncate", code: "EIO" };
    journal.append(["a".repeat(100)]);
    expect(() => journal.write()).toThrow(/no room/);
    disk.room = Infinity;
    expect(() => journal.write()).toThrow(/no room/);
    await journal.close();
    expect(await textsIn(place, { disk })).toEqual([]);
  });

  test("a sync of a closed segment that fails shows at the next call", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk });
    write(journal, "a");
    disk.failing = { operation: "sync", code: "EIO" };
    journal.rotate();
    await expect(journal.sync()).rejects.toThrow("has failed");
    expect(() => journal.append(["b"])).toThrow("has failed");
  });
});

describe("a sync", () => {
  test("waits for what was written before it, and not for what comes after", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk, durability: "machine" });
    const waiting: (() => void)[] = [];
    disk.beforeSync = () => new Promise<void>((resolve) => waiting.push(resolve));
    const done: string[] = [];
    write(journal, "a");
    const first = journal.sync().then(() => done.push("a"));
    write(journal, "b");
    const second = journal.sync().then(() => done.push("b"));
    write(journal, "c");
    // The segment, and its name in the directory.
    waiting.shift()!();
    await expect.poll(() => waiting.length).toBe(1);
    waiting.shift()!();
    await first;
    expect(done).toEqual(["a"]);
    disk.beforeSync = () => undefined;
    await expect.poll(() => waiting.length).toBe(1);
    waiting.shift()!();
    await second;
    expect(done).toEqual(["a", "b"]);
    await journal.sync();
  });

  test("with nothing written does nothing", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk });
    await journal.sync();
    disk.failing = { operation: "sync", code: "EIO" };
    await journal.sync();
  });
});
