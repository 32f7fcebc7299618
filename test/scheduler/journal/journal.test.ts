// A journal in use: what one scheduler writes, its successor reads.

import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readSegments, readSnapshot } from "../../../scheduler/journal/compaction-files.ts";
import { realDisk } from "../../../scheduler/journal/disk.ts";
import { writeSnapshot } from "../../../scheduler/journal/snapshots.ts";
import { identity, makeDirectory, open, textsIn, textsOf, write } from "./writes.ts";

const version = "1.0.0";

describe("a journal", () => {
  test("keeps records in order, of texts and bytes, short and long", async () => {
    const directory = await makeDirectory();
    const first = await open(directory);
    const long = Buffer.alloc(3_000_000, "long");
    first.append(["a", Buffer.from("b"), "c"]);
    first.append([""]);
    first.append([]);
    first.write();
    first.append(["ü€😀".repeat(10_000), long, "end"]);
    first.append([Buffer.alloc(20_000, "x"), "y"]);
    first.write();
    await first.close();
    expect(textsOf((await open(directory)).records())).toEqual([
      "abc",
      "",
      "",
      `${"ü€😀".repeat(10_000)}${long.toString()}end`,
      `${"x".repeat(20_000)}y`,
    ]);
  });

  test("keeps what was written though the process ends without a word, and nothing that was only appended", async () => {
    const directory = await makeDirectory();
    const killed = await open(directory);
    write(killed, "written");
    killed.append(["only appended"]);
    // The successor finds the files as they are; the lock alone stands for the process.
    await rm(join(directory, "lock-000001"));
    expect(await textsIn(directory)).toEqual(["written"]);
  });

  test("gathers the records of all runs", async () => {
    const directory = await makeDirectory();
    for (const text of ["a", "b", "c"]) {
      const journal = await open(directory);
      write(journal, text, text.toUpperCase());
      await journal.close();
    }
    expect(await textsIn(directory)).toEqual(["a", "A", "b", "B", "c", "C"]);
  });

  test("gives each successor the same id and token, in a directory for its owner alone", async () => {
    const directory = join(await makeDirectory(), "new", "journal");
    await (await open(directory)).close();
    const next = await open(directory, { identity: () => ({ id: "other", token: "other" }) });
    expect(next.identity).toEqual(identity);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(directory)) {
      expect((await stat(join(directory, name))).mode & 0o777, name).toBe(0o600);
    }
  });

  test("says when others can read the token or change the journal", async () => {
    const directory = await makeDirectory();
    await (await open(directory)).close();
    await chmod(join(directory, "journal.json"), 0o640);
    await chmod(directory, 0o777);
    const said: string[] = [];
    await open(directory, { say: (line) => said.push(line) });
    expect(said).toEqual([
      expect.stringContaining("its group can read the token in"),
      expect.stringContaining("every user of this machine can read or change the journal"),
    ]);
  });

  test("gives records that stay as they are while later ones are read", async () => {
    const directory = await makeDirectory();
    const journal = await open(directory);
    for (let i = 0; i < 30_000; i++) journal.append([String(i).padStart(100)]);
    await journal.close();
    const records = [...(await open(directory)).records()];
    expect(records.every((record, i) => Number(Buffer.from(record).toString()) === i)).toBe(true);
    expect(records).toHaveLength(30_000);
  });

  test("is closed once, and takes nothing after that", async () => {
    const journal = await open(await makeDirectory());
    journal.append(["not written yet"]);
    await journal.close();
    await journal.close();
    expect(() => journal.append(["late"])).toThrow("is closed");
    expect(() => journal.write()).toThrow("is closed");
    await expect(journal.sync()).rejects.toThrow("is closed");
  });

  test("writes on close what was appended", async () => {
    const directory = await makeDirectory();
    const journal = await open(directory);
    journal.append(["appended"]);
    await journal.close();
    expect(await textsIn(directory)).toEqual(["appended"]);
  });
});

