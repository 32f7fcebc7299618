// The memory of a process after full collections: what its heap holds, with what that refers to outside it,
// and what the machine is out of.

import { readFile } from "node:fs/promises";
import type { Inspector } from "../runner/inspector.ts";

type Memory = { live: number; resident: number };

export async function memoryOf(pid: number, inspector: Inspector): Promise<Memory> {
  await inspector.collectGarbage();
  const { heapUsed, external } =
    await inspector.evaluate<NodeJS.MemoryUsage>("process.memoryUsage()");
  return { live: heapUsed + external, resident: await residentBytesOf(pid) };
}

async function residentBytesOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`/proc/${pid}/status tells no VmRSS.`);
  return Number(kibibytes) * 1024;
}
