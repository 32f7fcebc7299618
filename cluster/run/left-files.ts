// Scheduler files that a killed step of the same job has left: `scheduler-12.0.json` beside `scheduler-12.1.json`.

import { readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { isLocalProcess } from "../../scheduler/local-process.ts";
import { readSchedulerFile } from "../../src/meeting/scheduler-file.ts";

/**
 * Removes those whose scheduler has run on this node and is gone. Never rejects.
 *
 * @param own the file of this step
 */
export async function removeLeftFiles(own: string): Promise<void> {
  const directory = dirname(own);
  const [, job] = /^scheduler-(\d+)\./.exec(basename(own)) ?? [];
  if (job === undefined) return;
  const ofJob = new RegExp(`^scheduler-${job}\\.\\d+(-\\d+)?\\.json$`);
  for (const name of await readdir(directory).catch(() => [])) {
    const path = join(directory, name);
    if (path === own || !ofJob.test(name)) continue;
    const file = await readSchedulerFile(path).catch(() => undefined);
    if (file?.host !== hostname() || isLocalProcess(file)) continue;
    await rm(path, { force: true }).catch(() => undefined);
  }
}
