// The directory for results that do not fit into memory: what is made when, and what is removed by whom.

import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { silentLog } from "../../../src/log.ts";
import { openLocalDirectory, removeLeftovers } from "../../../worker/results/local-directory.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const row = new Uint8Array([1, 2, 3]);

test("in the default directory nothing is made until it is needed, nor left", async () => {
  vi.stubEnv("TMPDIR", folder);
  const directory = await openLocalDirectory(undefined, silentLog);
  expect(await readdir(folder)).toEqual([]);
  const file = await directory.write([row]);
  const open = await file.open();
  const read = new Uint8Array(3);
  await open.read(read, 0);
  await open.close();
  expect(read).toEqual(row);
  await directory.close();
  expect(await readdir(folder)).toEqual([]);
});

test("a directory that is given is tried at once", async () => {
  const file = path.join(folder, "file");
  await writeFile(file, "");
  await expect(openLocalDirectory(file, silentLog)).rejects.toThrow(
    /give another --local-directory/,
  );
  const directory = await openLocalDirectory(path.join(folder, "new"), silentLog);
  expect(await readdir(path.join(folder, "new"))).toHaveLength(1);
  await directory.close();
});

test("a folder that something has removed is made again, for what is written from then on", async () => {
  const directory = await openLocalDirectory(path.join(folder, "spill"), silentLog);
  const lost = await directory.write([row]);
  await rm(path.join(folder, "spill"), { recursive: true });
  const files = await Promise.all([directory.write([row]), directory.write([row, row])]);
  await expect(lost.open()).rejects.toThrow("ENOENT");
  for (const file of files) await (await file.open()).close();
  expect(await readdir(path.join(folder, "spill"))).toHaveLength(1);
  await directory.close();
  expect(await readdir(path.join(folder, "spill"))).toEqual([]);
});

test("nobody can foresee the folder of a worker, nor enter it", async () => {
  const [one, other] = await Promise.all([
    openLocalDirectory(folder, silentLog),
    openLocalDirectory(folder, silentLog),
  ]);
  const names = await readdir(folder);
  expect(names).toHaveLength(2);
  for (const name of names) {
    expect(name).toMatch(/\+[0-9a-f-]{36}$/);
    const { mode } = await stat(path.join(folder, name));
    expect(mode & 0o777).toBe(0o700);
  }
  await one.close();
  await other.close();
});

test("a file in the place of the one that was written is not read", async () => {
  const directory = await openLocalDirectory(folder, silentLog);
  const file = await directory.write([row]);
  const [name] = await readdir(directory.folder);
  const inPlace = path.join(directory.folder, name!);
  const elsewhere = path.join(folder, "another");
  await writeFile(elsewhere, new Uint8Array([7, 7, 7]));
  for (const put of [rename, symlink]) {
    await rm(inPlace, { force: true });
    await put(elsewhere, inPlace);
    await expect(file.open()).rejects.toThrow(/is not the file that was written|ELOOP/);
    if (put === rename) await rename(inPlace, elsewhere);
  }
  await directory.close();
});

describe("folders of workers", () => {
  const host = encodeURIComponent(hostname());

  /** The id of a process that is gone, and the space in which ids are counted. */
  async function dead(): Promise<{ pid: number; space: string }> {
    const child = spawn("true");
    await once(child, "exit");
    const [space = "0"] = /\d+/.exec(await readlink("/proc/self/ns/pid")) ?? [];
    return { pid: child.pid!, space };
  }

  async function make(name: string): Promise<string> {
    await mkdir(path.join(folder, name));
    await writeFile(path.join(folder, name, "0"), "");
    return name;
  }

  test.runIf(process.platform === "linux")(
    "whose process is gone are removed, and no others",
    async () => {
      const { pid, space } = await dead();
      const stat = await readFile("/proc/self/stat", "utf8");
      const ownStart = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]!;
      await make(`thence-worker+${host}+${pid}+77+${space}`);
      // The id is in use again, by a process that started at another time.
      await make(`thence-worker+${host}+${process.pid}+77+${space}`);
      await make(`thence-worker+${host}+${pid}+77+${space}+0f8fad5b-d9cb-469f-a165-70867728950e`);
      const kept = [
        await make(`thence-worker+${host}+${process.pid}+${ownStart}+${space}`),
        await make(`thence-worker+elsewhere+${pid}+77+${space}`),
        // Of a container with process ids of its own.
        await make(`thence-worker+${host}+${pid}+77+${space}7`),
        await make("thence-worker-of-mine"),
      ];
      if (process.getuid?.() === 0) {
        kept.push(await make(`thence-worker+${host}+${pid}+78+${space}`));
        await chown(path.join(folder, kept.at(-1)!), 65534, 65534);
      }
      await removeLeftovers(folder);
      expect((await readdir(folder)).sort()).toEqual(kept.sort());
    },
  );
});
