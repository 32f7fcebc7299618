// The scheduler file: workers and clients find the scheduler by it, and may start before it. The file
// holds the scheduler's URLs and token, so only its owner can read it. It is often on a shared file
// system: a rename makes it appear whole, and readers open it, because a cached stat may be stale.

import { open, readFile, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { Type, type Static } from "typebox";
import { Compile } from "typebox/compile";
import { ConnectionError } from "../errors/errors.ts";
import { hideInLogs } from "../log.ts";

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

/** Writes the file atomically, readable only by its owner. */
export async function writeSchedulerFile(path: string, content: SchedulerFile): Promise<void> {
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
 * @throws {ConnectionError} when the file cannot be read, or is not a scheduler file
 */
export async function readSchedulerFile(path: string): Promise<SchedulerFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new ConnectionError(
      `cannot read the scheduler file ${path}: ${(error as Error).message}`,
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
  return content;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
