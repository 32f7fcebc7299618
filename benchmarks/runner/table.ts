// Turns samples into the rows that are printed and saved.

import { figureOf, units, type Row, type Sample, type Target } from "../scenario.ts";
import type { Taken } from "./rounds.ts";
import { spread, type Spread } from "./statistics.ts";

export type ResultRow = {
  scenario: string;
  about: string;
  unit: string;
  decimals: number;
  figure: Spread;
  floor?: Spread;
  /** Of the figure to the floor's of the same round. */
  ratio?: Spread;
  target?: Target & { met: boolean };
};

/** One row a figure that was measured; what this machine could not tell is left out. */
export function resultRows(taken: readonly Taken[]): ResultRow[] {
  return taken.flatMap(({ scenario, size, subject, floor }) =>
    scenario.rows.flatMap((row) => {
      const result = resultRow(row, subject, floor);
      if (result === undefined) return [];
      const about = row.about.replace("{size}", formatNumber(size, 0));
      return [{ scenario: scenario.name, ...result, about }];
    }),
  );
}

type Measured = Omit<ResultRow, "scenario">;

function resultRow(row: Row, subject: Sample[], floor: Sample[]): Measured | undefined {
  const figures = subject.flatMap((sample) => figureOf(sample, row.figure) ?? []);
  const floors = floor.flatMap((sample) => figureOf(sample, row.against ?? row.figure) ?? []);
  if (figures.length === 0) return undefined;
  const ratios = figures.flatMap((figure, i) => {
    const beside = floors[i];
    // A CPU clock that ticks every 10 ms may not have ticked at all.
    return beside === undefined || beside === 0 ? [] : figure / beside;
  });
  const result: Measured = { about: row.about, ...units[row.figure], figure: spread(figures) };
  if (floors.length > 0) result.floor = spread(floors);
  if (ratios.length > 0) result.ratio = spread(ratios);
  const judged = row.target?.of === "ratio" ? result.ratio : result.figure;
  if (row.target !== undefined && judged !== undefined) {
    result.target = { ...row.target, met: meets(judged.median, row.target) };
  }
  return result;
}

function meets(value: number, target: Target): boolean {
  return "atLeast" in target ? value >= target.atLeast : value <= target.atMost;
}

const HEADINGS = [
  "",
  "unit",
  "median",
  "min–max",
  "floor",
  "min–max",
  "ratio",
  "min–max",
  "target",
];

/** An aligned table in the manner of Markdown, a line per row, ratios to the floor's same round. */
export function formatTable(rows: readonly ResultRow[]): string {
  const cells = [HEADINGS, ...rows.map(cellsOf)];
  const widths = HEADINGS.map((_, column) =>
    Math.max(3, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  const textual = (column: number) => column < 2 || column === HEADINGS.length - 1;
  const lines = cells.map((line) =>
    line.map((cell, column) => {
      const width = widths[column] ?? 0;
      return textual(column) ? cell.padEnd(width) : cell.padStart(width);
    }),
  );
  const rule = widths.map((width, column) =>
    textual(column) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  lines.splice(1, 0, rule);
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function cellsOf({ about, unit, decimals, figure, floor, ratio, target }: ResultRow): string[] {
  return [
    about,
    unit,
    ...spreadCells(figure, decimals),
    ...spreadCells(floor, decimals),
    ...spreadCells(ratio, 2, "×"),
    target === undefined ? "" : targetCell(target),
  ];
}

function spreadCells(values: Spread | undefined, decimals: number, suffix = ""): string[] {
  if (values === undefined) return ["", ""];
  const { median, min, max } = values;
  const range = `${formatNumber(min, decimals)}–${formatNumber(max, decimals)}`;
  return [`${formatNumber(median, decimals)}${suffix}`, range];
}

function targetCell(target: Target & { met: boolean }): string {
  const bound = "atLeast" in target ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`;
  return `${bound}${target.of === "ratio" ? "×" : ""} ${target.met ? "met" : "missed"}`;
}

export function formatNumber(value: number, decimals: number): string {
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return value.toLocaleString("en-US", digits);
}
