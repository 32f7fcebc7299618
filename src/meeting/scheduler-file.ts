// The scheduler file: how workers and clients meet a scheduler whoever starts first. It holds the
// scheduler's URLs and token, so it is for its owner alone; and as it often lies on a shared file
// system, it appears by a rename, whole or not at all, and is opened rather than asked about.

import { open, readFile, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { Type, type Static } from "typebox";
import { Compile } from "typebox/compile";
import { ConnectionError } from "../errors/errors.ts";
import { hideInLogs } from "../log.ts";

const schema = Type.Object({
  /** Of this run of the scheduler; a file left behind by an earlier one is known by it. */
  id: Type.String({ minLength: 1 }),
  /** Where it can be reached, the best first. */
  urls: Type.Array(Type.String({ pattern: "^wss?://" }), { minItems: 1 }),
  token: Type.String({ minLength: 1 }),
  pid: Type.Integer(),
  host: Type.String(),
  /** The version of thence that wrote it. */
  version: Type.String(),
  /** ISO 8601. */
  startedAt: Type.String(),
});
export type SchedulerFile = Static<typeof schema>;
const compiled = Compile(schema);

/** Writes the file so that nobody ever sees a part of it, readable by its owner only. */
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

/** Removes the file if it still speaks of the scheduler `id`; another's is left alone. */
export async function removeSchedulerFile(path: string, id: string): Promise<void> {
  const found = await readSchedulerFile(path).catch(() => undefined);
  if (found?.id === id) await rm(path, { force: true });
}

/**
 * What the file says, or undefined when there is none (yet).
 *
 * @throws {ConnectionError} when it cannot be read, or is not a scheduler file
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
      `${path} is not a scheduler file, or only a part of one: give the path that was given to ` +
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
