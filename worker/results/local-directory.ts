// The directory on this machine's disk where a worker writes results that do not fit into its memory. Each
// worker has a folder there, named after its process, which it alone can enter. It removes the folder when it
// ends. Those of workers that were killed are removed by whoever had started them, and by the next worker of
// this machine.

import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync, type Stats } from "node:fs";
import { access, constants, lstat, mkdir, open, readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { makeFolder } from "../../src/make-folder.ts";
import { silentLog, type Log } from "../../src/log.ts";
import { UsageError } from "../../src/usage-error.ts";
import { defaultDirectory, isInMemory, type DefaultDirectory } from "./default-directory.ts";
import type { Disk, DiskFile } from "./spilling.ts";

export type LocalDirectory = Disk & {
  /** The worker's own folder. */
  readonly folder: string;
  /** Removes the folder and the files in it. */
  close(): Promise<void>;
};

/** Most bytes of one read or write: more would hold up the heartbeat on a slow disk. */
const writeBytes = 8 * 1024 * 1024;

/**
 * Makes the folder, and removes the folders of dead workers. In the default directory the folder is made when
 * it is first needed: most workers leave nothing there, however they end.
 *
 * @param directory default: see `defaultDirectory`
 * @throws {UsageError} when the directory cannot be written to, with what to do about it
 */
export async function openLocalDirectory(
  directory: string | undefined,
  log: Log,
): Promise<LocalDirectory> {
  const chosen = directory === undefined ? await defaultDirectory() : undefined;
  const parent = path.resolve(directory ?? chosen!.path);
  const named = () =>
    path.join(parent, folderName(hostname(), process.pid, startOf(process.pid), randomUUID()));
  let folder = named();
  let making: Promise<void> | undefined;
  /** Fails when there is something of its name: nobody else has made it before, nor can enter it. */
  const make = () => (making ??= mkdir(folder, { mode: 0o700 }));
  try {
    makeFolder(parent);
    await access(parent, constants.W_OK);
    await removeLeftovers(parent, log);
    if (directory !== undefined) await make();
    if (chosen !== undefined) sayChoice(chosen, log);
    else if (await isInMemory(parent)) {
      log.warning(
        `${parent} is in memory: results that are written there take memory all the same`,
      );
    }
  } catch (error) {
    const { message } = error as Error;
    throw new UsageError(`give another --local-directory: ${parent} cannot be used: ${message}`, {
      cause: error,
    });
  }
  let files = 0;
  async function write(rows: readonly Uint8Array[]): Promise<DiskFile> {
    await make();
    return writeFile(path.join(folder, `${files++}`), rows);
  }
  return {
    get folder() {
      return folder;
    },
    isMemory: chosen?.isMemory ?? false,
    async write(rows) {
      const before = folder;
      try {
        return await write(rows);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        // Something has cleaned up here. Of several writes that find that, the first makes another folder.
        if (folder === before) {
          folder = named();
          making = undefined;
          makeFolder(parent);
          log.warning(`${before} is gone, with the results in it: another folder takes its place`);
        }
        return write(rows);
      }
    },
    async close() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function sayChoice({ path: chosen, isMemory, passedOver }: DefaultDirectory, log: Log): void {
  const others = passedOver.join(" and ");
  if (isMemory) {
    log.warning(
      `give --local-directory on a disk: ${others} ${passedOver.length === 1 ? "is" : "are"} in memory, ` +
        "so results that do not fit into memory cannot be written anywhere",
    );
  } else if (others !== "") {
    log.info(`results that do not fit into memory go to ${chosen}, since ${others} is in memory`);
  }
}

/** No link is followed, and no FIFO waited for. Windows has neither. */
const plainly =
  ((constants.O_NOFOLLOW as number | undefined) ?? 0) |
  ((constants.O_NONBLOCK as number | undefined) ?? 0);

async function writeFile(file: string, rows: readonly Uint8Array[]): Promise<DiskFile> {
  let written: Stats;
  try {
    const handle = await open(file, "wx", 0o600);
    try {
      for (const row of rows) {
        for (let from = 0; from < row.byteLength;) {
          const { bytesWritten } = await handle.write(
            row,
            from,
            Math.min(writeBytes, row.byteLength - from),
          );
          from += bytesWritten;
        }
      }
      written = await handle.stat();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(file, { force: true }).catch(() => undefined);
    throw error;
  }
  return {
    async open() {
      const handle = await open(file, constants.O_RDONLY | plainly);
      // Who owns the directory above can put another folder in the place of this one.
      const { dev, ino, uid } = await handle.stat();
      if (dev !== written.dev || ino !== written.ino || uid !== written.uid) {
        await handle.close();
        throw new Error(`${file} is not the file that was written there`);
      }
      return {
        async read(into, from) {
          for (let done = 0; done < into.byteLength;) {
            const length = Math.min(writeBytes, into.byteLength - done);
            const { bytesRead } = await handle.read(into, done, length, from + done);
            if (bytesRead === 0) throw new Error(`${file} is shorter than the value written to it`);
            done += bytesRead;
          }
        },
        close: () => handle.close(),
      };
    },
    remove: () => rm(file, { force: true }),
  };
}

// ── Leftovers ────────────────────────────────────────────────────────────────────────────────────

const prefix = "thence-worker";

/**
 * Names the process for ever: its id may be used again, but not with the same start. Nobody can foresee the
 * last part, and make the folder before its worker does.
 */
function folderName(host: string, pid: number, start: string, unique: string): string {
  return `${prefix}+${encodeURIComponent(host)}+${pid}+${start}+${idSpace}+${unique}`;
}

/** Removes only folders that a worker of this user made on this machine, and whose process is known to be gone. */
export async function removeLeftovers(directory?: string, log = silentLog): Promise<void> {
  const parent = directory ?? (await defaultDirectory()).path;
  const ownUid = process.getuid?.();
  for (const name of await readdir(parent)) {
    const [, host = "", pid = "", start = "", space] =
      /^thence-worker\+([^+]+)\+(\d+)\+(\w+)\+(\d+)(?:\+[\w-]+)?$/.exec(name) ?? [];
    if (host !== encodeURIComponent(hostname()) || space !== idSpace) continue;
    if (isAlive(Number(pid), start)) continue;
    const folder = path.join(parent, name);
    try {
      if (ownUid !== undefined && (await lstat(folder)).uid !== ownUid) continue;
      await rm(folder, { recursive: true, force: true });
      log.info(`removed the folder of a dead worker: ${name}`);
    } catch (error) {
      // Another worker that starts may remove it just now.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
      log.warning(`cannot remove the folder of a dead worker: ${(error as Error).message}`);
    }
  }
}

function isAlive(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // The process is alive, and of another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return start === unknownStart || startOf(pid) === start;
}

/** When a process started, in ticks since the machine started; `unknownStart` where there is no /proc. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? unknownStart;
  } catch {
    return unknownStart;
  }
}
const unknownStart = "unknown";

/** The container in which process ids are counted: others may share the host's name and directory. */
const idSpace = idSpaceOfThisProcess();
function idSpaceOfThisProcess(): string {
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
  } catch {
    return "0";
  }
}
