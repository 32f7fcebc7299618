// A file with the process id of a daemon, for scripts that send it signals.

import { readFile, rm, writeFile } from "node:fs/promises";

export async function writePidFile(path: string): Promise<void> {
  await writeFile(path, `${process.pid}\n`);
}

/** Removes the file unless another process has written it since. */
export async function removePidFile(path: string): Promise<void> {
  const text = await readFile(path, "utf8").catch(() => "");
  if (text.trim() === String(process.pid)) await rm(path, { force: true });
}
