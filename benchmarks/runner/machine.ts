// Where and with what a run was taken. Nothing here names a host, a user or a folder.

import { readFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";

export type Machine = {
  processor: string;
  cores: number;
  memoryGiB: number;
  system: string;
  node: string;
  ws: string;
  thence: string;
  /** Processes that wanted to run, over the last minute: 0 on a quiet machine before the run. */
  loadBefore: number;
};

export async function describeMachine(): Promise<Machine> {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    ws: await versionIn("../../node_modules/ws/package.json"),
    thence: await versionIn("../../package.json"),
    loadBefore: loadavg()[0] ?? 0,
  };
}

async function versionIn(packageFile: string): Promise<string> {
  const text = await readFile(new URL(packageFile, import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

export function machineLine(machine: Machine): string {
  const { processor, cores, memoryGiB, system, node, ws, thence, loadBefore } = machine;
  const versions = `Node ${node}, ws ${ws}, thence ${thence}`;
  const hardware = `${cores} cores of ${processor}, ${memoryGiB} GiB, ${system}`;
  return `${hardware}, ${versions}, load before ${loadBefore.toFixed(2)}`;
}