describe("a snapshot", () => {
  test("replaces the records before it, whose files are removed", async () => {
    const directory = await makeDirectory();
    const journal = await open(directory);
    write(journal, "a", "b");
    const before = journal.bytesSinceSnapshot;
    const upTo = journal.rotate();
    write(journal, "c");
    expect(textsOf(readSegments(directory, 1, upTo))).toEqual(["a", "b"]);
    expect(readSnapshot(directory)).toBeUndefined();
    const bytes = writeSnapshot(directory, upTo, [{ state: ["a", "b"] }, new Map([[1, 2n]])], {
      version,
    });
    expect(journal.snapshotBytes).toBe(0);
    journal.adopt(upTo);
    expect(journal.snapshotBytes).toBe(bytes);
    expect(journal.bytesSinceSnapshot).toBeLessThan(before);
    await journal.close();
    expect((await readdir(directory)).sort()).toEqual([
      "journal.json",
      "segment-000002.log",
      "snapshot-000001",
    ]);
    const next = await open(directory);
    expect([...next.snapshot()!]).toEqual([{ state: ["a", "b"] }, new Map([[1, 2n]])]);
    expect(textsOf(next.records())).toEqual(["c"]);
    expect(next.snapshotBytes).toBe(bytes);
  });

  test("is made from the one before it and the segments between", async () => {
    const directory = await makeDirectory();
    const journal = await open(directory);
    for (const text of ["a", "b", "c"]) {
      write(journal, text);
      const upTo = journal.rotate();
      const older = readSnapshot(directory);
      const records = textsOf(readSegments(directory, (older?.number ?? 0) + 1, upTo));
      writeSnapshot(directory, upTo, [...(older?.chunks ?? []), ...records], { version });
      journal.adopt(upTo);
    }
    await journal.close();
    const next = await open(directory);
    expect([...next.snapshot()!]).toEqual(["a", "b", "c"]);
    expect(textsOf(next.records())).toEqual([]);
    expect(next.tailVersion).toBeUndefined();
  });

  test("that was written and not adopted counts after a restart", async () => {
    const directory = await makeDirectory();
    const journal = await open(directory);
    write(journal, "a");
    writeSnapshot(directory, journal.rotate(), ["a"], { version });
    write(journal, "b");
    await journal.close();
    const next = await open(directory);
    expect([...next.snapshot()!]).toEqual(["a"]);
    expect(textsOf(next.records())).toEqual(["b"]);
    write(next, "c");
    const upTo = next.rotate();
    writeSnapshot(directory, upTo, ["a", "b", "c"], { version });
    next.adopt(upTo);
    await next.close();
    expect((await readdir(directory)).sort()).toEqual([
      "journal.json",
      `segment-00000${upTo + 1}.log`,
      `snapshot-00000${upTo}`,
    ]);
  });

  test("that was not finished is removed", async () => {
    const directory = await makeDirectory();
    const journal = await open(directory);
    write(journal, "a");
    await writeFile(join(directory, "snapshot-000001.tmp"), "half");
    await journal.close();
    expect(await textsIn(directory)).toEqual(["a"]);
    expect(await readdir(directory)).not.toContain("snapshot-000001.tmp");
  });

  test("whose chunks throw leaves nothing", async () => {
    const directory = await makeDirectory();
    const journal = await open(directory);
    write(journal, "a");
    const chunks = function* (): Generator<string> {
      yield "first";
      throw new Error("cannot freeze");
    };
    const upTo = journal.rotate();
    expect(() => writeSnapshot(directory, upTo, chunks(), { version })).toThrow("cannot freeze");
    expect((await readdir(directory)).filter((name) => name.startsWith("snapshot"))).toEqual([]);
  });

  test("cannot be adopted when it is not there", async () => {
    const journal = await open(await makeDirectory());
    write(journal, "a");
    const upTo = journal.rotate();
    expect(() => journal.adopt(upTo)).toThrow("snapshot-000001");
  });

  test("cannot be written of a segment that is still written to", async () => {
    const directory = await makeDirectory();
    write(await open(directory), "a");
    expect(() => writeSnapshot(directory, 1, [], { version })).toThrow("snapshot-000001");
  });

  test("of a thousand chunks is read back", async () => {
    const directory = await makeDirectory();
    const journal = await open(directory);
    write(journal, "a");
    const chunks = Array.from({ length: 1000 }, (_, i) => ({ i, bytes: Buffer.alloc(10_000, i) }));
    const upTo = journal.rotate();
    expect(writeSnapshot(directory, upTo, chunks, { version })).toBe(
      (await stat(join(directory, "snapshot-000001"))).size,
    );
    expect([...readSnapshot(directory)!.chunks]).toEqual(chunks);
  });
});

