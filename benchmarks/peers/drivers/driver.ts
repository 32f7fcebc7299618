// What the drivers in TypeScript share: they answer the runner's questions, one line of JSON each, and
// check every result.

import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Answer, Kind, Question } from "../question.ts";

export type Measures = Partial<Record<Kind, (question: Question) => Promise<Answer>>>;

/** Answers each question on standard input by calling the measure it names; then `close`s. */
export async function serve(measures: Measures, close: () => Promise<void>): Promise<void> {
  try {
    for await (const line of createInterface({ input: process.stdin })) {
      const question = JSON.parse(line) as Question;
      let answer: Answer;
      try {
        const measure = measures[question.measure];
        if (measure === undefined) throw new Error(`There is no measure ${question.measure}.`);
        answer = await measure(question);
      } catch (error) {
        answer = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
      }
      process.stdout.write(`${JSON.stringify({ id: question.id, ...answer })}\n`);
    }
  } finally {
    await close();
  }
}

/** `call(i)` makes one call, whose result must be i + 1. */
export function oneAtATime(call: (i: number) => Promise<unknown>) {
  return async ({ size, withinMs }: Question): Promise<Answer> => {
    const latenciesMs: number[] = [];
    const start = performance.now();
    for (let i = 0; i < size && performance.now() - start < withinMs; i++) {
      const before = performance.now();
      const value = await call(i);
      latenciesMs.push(performance.now() - before);
      expect(value, i + 1);
    }
    return { elapsedMs: performance.now() - start, latenciesMs };
  };
}

/** `callAll(n)` makes n calls; their results, in order, must be 1 to n. */
export function allAtOnce(callAll: (size: number) => Promise<readonly unknown[]>) {
  return async ({ size }: Question): Promise<Answer> => {
    const start = performance.now();
    const values = await callAll(size);
    const elapsedMs = performance.now() - start;
    expect(values.length, size);
    values.forEach((value, i) => {
      expect(value, i + 1);
    });
    return { elapsedMs };
  };
}

/** `run(n)` does the work of n tasks and yields one value, which must be `wanted(n)`. */
export function toOneValue(
  run: (size: number) => Promise<unknown>,
  wanted: (size: number) => unknown,
) {
  return async ({ size }: Question): Promise<Answer> => {
    const start = performance.now();
    const value = await run(size);
    const elapsedMs = performance.now() - start;
    expect(value, wanted(size));
    return { elapsedMs };
  };
}

export const chainSum = (size: number): number => size;

/** Of a tree of n tasks whose leaves are the numbers from 1 on. */
export function treeSum(size: number): number {
  const leaves = (size + 1) / 2;
  return (leaves * (leaves + 1)) / 2;
}

export const arraySum = (size: number): number => (size * (size - 1)) / 2;

function expect(got: unknown, wanted: unknown): void {
  if (got !== wanted) throw new Error(`the answer was ${String(got)}, not ${String(wanted)}`);
}

/** Pairs of neighbours, for the next level of a tree. */
export function pairs<Value>(values: readonly Value[]): [Value, Value][] {
  const found: [Value, Value][] = [];
  for (let i = 0; i + 1 < values.length; i += 2) found.push([values[i]!, values[i + 1]!]);
  return found;
}

/** A package of the folder that the peers are installed in, which is not one of ours. */
export function peerPackage<Package>(name: string): Package {
  const folder = process.env["PEER_PACKAGES"];
  if (folder === undefined) throw new Error("PEER_PACKAGES does not name the packages' folder.");
  return createRequire(join(folder, "package.json"))(name) as Package;
}
