// Warns when a file with a token is open to others, and knows one that somebody else may have put in its place:
// whoever has the token can run code as the owner of the workers.

import { lstatSync, readFileSync, readlinkSync, realpathSync, statSync, type Stats } from "node:fs";
import path from "node:path";

export type Warn = (text: string) => void;

/** The paths that were warned of, each once in a process. */
const warnedOf = new Set<string>();

/** Warns, once for each path, when others than its owner can read or change the file. */
export function warnOfExposure(
  what: string,
  place: string,
  stats: Pick<Stats, "mode" | "uid">,
  warn: Warn,
): void {
  const exposure = exposureOf(stats);
  if (exposure === undefined || warnedOf.has(place)) return;
  warnedOf.add(place);
  const { whose, advice } = remedyOf(place, stats);
  warn(`${exposure} ${what}, and with its token run code as ${whose}: ${advice}`);
}

/** Whose file with a token this is, and what whoever reads it can do when others can read it too. */
export function remedyOf(
  place: string,
  { uid }: Pick<Stats, "uid">,
): { whose: string; advice: string } {
  const own = process.getuid?.();
  if (own === undefined || own === 0 || own === uid) {
    return { whose: "you", advice: `chmod 600 ${place}, and give the scheduler a new token` };
  }
  const owner = userName(uid);
  const advice = `ask ${owner}, whose it is, for chmod 600 ${place} and a new token, or for ${viewTokenFile}`;
  return { whose: owner, advice };
}

/** Why a file with a token cannot be read; when it is somebody else's, with whose it is and what to ask for. */
export function whyUnreadable(place: string, { code, message }: NodeJS.ErrnoException): string {
  const own = process.getuid?.();
  if (code !== "EACCES" || own === undefined) return message;
  // In a folder that is closed to this user, nobody says whose the file is.
  const uid = orUndefined(() => statSync(place).uid);
  if (uid === undefined || uid === own) return message;
  return `${message}: it belongs to ${userName(uid)}, whom you can ask for ${viewTokenFile}`;
}

const viewTokenFile = "a file with a view token, which `thence token --view` prints";

function userName(uid: number): string {
  // Users of a directory service are not in this file.
  const users = orUndefined(() => readFileSync("/etc/passwd", "utf8")) ?? "";
  const line = users.split("\n").find((each) => each.split(":")[2] === `${uid}`);
  return line?.split(":")[0] ?? `user ${uid}`;
}

function orUndefined<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/**
 * Whether somebody else may have put a file or a folder here, or a link on the way: another user owns it, and everybody
 * could have made it, or a folder that it is in.
 */
export function isPlanted(place: string, { uid }: Pick<Stats, "uid">): boolean {
  if (!isTrusted(uid) && isOpenToAll(place)) return true;
  for (const at of upwards(path.resolve(place))) {
    const stats = lstatSync(at, { throwIfNoEntry: false });
    if (!stats?.isSymbolicLink()) continue;
    // Its maker may have it lead to what belongs to its reader, and says what everybody knows.
    if (!isTrusted(stats.uid) && isOpenToAll(at)) return true;
    const rest = path.relative(at, path.resolve(place));
    const target = path.resolve(realpathSync(path.dirname(at)), readlinkSync(at), rest);
    return isPlanted(target, { uid });
  }
  return false;
}

/** What belongs to root is as good as one's own. Windows has no such owners. */
function isTrusted(owner: number): boolean {
  const own = process.getuid?.();
  return own === undefined || owner === own || owner === 0;
}

/** Whether everybody could have made this, or a folder that it is in and that is not one's own. */
function isOpenToAll(place: string): boolean {
  for (const folder of upwards(path.dirname(path.resolve(place)))) {
    // Not of what a link leads to, which may be another folder a moment later.
    const stats = lstatSync(folder);
    if (stats.isSymbolicLink()) continue;
    if ((stats.mode & 0o002) !== 0) return true;
    if (isTrusted(stats.uid)) return false;
  }
  return false;
}

/** A place, and all folders that it is in. */
function* upwards(place: string): Iterable<string> {
  for (let at = place; ; at = path.dirname(at)) {
    yield at;
    if (at === path.dirname(at)) return;
  }
}

/** For an error, after "cannot read FILE: ". */
export const plantedHint =
  "it, or a link to it, belongs to another user, in a folder where everybody may write: take one from a folder of your own";

/** Who but the owner can do what: "its group can read"; undefined when nobody can. */
export function exposureOf({ mode }: Pick<Stats, "mode">): string | undefined {
  // Windows has no such permissions.
  if (process.platform === "win32" || (mode & 0o077) === 0) return undefined;
  const who = (mode & 0o007) === 0 ? "its group" : "every user of this machine";
  return `${who} can ${(mode & 0o022) === 0 ? "read" : "read or change"}`;
}
