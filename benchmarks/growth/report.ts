// The tables of growth, and which targets were reached.

import { columns } from "../runner/columns.ts";
import { median } from "../runner/statistics.ts";
import { formatNumber } from "../runner/table.ts";
import type { Point, Taken } from "./plan.ts";

const mostBytes = 2 ** 30;
const mostPauseMs = 100;
/** The map that has to stay within those two. */
const oneGo = 1_000_000;

/** Of each round; the ratio of two points is of the same round. */
export function costsOf({ units, samples }: Point): number[] {
  return samples.map(({ cpuMicros }) => cpuMicros / units);
}

/** How many times what the first point costs. */
export function growthOf(point: Point, first: Point | undefined): number | undefined {
  const firsts = first === undefined ? [] : costsOf(first);
  // What was taken in the last round alone is held against that round.
  const offset = firsts.length - point.samples.length;
  const ratios = costsOf(point).flatMap((cost, i) => {
    const beside = firsts[i + offset];
    return beside === undefined ? [] : cost / beside;
  });
  return ratios.length === 0 ? undefined : median(ratios);
}

export function axisTable({ axis, real, core }: Taken): string {
  const xs = [...new Set([...real, ...core].map(({ x }) => x))].sort((a, b) => a - b);
  const rows = xs.map((x) => {
    const ofReal = taken(real, x);
    const ofCore = taken(core, x);
    return [
      formatNumber(x, 0),
      ...costCells(ofReal, real[0]),
      ofReal === undefined ? "" : rate(ofReal),
      worst(ofReal, "longestPauseMs", 1),
      worst(ofReal, "busiestTurnMs", 1),
      worst(ofReal, "longestCollectionMs", 1),
      worst(ofReal, "peakBytes", 2 ** 20),
      ...costCells(ofCore, core[0]),
      ofCore === undefined ? "" : rate(ofCore),
    ];
  });
  const of = `µs CPU ${axis.unit}`;
  const headings = [
    axis.label,
    `scheduler: ${of}`,
    "of the first",
    "a second",
    "longest pause, ms",
    "its own, ms CPU",
    "longest collection, ms",
    "peak MiB",
    `core: ${of}`,
    "of the first",
    "a second",
  ];
  return columns(headings, rows, []);
}

/** One line a target of this axis. */
export function verdicts({ axis, real }: Taken): string[] {
  const lines: string[] = [];
  const { target } = axis;
  const judged = target && taken(real, target.to);
  if (target && judged) {
    const growth = growthOf(judged, real[0]) ?? NaN;
    const { to, atMost } = target;
    const first = formatNumber(real[0]?.x ?? 0, 0);
    const told = `${formatNumber(to, 0)} ${axis.label}: ${formatNumber(growth, 2)}× the cost ${axis.unit} at ${first}`;
    lines.push(`${told}, wanted ≤ ${atMost}×: ${growth <= atMost ? "met" : "missed"}`);
  }
  const whole = axis.name === "tasks" ? taken(real, oneGo) : undefined;
  if (whole) {
    const middle = (of: "peakBytes" | "longestPauseMs") =>
      median(whole.samples.map((sample) => sample[of] ?? NaN));
    const bytes = middle("peakBytes");
    const pauseMs = middle("longestPauseMs");
    const mebibytes = formatNumber(bytes / 2 ** 20, 0);
    const met = (isMet: boolean) => (isMet ? "met" : "missed");
    lines.push(
      `a map of ${formatNumber(oneGo, 0)} in one go: ${mebibytes} MiB at most, wanted < 1,024: ${met(bytes < mostBytes)}`,
      `a map of ${formatNumber(oneGo, 0)} in one go: no pause over ${formatNumber(pauseMs, 0)} ms, wanted ≤ ${mostPauseMs}: ${met(pauseMs <= mostPauseMs)}`,
    );
  }
  return lines;
}

function taken(points: readonly Point[], x: number): Point | undefined {
  return points.find((point) => point.x === x && point.samples.length > 0);
}

function costCells(point: Point | undefined, first: Point | undefined): string[] {
  if (point === undefined) return ["", ""];
  const growth = growthOf(point, first);
  const cost = formatNumber(median(costsOf(point)), 2);
  return [cost, growth === undefined ? "" : `${formatNumber(growth, 2)}×`];
}

function rate({ units, samples }: Point): string {
  return formatNumber(median(samples.map(({ elapsedMs }) => (units / elapsedMs) * 1000)), 0);
}

/** The median over the rounds of the worst in each. */
function worst(
  point: Point | undefined,
  of: "longestPauseMs" | "busiestTurnMs" | "longestCollectionMs" | "peakBytes",
  unit: number,
): string {
  const values = (point?.samples ?? []).flatMap((sample) => sample[of] ?? []);
  return values.length === 0 ? "" : formatNumber(median(values) / unit, 0);
}
