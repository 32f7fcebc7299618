// The directory for results that do not fit into memory, when the user gave none. A directory that is itself
// in memory, as /tmp is on many clusters, is of no use: its files count against the same limit.

import { access, constants, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";

export type DefaultDirectory = {
  readonly path: string;
  /** There is none on a disk, so nothing should be written. */
  readonly isMemory: boolean;
  /** Directories that come before it, and are in memory. */
  readonly passedOver: readonly string[];
};

/**
 * The first that is on a disk of: `$SLURM_TMPDIR`, which some sites make for each job; the system's directory for
 * temporary files, which `$TMPDIR` names; and /var/tmp. If none is, that of the system.
 */
export async function defaultDirectory(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  isMemory = isInMemory,
): Promise<DefaultDirectory> {
  const passedOver: string[] = [];
  for (const path of new Set([environment["SLURM_TMPDIR"], tmpdir(), "/var/tmp"])) {
    if (!path || !(await isWritable(path))) continue;
    if (!(await isMemory(path))) return { path, isMemory: false, passedOver };
    passedOver.push(path);
  }
  return { path: tmpdir(), isMemory: passedOver.length > 0, passedOver };
}

/** How the kernel numbers tmpfs and ramfs. */
const memoryTypes = [0x01021994, 0x858458f6];

/** Whether the files of a directory are in memory. */
export async function isInMemory(directory: string): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const { type } = await statfs(directory);
  return memoryTypes.includes(type >>> 0);
}

async function isWritable(directory: string): Promise<boolean> {
  return access(directory, constants.W_OK).then(
    () => true,
    () => false,
  );
}
