// Warns when a file with a token is open to others: whoever has the token can run code as the owner of
// the workers.

import type { Stats } from "node:fs";

export type Warn = (text: string) => void;

/** The paths that were warned of, each once in a process. */
const warnedOf = new Set<string>();

/** Warns, once for each path, when others than its owner can read or change the file. */
export function warnOfExposure(
  what: string,
  path: string,
  stats: Pick<Stats, "mode">,
  warn: Warn,
): void {
  const exposure = exposureOf(stats);
  if (exposure === undefined || warnedOf.has(path)) return;
  warnedOf.add(path);
  warn(
    `${exposure} ${what}, and with its token run code as you: chmod 600 ${path}, ` +
      "and give the scheduler a new token",
  );
}

/** Who but the owner can do what: "its group can read"; undefined when nobody can. */
export function exposureOf({ mode }: Pick<Stats, "mode">): string | undefined {
  // Windows has no such permissions.
  if (process.platform === "win32" || (mode & 0o077) === 0) return undefined;
  const who = (mode & 0o007) === 0 ? "its group" : "every user of this machine";
  return `${who} can ${(mode & 0o022) === 0 ? "read" : "read or change"}`;
}
