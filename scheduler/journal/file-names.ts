// The names of the files in a journal's directory. Segment n+1 goes on where segment n ended; snapshot n holds
// the state after segment n.

import path from "node:path";
import type { Disk } from "./disk.ts";

export function segmentPath(directory: string, number: number): string {
  return path.join(directory, `segment-${padded(number)}.log`);
}

export function snapshotPath(directory: string, number: number): string {
  return path.join(directory, `snapshot-${padded(number)}`);
}

/** The numbers of the segments and of the snapshots that are there, in ascending order. */
export function numbersIn(
  disk: Disk,
  directory: string,
): { segments: number[]; snapshots: number[] } {
  const names = disk.list(directory);
  return {
    segments: matching(names, /^segment-(\d{6,})\.log$/),
    snapshots: matching(names, /^snapshot-(\d{6,})$/),
  };
}

export function matching(names: readonly string[], pattern: RegExp): number[] {
  return names
    .flatMap((name) => pattern.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

export function padded(number: number): string {
  return String(number).padStart(6, "0");
}
