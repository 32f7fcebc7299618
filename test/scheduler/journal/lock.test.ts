// The lock of a journal: one writer, on one machine and on several, and a lock that no dead owner holds.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, rename, rm, unlink, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { realDisk } from "../../../scheduler/journal/disk.ts";
import type { JournalError } from "../../../scheduler/journal/journal-error.ts";
import { Lock, takeLock } from "../../../scheduler/journal/lock.ts";
import { thisProcess, type Owner } from "../../../scheduler/journal/owner.ts";
import { makeDirectory, open, textsIn, textsOf, write } from "./writes.ts";

const times = { beatMs: 20, watchMs: 400 };

async function writeLock(directory: string, owner: Partial<Owner>, number = 1): Promise<string> {
  const path = join(directory, `lock-00000${number}`);
  // At once: a beat may look at any moment.
  await writeFile(`${path}.new`, JSON.stringify({ ...thisProcess(), ...owner }));
  await rename(`${path}.new`, path);
  return path;
}

/** A process that has ended. */
async function deadProcess(): Promise<number> {
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "exit");
  return child.pid!;
}

describe("on one machine", () => {
  test("a second open in the same process is refused, and says by whom it is in use", async () => {
    const directory = await makeDirectory();
    const journal = await open(directory);
    await expect(open(directory)).rejects.toMatchObject({
      kind: "in-use",
      message: expect.stringMatching(
        new RegExp(
          `${directory} is in use by this process \\(process ${process.pid} on ${hostname()} since 2`,
        ),
      ),
    });
    write(journal, "still mine");
    await journal.close();
    expect(await textsIn(directory)).toEqual(["still mine"]);
  });

  test("a living process keeps it, however long it does not touch it", async () => {
    const directory = await makeDirectory();
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
      stdio: "ignore",
    });
    try {
      await once(child, "spawn");
      const stat = await readFile(`/proc/${child.pid}/stat`, "utf8");
      const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]!;
      await writeLock(directory, { pid: child.pid!, start });
      await expect(open(directory, { times })).rejects.toThrow(`in use by process ${child.pid} on`);
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    const said: string[] = [];
    await open(directory, { times, say: (line) => said.push(line) });
    expect(said).toEqual([
      expect.stringMatching(`took over the journal from process ${child.pid}`),
    ]);
  });

  test("a dead process loses it at once", async () => {
    const directory = await makeDirectory();
    await writeLock(directory, { pid: await deadProcess() }, 4);
    await open(directory);
    expect((await readdir(directory)).filter((name) => name.startsWith("lock"))).toEqual([
      "lock-000005",
    ]);
  });

  test("a process that has the id of a dead one is another", async () => {
    const directory = await makeDirectory();
    await writeLock(directory, { start: "1" });
    await open(directory);
  });

  test("of many that open at once, one gets it", async () => {
    const directory = await makeDirectory();
    await writeLock(directory, { pid: await deadProcess() });
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => open(directory)));
    expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const each of tries) {
      if (each.status === "rejected") expect(each.reason).toMatchObject({ kind: "in-use" });
    }
  });

  test("close gives it free", async () => {
    const directory = await makeDirectory();
    await (await open(directory)).close();
    expect(await readdir(directory)).toEqual(["journal.json", "segment-000001.log"]);
  });

  test("a journal that cannot be opened is given free", async () => {
    const directory = await makeDirectory();
    await writeFile(join(directory, "journal.json"), "{");
    await expect(open(directory)).rejects.toThrow();
    expect(await readdir(directory)).toEqual(["journal.json"]);
  });
});

describe("of another machine", () => {
  const elsewhere = { host: "n2", space: "another start of another machine" };

  test("a lock that is touched is in use", async () => {
    const directory = await makeDirectory();
    const path = await writeLock(directory, elsewhere);
    const beat = setInterval(() => void utimes(path, new Date(), new Date()), times.beatMs);
    try {
      await expect(open(directory, { times })).rejects.toThrow(
        `in use by process ${process.pid} on n2`,
      );
    } finally {
      clearInterval(beat);
    }
  });

  test("a lock that nobody touches is taken over after a while, which is said", async () => {
    const directory = await makeDirectory();
    await writeLock(directory, elsewhere);
    const said: string[] = [];
    const began = performance.now();
    await open(directory, { times, say: (line) => said.push(line) });
    expect(performance.now() - began).toBeGreaterThan(times.watchMs - 1);
    expect(said).toEqual([
      expect.stringMatching(/is locked by process \d+ on n2 since .*: waiting up to 0.4 s/),
      expect.stringMatching(/took over the journal from process \d+ on n2/),
    ]);
  });

  test("a lock without a word in it is watched, too", async () => {
    const directory = await makeDirectory();
    const path = await writeLock(directory, elsewhere);
    await writeFile(path, "");
    await open(directory, { times });
  });

  test("a lock that is given free while it is watched is taken", async () => {
    const directory = await makeDirectory();
    const path = await writeLock(directory, elsewhere);
    const taking = open(directory, {
      times: { beatMs: 20, watchMs: 20_000 },
      say: () => void unlink(path),
    });
    await taking;
  });

  test("a lock that another takes over while it is watched is judged anew", async () => {
    const directory = await makeDirectory();
    await writeLock(directory, elsewhere);
    const taking = open(directory, {
      times: { beatMs: 20, watchMs: 1_000 },
      say: () => void writeLock(directory, {}, 2),
    });
    await expect(taking).rejects.toMatchObject({ kind: "in-use" });
  });
});

