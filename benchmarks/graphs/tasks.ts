// What the tasks of the graphs do where workers run them. As in the paper, next to nothing.

import { setTimeout as sleepFor } from "node:timers/promises";

export function tenfold(value: number): number {
  return value * 10;
}

export function merge(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

export function add(a: number, b: number): number {
  return a + b;
}

/** Asynchronous, so that many can wait on one thread. */
export async function sleep(ms: number): Promise<number> {
  await sleepFor(ms);
  return ms;
}

/** One part of a data set: as many buckets as there are parts, with one number in each. */
export function split(part: number, parts: number): number[][] {
  return Array.from({ length: parts }, (_, bucket) => [part * parts + bucket]);
}

export function pick(buckets: readonly number[][], bucket: number): number[] {
  return buckets[bucket] ?? [];
}

export function gatherPart(picked: readonly number[][]): number {
  return merge(picked.flat());
}