describe("the version", () => {
  test("of the records and of the snapshot is told apart", async () => {
    const directory = await makeDirectory();
    const old = await open(directory, { version: "0.9.0" });
    expect(old.tailVersion).toBeUndefined();
    write(old, "a");
    await old.close();
    const between = await open(directory);
    expect(between.tailVersion).toBe("0.9.0");
    writeSnapshot(directory, between.rotate() - 1, ["a"], { version: "0.9.0" });
    await between.close();
    const next = await open(directory);
    expect(next.tailVersion).toBeUndefined();
    expect(next.snapshotVersion).toBe("0.9.0");
    write(next, "b");
    await next.close();
    expect((await open(directory)).tailVersion).toBe("1.0.0");
  });

  test.each(["segment-000001.log", "snapshot-000001"])(
    "of a newer format in %s is refused in words",
    async (name) => {
      const directory = await makeDirectory();
      const journal = await open(directory);
      write(journal, "a");
      writeSnapshot(directory, journal.rotate(), ["a"], { version });
      await journal.close();
      if (name.startsWith("segment")) await rm(join(directory, "snapshot-000001"));
      const bytes = await readFile(join(directory, name));
      bytes.writeUInt32LE(7, 8);
      await writeFile(join(directory, name), bytes);
      await expect(open(directory)).rejects.toMatchObject({
        kind: "newer",
        message: expect.stringMatching(/newer version of thence \(format 7, .* start the newer/),
      });
    },
  );

  test("of a newer format in journal.json is refused in words", async () => {
    const directory = await makeDirectory();
    await writeFile(join(directory, "journal.json"), JSON.stringify({ format: 2, who: "knows" }));
    await expect(open(directory)).rejects.toMatchObject({ kind: "newer" });
  });
});

describe("a journal is refused", () => {
  test("without its identity", async () => {
    const directory = await makeDirectory();
    await (await open(directory)).close();
    await rm(join(directory, "journal.json"));
    await expect(open(directory)).rejects.toThrow("journal.json is missing");
    await writeFile(join(directory, "journal.json"), "{");
    await expect(open(directory)).rejects.toThrow("is not the identity of a journal");
  });

  test("without one of its segments, and says which", async () => {
    const directory = await makeDirectory();
    for (const text of ["a", "b", "c"]) {
      const journal = await open(directory);
      write(journal, text);
      await journal.close();
    }
    await rm(join(directory, "segment-000002.log"));
    await expect(open(directory)).rejects.toThrow(/segment-000002.log is missing/);
  });

  test("without its first segment", async () => {
    const directory = await makeDirectory();
    const journal = await open(directory);
    write(journal, "a");
    journal.rotate();
    await journal.close();
    await rm(join(directory, "segment-000001.log"));
    await expect(open(directory)).rejects.toThrow(/segment-000001.log is missing/);
  });

  test("with files of another journal", async () => {
    const [directory, other] = [await makeDirectory(), await makeDirectory()];
    for (const [place, text] of [
      [directory, "a"],
      [other, "quite a long text"],
    ] as const) {
      const journal = await open(place);
      write(journal, text);
      journal.rotate();
      write(journal, text);
      await journal.close();
    }
    await rename(join(other, "segment-000002.log"), join(directory, "segment-000002.log"));
    await expect(open(directory)).rejects.toMatchObject({ kind: "damaged" });
  });

  test("with a file under another name", async () => {
    const directory = await makeDirectory();
    const journal = await open(directory);
    write(journal, "a");
    await journal.close();
    const bytes = await readFile(join(directory, "segment-000001.log"));
    await writeFile(join(directory, "segment-000002.log"), bytes);
    await expect(open(directory)).rejects.toMatchObject({ kind: "damaged" });
  });

  test("on a path that is a file", async () => {
    const place = join(await makeDirectory(), "file");
    await writeFile(place, "");
    await expect(open(place)).rejects.toThrow(/something else has its name/);
    await expect(open(join(place, "in"))).rejects.toThrow(/something else has its name/);
  });

  test("on a read-only file system, and of another user", async () => {
    const directory = await makeDirectory();
    await mkdir(join(directory, "journal"));
    for (const [code, words] of [
      ["EROFS", "the file system is read-only"],
      ["EACCES", "it belongs to another user"],
    ]) {
      const create = (): never => {
        throw Object.assign(new Error(`${code}: refused`), { code });
      };
      const disk = { ...realDisk, create };
      await expect(open(join(directory, "journal"), { disk })).rejects.toMatchObject({
        kind: "failed",
        message: expect.stringContaining(words!),
      });
    }
    expect(await readdir(join(directory, "journal"))).toEqual([]);
  });
});
