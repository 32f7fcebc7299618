// Node's threads for files, name look-ups and compression: the tasks of a worker share them, so that four
// tasks that each wait for a slow file system would block all others.

import { stat } from "node:fs/promises";

const variable = "UV_THREADPOOL_SIZE";
/** What Node starts by itself; this many are for the worker's own files too. */
const usual = 4;
/** The most that Node starts. */
const most = 1_024;

/**
 * Starts one for each slot. Has no effect when Node has started them already, as in a program that used a
 * file before, and when the user has chosen their number.
 */
export async function startIoThreads(slots: number): Promise<void> {
  if (process.env[variable] !== undefined) return;
  process.env[variable] = String(Math.min(most, slots + usual));
  // Node reads the variable at the first use.
  await stat(".").catch(() => undefined);
  // Processes that tasks start must not inherit the variable.
  Reflect.deleteProperty(process.env, variable);
}
