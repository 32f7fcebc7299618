// Files that are not whole: a torn end is cut off, and damage before it is refused. Any cut and any changed byte.

import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { writeSnapshot } from "../../../scheduler/journal/snapshots.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { makeDirectory, open, textsIn, textsOf, write } from "./writes.ts";

/** A journal of one segment with these records, and the bytes of that segment. */
async function segmentWith(...texts: string[]): Promise<{
  directory: string;
  path: string;
  bytes: Buffer;
}> {
  const directory = await makeDirectory();
  const journal = await open(directory);
  for (const text of texts) write(journal, text);
  await journal.close();
  const path = join(directory, "segment-000001.log");
  return { directory, path, bytes: await readFile(path) };
}

describe("a torn end", () => {
  test("is left out, and its length is said", async () => {
    const { directory, path, bytes } = await segmentWith("a", "b", "c".repeat(100));
    await writeFile(path, bytes.subarray(0, -10));
    const said: string[] = [];
    expect(await textsIn(directory, { say: (line) => said.push(line) })).toEqual(["a", "b"]);
    expect(said).toEqual([
      `the last 110 bytes of ${path} are not whole and are left out: nobody was told of them`,
    ]);
  });

  test("is said once, and what comes after it is found", async () => {
    const { directory, path, bytes } = await segmentWith("a", "b");
    await writeFile(path, bytes.subarray(0, -1));
    const next = await open(directory);
    write(next, "c");
    await next.close();
    const said: string[] = [];
    expect(await textsIn(directory, { say: (line) => said.push(line) })).toEqual(["a", "c"]);
    expect(said).toEqual([]);
  });

  test.each([
    ["zeros", Buffer.alloc(100_000)],
    ["other bytes", Buffer.alloc(100_000, "none of ours")],
  ])("of %s is none of the records", async (_, rest) => {
    const { directory, path } = await segmentWith("a", "b");
    await appendFile(path, rest);
    expect(await textsIn(directory)).toEqual(["a", "b"]);
  });

  test("that holds a copy of whole records is torn all the same", async () => {
    const { bytes: copy } = await segmentWith("copied", "records");
    const directory = await makeDirectory();
    const journal = await open(directory);
    write(journal, "a");
    journal.append([copy, copy, "the end"]);
    await journal.close();
    const path = join(directory, "segment-000001.log");
    await writeFile(path, (await readFile(path)).subarray(0, -1));
    expect(await textsIn(directory)).toEqual(["a"]);
  });

  test("in a file without a head goes with the file", async () => {
    const { directory } = await segmentWith("a");
    await writeFile(join(directory, "segment-000002.log"), "");
    await writeFile(join(directory, "segment-000003.log"), "the");
    const next = await open(directory);
    expect(textsOf(next.records())).toEqual(["a"]);
    write(next, "b");
    await next.close();
    expect(await readdir(directory)).not.toContain("segment-000003.log");
    expect(await textsIn(directory)).toEqual(["a", "b"]);
  });
});

describe("damage before whole records", () => {
  test("is refused, with the file, the place and what can be done", async () => {
    const { directory, path, bytes } = await segmentWith("first", "second", "third");
    const at = bytes.indexOf("second");
    bytes[at] = 0;
    await writeFile(path, bytes);
    await expect(open(directory)).rejects.toMatchObject({
      kind: "damaged",
      message: expect.stringMatching(
        new RegExp(
          `segment-000001.log is damaged at byte ${at - 20}, .*truncate -s ${at - 20} .*lost`,
        ),
      ),
    });
    // As the message says.
    await writeFile(path, bytes.subarray(0, at - 20));
    expect(await textsIn(directory)).toEqual(["first"]);
  });

  test("in an earlier segment is refused", async () => {
    const { directory, path, bytes } = await segmentWith("a", "b");
    const next = await open(directory);
    write(next, "c");
    await next.close();
    await writeFile(path, bytes.subarray(0, -1));
    await expect(open(directory)).rejects.toMatchObject({
      kind: "damaged",
      message: expect.stringMatching(
        /segment-000001.log is damaged .*move segment-000002.log.* away/,
      ),
    });
  });

  test("is refused where a segment ends early between two records", async () => {
    const { directory, path, bytes } = await segmentWith("a", "b");
    await (await open(directory)).close();
    await writeFile(path, bytes.subarray(0, -21));
    await expect(open(directory)).rejects.toMatchObject({ kind: "damaged" });
  });

  test("in a snapshot is refused", async () => {
    const { directory } = await segmentWith("a");
    const journal = await open(directory);
    writeSnapshot(directory, journal.rotate(), ["chunk one", "chunk two"], { version: "1.0.0" });
    await journal.close();
    const path = join(directory, "snapshot-000002");
    const bytes = await readFile(path);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 0xff;
      await writeFile(path, changed);
      await expect(open(directory), `byte ${at}`).rejects.toThrow(/snapshot-000002/);
      if (at % 16 > 0) continue;
      await writeFile(path, bytes.subarray(0, at));
      await expect(open(directory), `cut at ${at}`).rejects.toThrow(/snapshot-000002 is damaged/);
    }
  });
});

