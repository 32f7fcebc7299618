// What is measured of every peer: the same work, told to its driver in the same words.

import { percentile } from "../runner/statistics.ts";
import { formatNumber } from "../runner/table.ts";
import type { Answer, Kind } from "./question.ts";

export type Measure = {
  name: string;
  /** The heading of its column; `{size}` stands for the size it ran at. */
  about: string;
  /** Of the driver; `start` is how long the system takes from nothing to the first result. */
  kind: Kind | "start";
  size: number;
  /** The size under `--quick`. */
  quickSize: number;
  unit: "tasks/s" | "ms" | "s";
  decimals: number;
  /** Taken only when this rate, by the figure of the same round, says that it ends in time. */
  after?: string;
};

/** A rate that would take longer than this is not taken. */
export const LONGEST_MS = 60_000;

/** Numbers of 8 bytes in 64 MiB. */
const ARRAY_SIZE = (64 * 2 ** 20) / 8;

export const measures: readonly Measure[] = [
  timed("start", "start to first result, s", "start", 1, { unit: "s", decimals: 2 }),
  timed("round-trip", "round trip, p50 ms", "round-trip", 300, { decimals: 2, quickSize: 50 }),
  rate("map-1k", "{size} no-ops, /s", "map", 1_000),
  rate("map-10k", "{size} no-ops, /s", "map", 10_000, 2_000),
  { ...rate("map-100k", "{size} no-ops, /s", "map", 100_000, 20_000), after: "map-10k" },
  rate("chain", "chain of {size}, /s", "chain", 1_000, 200),
  rate("tree", "tree of {size}, /s", "tree", 8_191, 1_023),
  timed("array", "64 MiB array, ms", "array", ARRAY_SIZE, { decimals: 0 }),
];

/** As they are for this run: at their sizes, and headed so. */
export function atSizes(chosen: readonly Measure[], quick: boolean): Measure[] {
  return chosen.map((measure) => {
    const size = quick ? measure.quickSize : measure.size;
    return { ...measure, size, about: measure.about.replace("{size}", formatNumber(size, 0)) };
  });
}

function rate(name: string, about: string, kind: Kind, size: number, quickSize = size): Measure {
  return { name, about, kind, size, quickSize, unit: "tasks/s", decimals: 0 };
}

type Timed = { unit?: "ms" | "s"; decimals: number; quickSize?: number };

function timed(name: string, about: string, kind: Measure["kind"], size: number, how: Timed) {
  const { unit = "ms", decimals, quickSize = size } = how;
  return { name, about, kind, size, quickSize, unit, decimals } satisfies Measure;
}

export function figureOf(measure: Measure, answer: Exclude<Answer, Failed>): number {
  const { elapsedMs, latenciesMs } = answer;
  if (measure.unit === "tasks/s") return (measure.size / elapsedMs) * 1000;
  const ms = latenciesMs === undefined ? elapsedMs : percentile(latenciesMs, 0.5);
  return measure.unit === "s" ? ms / 1000 : ms;
}

type Failed = { error: string };

/** How many times as fast thence is: of a rate thence ÷ peer, of a time peer ÷ thence. */
export function timesAsFast(measure: Measure, thence: number, peer: number): number {
  return measure.unit === "tasks/s" ? thence / peer : peer / thence;
}

/** Whether `size` tasks at this rate take longer than a run may. */
export function takesTooLong(tasksPerSecond: number, size: number): boolean {
  return (size / tasksPerSecond) * 1000 > LONGEST_MS;
}
