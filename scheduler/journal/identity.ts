// journal.json: who the scheduler of a journal is. Its successors have the same id and token, so that clients and
// workers take them for the same scheduler.

import path from "node:path";
import { Type, type Static } from "typebox";
import { Compile } from "typebox/compile";
import { hideInLogs } from "../../src/log.ts";
import { exposureOf, isPlanted, plantedHint, warnOfExposure } from "../../src/meeting/exposure.ts";
import { readText, writeAll, writeWhole, type Disk } from "./disk.ts";
import { format, newerError, parsed } from "./file-head.ts";
import { JournalError, journalErrorOf } from "./journal-error.ts";

export type Identity = { readonly id: string; readonly token: string };

const schema = Type.Object({
  /** Of the files of the journal. */
  format: Type.Integer({ minimum: 1, maximum: format }),
  id: Type.String({ minLength: 1 }),
  token: Type.String({ minLength: 1 }),
  /** ISO 8601. */
  createdAt: Type.String(),
});
const compiled = Compile(schema);

/** Reads the identity; undefined when there is none yet. */
export function readIdentity(
  disk: Disk,
  directory: string,
  say: (line: string) => void,
): Identity | undefined {
  const place = identityPath(directory);
  checkOwner(disk, directory);
  const text = readText(disk, place);
  if (text === undefined) return undefined;
  checkOwner(disk, place);
  const content = parsed(text);
  const found = (content as { format?: unknown } | undefined)?.format;
  if (typeof found === "number" && found > format) throw newerError(place, found);
  if (!compiled.Check(content)) {
    throw new JournalError(
      "damaged",
      `${place} is not the identity of a journal: restore it from a backup; without it, clients and workers do ` +
        "not recognise the scheduler",
    );
  }
  warnOfExposure(`the token in ${place}`, place, statsOf(disk, place), say);
  const exposure = exposureOf(statsOf(disk, directory));
  if (exposure?.endsWith("change")) say(`${exposure} the journal: chmod 700 ${directory}`);
  hideInLogs(content.token);
  return { id: content.id, token: content.token };
}

export function writeIdentity(disk: Disk, directory: string, { id, token }: Identity): void {
  const place = identityPath(directory);
  const content: Static<typeof schema> = { format, id, token, createdAt: new Date().toISOString() };
  try {
    writeWhole(disk, place, (file) => {
      writeAll(disk, file, [Buffer.from(`${JSON.stringify(content, null, 2)}\n`)], 0);
    });
    disk.syncPathNow(directory);
    syncParent(disk, directory);
  } catch (error) {
    throw journalErrorOf(`write ${place}`, error);
  }
}

/** The directory may be new, too. */
function syncParent(disk: Disk, directory: string): void {
  try {
    disk.syncPathNow(path.dirname(path.resolve(directory)));
  } catch {
    // It may belong to somebody else, and then it was there before.
  }
}

function identityPath(directory: string): string {
  return path.join(directory, "journal.json");
}

/** Whoever has put a journal here knows its token. */
function checkOwner(disk: Disk, place: string): void {
  if (!isPlanted(place, statsOf(disk, place))) return;
  throw new JournalError("planted", `cannot trust ${place}: ${plantedHint}`);
}

function statsOf(disk: Disk, place: string): { mode: number; uid: number } {
  const { mode, uid } = disk.facts(place);
  return { mode: Number(mode), uid: Number(uid) };
}
