// What it costs to keep a journal, task by task. Three clusters take turns: one without a journal, and one
// for each durability; the ratios are those of one round.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Processes } from "../runner/processes.ts";
import { spread } from "../runner/statistics.ts";
import { figureOf, type Figure } from "../scenario.ts";
import type { System } from "../system.ts";
import { startThence } from "../thence/system.ts";

const strengths = ["process", "machine"] as const;

type Measure = {
  readonly scenario: string;
  readonly about: string;
  readonly figure: Figure;
  readonly unit: string;
  readonly size: number;
  readonly quickSize: number;
  readonly decimals: number;
  /** The ratio to reach with each durability. */
  readonly targets: Partial<Record<(typeof strengths)[number], string>>;
};

const measures: readonly Measure[] = [
  {
    scenario: "map-100k",
    about: "map and gather",
    figure: "tasksPerSecond",
    unit: "tasks/s",
    size: 100_000,
    quickSize: 10_000,
    decimals: 0,
    targets: { process: "≥ 0.80", machine: "≥ 0.60" },
  },
  {
    scenario: "map-100k",
    about: "  scheduler, a task",
    figure: "schedulerMicros",
    unit: "µs CPU",
    size: 100_000,
    quickSize: 10_000,
    decimals: 2,
    targets: {},
  },
  {
    scenario: "round-trip",
    about: "round trip, p50",
    figure: "p50Ms",
    unit: "ms",
    size: 2_000,
    quickSize: 200,
    decimals: 3,
    targets: { process: "≤ 1.15" },
  },
];

/** Rows of the table, under these headings. */
export const costHeadings = [
  "what",
  "journal",
  "unit",
  "without",
  "with",
  "ratio",
  "min–max",
  "target",
];

export async function measureCosts(
  processes: Processes,
  directory: string,
  { rounds, quick }: { rounds: number; quick: boolean },
): Promise<string[][]> {
  const start = async (name: string, ...more: string[]) => {
    const folder = join(directory, name);
    await mkdir(folder);
    return startThence(processes, folder, more);
  };
  const plain = await start("none");
  const kept = new Map<string, System>();
  for (const durability of strengths) {
    const more = ["--journal", join(directory, `${durability}-journal`), "--no-supervise"];
    kept.set(durability, await start(durability, ...more, "--durability", durability));
  }
  const rows: string[][] = [];
  for (const { scenario, about, figure, unit, size, quickSize, decimals, targets } of measures) {
    const count = quick ? quickSize : size;
    for (const durability of strengths) {
      const [without, with_, ratios]: [number[], number[], number[]] = [[], [], []];
      for (let round = -1; round < rounds; round++) {
        const [a, b] = [
          figureOf(await plain.sample(scenario, count), figure),
          figureOf(await kept.get(durability)!.sample(scenario, count), figure),
        ];
        if (round < 0 || a === undefined || b === undefined) continue;
        without.push(a);
        with_.push(b);
        ratios.push(b / a);
      }
      if (ratios.length === 0) continue;
      const { median, min, max } = spread(ratios);
      rows.push([
        `${about} (${count})`,
        durability,
        unit,
        spread(without).median.toFixed(decimals),
        spread(with_).median.toFixed(decimals),
        median.toFixed(2),
        `${min.toFixed(2)}–${max.toFixed(2)}`,
        targets[durability] ?? "",
      ]);
    }
  }
  return rows;
}