describe("with the durability of a machine", () => {
  const flip = (text: string) => (bytes: Buffer) => {
    const changed = Buffer.from(bytes);
    changed[bytes.indexOf(text)]! ^= 1;
    return changed;
  };
  const path = "/journal/segment-000001.log";

  test("damage before what was synced is refused", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk, durability: "machine" });
    write(journal, "first");
    await journal.sync();
    write(journal, "second");
    await journal.close();
    disk.change(path, flip("first"));
    await expect(open(place, { disk })).rejects.toMatchObject({ kind: "damaged" });
  });

  test("what was not synced is torn, also with whole records after it", async () => {
    const disk = new MemoryDisk();
    const journal = await open(place, { disk, durability: "machine" });
    write(journal, "told");
    await journal.sync();
    write(journal, "first");
    write(journal, "second");
    await journal.close();
    disk.change(path, flip("first"));
    expect(await textsIn(place, { disk })).toEqual(["told"]);
  });
});

const place = "/journal";

/** A journal in memory with runs of records: each run has a segment of its own. */
async function inMemory(runs: readonly (readonly string[])[]): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  for (const texts of runs) {
    const journal = await open(place, { disk });
    for (const text of texts) write(journal, text);
    await journal.close();
  }
  return disk;
}

const runs = fc.array(fc.array(fc.string({ maxLength: 40 }), { minLength: 1, maxLength: 5 }), {
  minLength: 1,
  maxLength: 3,
});

describe("any journal", () => {
  test("opens when its last segment is cut anywhere, with a prefix of its records", async () => {
    await fc.assert(
      fc.asyncProperty(runs, fc.nat(), async (texts, seed) => {
        const disk = await inMemory(texts);
        const path = `${place}/segment-00000${texts.length}.log`;
        const cut = seed % (Number(disk.facts(path).size) + 1);
        disk.change(path, (bytes) => bytes.subarray(0, cut));
        const found = await textsIn(place, { disk });
        const all = texts.flat();
        expect(found).toEqual(all.slice(0, found.length));
        expect(found.length).toBeGreaterThanOrEqual(all.length - texts.at(-1)!.length);
        // And again, after what the successor did.
        expect(await textsIn(place, { disk })).toEqual(found);
      }),
      { numRuns: 300 },
    );
  });

  test("with any byte changed opens without the last record, or is refused", async () => {
    await fc.assert(
      fc.asyncProperty(
        runs,
        fc.nat(),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (texts, which, where, bits) => {
          const disk = await inMemory(texts);
          const number = (which % texts.length) + 1;
          const path = `${place}/segment-00000${number}.log`;
          const at = where % Number(disk.facts(path).size);
          disk.change(path, (bytes) => {
            const changed = Buffer.from(bytes);
            changed[at]! ^= bits;
            return changed;
          });
          const all = texts.flat();
          const found = await textsIn(place, { disk }).catch((error: Error) => error);
          if (found instanceof Error) {
            expect(found).toMatchObject({ name: "JournalError" });
            expect(found.message).toContain(path);
          } else {
            expect(number).toBe(texts.length);
            expect(found).toEqual(all.slice(0, -1));
          }
        },
      ),
      {
        numRuns: 300,
        // The number of the format is in front of all checks.
        examples: [[[[""]], 0, 8, 1]],
      },
    );
  });
});
