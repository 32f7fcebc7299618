// Counts words, and adds counts. The counts are in a Map, because "constructor" is a word too.

import { readFile } from "node:fs/promises";

export type Counts = ReadonlyMap<string, number>;

/** Counts how often each word, in lower case, occurs in a text file. */
export async function countWords(file: string): Promise<Counts> {
  const text = await readFile(file, "utf8");
  const counts = new Map<string, number>();
  for (const [word] of text.toLowerCase().matchAll(/[\p{L}\p{N}]+/gu)) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/** Adds several counts. */
export function mergeCounts(several: readonly Counts[]): Counts {
  const sum = new Map<string, number>();
  for (const counts of several) {
    for (const [word, count] of counts) sum.set(word, (sum.get(word) ?? 0) + count);
  }
  return sum;
}
