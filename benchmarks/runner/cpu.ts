// CPU time of another process, as Linux counts it: user and system time of all its threads.

import { readFile } from "node:fs/promises";

/** The kernel reports in units of 1/100 s to every program, whatever its own clock ticks at. */
const MICROS_PER_TICK = 10_000;

/** In microseconds, to the nearest 10,000; undefined where there is no /proc. */
export async function cpuMicrosOf(pid: number): Promise<number | undefined> {
  let line: string;
  try {
    line = await readFile(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses, which may itself hold spaces and
  // parentheses; user and system time are fields 14 and 15 of the whole line.
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * MICROS_PER_TICK;
}
