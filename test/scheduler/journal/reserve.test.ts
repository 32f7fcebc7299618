// The reserve of a journal: room for small records on a full disk.

import { describe, expect, test } from "vitest";
import { JournalFullError } from "../../../scheduler/journal/journal-error.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { open, textsIn, textsOf, write } from "./writes.ts";

const place = "/journal";

describe("the reserve", () => {
  test("is room that is there when the disk is full, once it is given up", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk });
    write(journal, "a");
    journal.reserve();
    expect(disk.files().get("reserve")).toHaveLength(journal.reserveBytes);
    disk.room = 10;
    journal.append(["b".repeat(100)]);
    expect(() => journal.write()).toThrow(JournalFullError);
    journal.discard();
    expect(() => journal.write()).not.toThrow();
    journal.spendReserve();
    write(journal, "small");
    expect(() => journal.reserve()).toThrow(JournalFullError);
    expect(() => journal.reserve()).toThrow(/cannot write .*reserve: there is no room/);
    expect(disk.files().has("reserve")).toBe(false);
    write(journal, "another");
    // It would be given up again at once.
    disk.room = 1.5 * journal.reserveBytes;
    expect(() => journal.reserve()).toThrow(JournalFullError);
    disk.room = 2 * journal.reserveBytes;
    journal.reserve();
    expect(disk.files().get("reserve")).toHaveLength(journal.reserveBytes);
    write(journal, "c");
    await journal.close();
    expect(await textsIn(place, { disk })).toEqual(["a", "small", "another", "c"]);
  });

  test("says that there were records when all of them are gone", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk });
    write(journal, "a");
    journal.reserve();
    await journal.close();
    for (const name of disk.files().keys()) {
      if (name.startsWith("segment")) disk.removeNow(`${place}/${name}`);
    }
    await expect(open(place, { disk })).rejects.toThrow(/all segments are missing in \/journal/);
  });

  test("is of bytes that no file system compresses", async () => {
    const disk = new MemoryDisk();
    (await open(place, { disk })).reserve();
    const bytes = disk.files().get("reserve")!;
    for (let at = 0; at < bytes.length; at += 64 * 1024) {
      expect(new Set(bytes.subarray(at, at + 64 * 1024)).size).toBe(256);
    }
  });

  test("is taken over from the run before, unless it is half of one", async () => {
    const disk = new MemoryDisk();
    const first = await open(place, { disk });
    first.reserve();
    await first.close();
    const before = disk.files().get("reserve");
    const second = await open(place, { disk });
    second.reserve();
    expect(disk.files().get("reserve")).toBe(before);
    await second.close();
    disk.change(`${place}/reserve`, (bytes) => bytes.subarray(0, 1_000));
    const third = await open(place, { disk });
    third.reserve();
    expect(disk.files().get("reserve")).toHaveLength(third.reserveBytes);
  });

  test("is given up when there is no other room to open the journal", async () => {
    const disk = new MemoryDisk();
    const first = await open(place, { disk });
    write(first, "a");
    first.reserve();
    await first.close();
    disk.room = 0;
    const next = await open(place, { disk });
    expect(textsOf(next.records())).toEqual(["a"]);
    write(next, "b");
    await next.close();
  });

  test("without one a full disk is refused in words", async () => {
    const disk = new MemoryDisk();
    const first = await open(place, { disk });
    await first.close();
    disk.room = 0;
    await expect(open(place, { disk })).rejects.toThrow(/cannot lock the journal .* no room/);
  });

  test("what was appended is forgotten, also before the head of a segment is written", async () => {
    const disk = new MemoryDisk();
    const first = await open(place, { disk });
    write(first, "a");
    await first.close();
    // Enough for the lock alone.
    disk.room = 400;
    const next = await open(place, { disk });
    disk.room = 10;
    next.append(["lost"]);
    expect(() => next.write()).toThrow(JournalFullError);
    next.discard();
    next.append(["b"]);
    disk.room = Infinity;
    next.write();
    await next.close();
    expect(await textsIn(place, { disk })).toEqual(["a", "b"]);
  });

  test("a disk that fails while it is made is final", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk });
    disk.failing = { operation: "write", code: "EROFS" };
    expect(() => journal.reserve()).toThrow(/reserve: the file system is read-only/);
    disk.failing = undefined;
    expect(() => journal.append(["a"])).toThrow(/read-only/);
  });
});
