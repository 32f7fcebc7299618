// The scheduler file: workers and clients find the scheduler by it, and may start before it. The file
// holds the scheduler's URLs and token, so only its owner can read it. It is often on a shared file
// system: a rename makes it appear whole, and readers open it, because a cached stat may be stale.

import { accessSync, constants, statSync, type Stats } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { Type, type Static } from "typebox";
import { Compile } from "typebox/schema";
import { ConnectionError } from "../errors/errors.ts";
import { hideInLogs } from "../log.ts";
import { rightOf } from "../wire/rights.ts";
import { isPlanted, plantedHint, warnOfExposure, whyUnreadable, type Warn } from "./exposure.ts";

const schema = Type.Object({
  /** Identifies this run of the scheduler, so that a file of an earlier run can be detected. */
  id: Type.String({ minLength: 1 }),
  /** The scheduler's URLs, the best first. */
  urls: Type.Array(Type.String({ pattern: "^wss?://" }), { minItems: 1 }),
  token: Type.String({ minLength: 1 }),
  pid: Type.Integer(),
  host: Type.String(),
  /** The version of thence that wrote the file. */
  version: Type.String(),
  /** ISO 8601. */
  startedAt: Type.String(),
});
export type SchedulerFile = Static<typeof schema>;
const compiled = Compile(schema);

/**
 * Checks that a scheduler file can be at this path: that there is nothing yet, or a file. A device would be
 * replaced by whoever writes the file, and a FIFO would hold up whoever reads it.
 *
 * @throws {Error} saying what is there instead
 */
export function checkSchedulerPath(path: string, { toRead }: { toRead: boolean }): void {
  try {
    checkKind(path, statSync(path));
    if (toRead) accessSync(path, constants.R_OK);
  } catch (error) {
    const failure = error as NodeJS.ErrnoException;
    if (failure.code === "ENOENT") return;
    if (failure.code === undefined) throw error;
    const why = whyUnreadable(path, failure);
    throw new Error(`cannot read the scheduler file: ${why}`, { cause: error });
  }
}

function checkKind(path: string, stats: Stats): void {
  if (stats.isFile()) return;
  const kind = stats.isDirectory()
    ? "a directory"
    : stats.isFIFO()
      ? "a FIFO"
      : stats.isSocket()
        ? "a socket"
        : "a device";
  throw new Error(`give the path of a scheduler file: ${path} is ${kind}`);
}

/** Writes the file atomically, readable only by its owner. */
export async function writeSchedulerFile(path: string, content: SchedulerFile): Promise<void> {
  checkSchedulerPath(path, { toRead: false });
  const temporary = `${path}.${hostname()}.${process.pid}.tmp`;
  try {
    await rm(temporary, { force: true });
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(`${JSON.stringify(content, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new Error(`cannot write the scheduler file ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Removes the file if it is still the file of the scheduler `id`. */
export async function removeSchedulerFile(path: string, id: string): Promise<void> {
  const found = await readSchedulerFile(path).catch(() => undefined);
  if (found?.id === id) await rm(path, { force: true });
}

/**
 * Reads the file; undefined when it does not exist (yet).
 *
 * @param warn hears once when others than the owner can read or change a file with the full token
 * @throws {ConnectionError} when the file cannot be read or trusted, or is not a scheduler file
 */
export async function readSchedulerFile(
  path: string,
  warn?: Warn,
): Promise<SchedulerFile | undefined> {
  let text: string;
  let stats: Stats;
  try {
    ({ text, stats } = await readRegularFile(path));
  } catch (error) {
    const failure = error as NodeJS.ErrnoException;
    if (failure.code === "ENOENT") return undefined;
    throw new ConnectionError(
      `cannot read the scheduler file ${path}: ${whyUnreadable(path, failure)}`,
    );
  }
  const content = parsed(text);
  if (!compiled.Check(content)) {
    throw new ConnectionError(
      `${path} is not a scheduler file, or is incomplete: give the same path as in ` +
        "`thence scheduler --scheduler-file`",
    );
  }
  hideInLogs(content.token);
  if (rightOf(content.token) === "full") {
    if (isPlanted(path, stats)) {
      throw new ConnectionError(`cannot trust the scheduler file ${path}: ${plantedHint}`);
    }
    if (warn) warnOfExposure(`the scheduler file ${path}`, path, stats, warn);
  }
  return content;
}

async function readRegularFile(path: string): Promise<{ text: string; stats: Stats }> {
  // Without the flag, the opening of a FIFO would wait for a writer. Windows does not have it.
  const flags = constants.O_RDONLY | ((constants.O_NONBLOCK as number | undefined) ?? 0);
  const file = await open(path, flags);
  try {
    const stats = await file.stat();
    checkKind(path, stats);
    return { text: await file.readFile("utf8"), stats };
  } finally {
    await file.close();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
