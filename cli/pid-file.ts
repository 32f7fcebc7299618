// A file with the process id of a daemon, for scripts that want to signal it.

import { readFile, rm, writeFile } from "node:fs/promises";

export async function writePidFile(path: string): Promise<void> {
  await writeFile(path, `${process.pid}\n`);
}

/** Leaves alone what another process has written there since. */
export async function removePidFile(path: string): Promise<void> {
  const text = await readFile(path, "utf8").catch(() => "");
  if (text.trim() === String(process.pid)) await rm(path, { force: true });
}