describe("an owner that does not answer", () => {
  test("hears on its next beat that the lock was taken, and writes nothing more", async () => {
    const directory = await makeDirectory();
    const journal = await open(directory, { times });
    const lost = new Promise<JournalError>((resolve) => journal.onLost(resolve));
    write(journal, "before");
    journal.append(["on its way"]);
    await writeLock(directory, { host: "n2", nonce: "another" }, 2);
    expect(await lost).toMatchObject({
      kind: "lost",
      message: expect.stringMatching(/was taken over by process \d+ on n2/),
    });
    expect(() => journal.write()).toThrow("was taken over");
    expect(() => journal.append(["after"])).toThrow("was taken over");
    await expect(journal.sync()).rejects.toThrow("was taken over");
    const late: JournalError[] = [];
    journal.onLost((error) => late.push(error));
    expect(late).toHaveLength(1);
    await journal.close();
    expect(await readdir(directory)).toContain("lock-000002");
    await rm(join(directory, "lock-000002"));
    expect(await textsIn(directory)).toEqual(["before"]);
  });

  test("hears that its lock was removed", async () => {
    const directory = await makeDirectory();
    const journal = await open(directory, { times });
    const lost = new Promise<JournalError>((resolve) => journal.onLost(resolve));
    await rm(join(directory, "lock-000001"));
    expect((await lost).message).toMatch(/the lock of the journal .* was removed/);
  });

  test("finds out before it writes, when it was stopped for long", async () => {
    const directory = await makeDirectory();
    const journal = await open(directory, { times });
    await writeLock(directory, { host: "n2", nonce: "another" }, 2);
    const until = performance.now() + times.watchMs;
    while (performance.now() < until);
    journal.append(["too late"]);
    expect(() => journal.write()).toThrow("was taken over");
  });

  test("adds nothing to what its successor has begun with", async () => {
    const directory = await makeDirectory();
    const frozen = await open(directory);
    write(frozen, "a");
    await rm(join(directory, "lock-000001"));
    const next = await open(directory);
    expect(textsOf(next.records())).toEqual(["a"]);
    write(next, "b");
    write(frozen, "of a scheduler that does not know yet");
    write(next, "c");
    await next.close();
    expect(await textsIn(directory)).toEqual(["a", "b", "c"]);
  });

  test("cannot begin a segment that its successor has", async () => {
    const directory = await makeDirectory();
    const frozen = await open(directory);
    write(frozen, "a");
    await rm(join(directory, "lock-000001"));
    await open(directory);
    expect(() => frozen.rotate()).toThrow("another scheduler has taken the journal");
    expect(() => frozen.write()).toThrow("another scheduler has taken the journal");
  });

  test("keeps the lock in long work without a turn of the event loop", async () => {
    const directory = await makeDirectory();
    const [path, disk] = [join(directory, "lock-000001"), realDisk];
    const lock: Lock = await takeLock(directory, { disk, times, say: () => undefined });
    const before = disk.facts(path).mtimeNs;
    const until = performance.now() + 3 * times.beatMs;
    while (performance.now() < until) lock.beatIfDue();
    expect(disk.facts(path).mtimeNs).not.toBe(before);
    lock.release();
  });
});

test("whoever removes the segment that is being written to is noticed at the next beat", async () => {
  const directory = await makeDirectory();
  const journal = await open(directory, { times });
  write(journal, "a");
  const lost = new Promise<Error>((resolve) => journal.onLost(resolve));
  await rm(join(directory, "segment-000001.log"));
  expect((await lost).message).toMatch(/segment-000001.log was removed while this scheduler wrote/);
  expect(() => write(journal, "b")).toThrow(/was removed while/);
  await journal.close();
});
