// Turns what was taken into the tables that are printed and saved.

import { formatNumber } from "../runner/table.ts";
import { spread, type Spread } from "../runner/statistics.ts";
import { timesAsFast, type Measure } from "./measures.ts";
import { judge, type PeerTarget, type Verdict } from "./targets.ts";

/** One figure of a peer and the one of thence that was taken beside it. */
export type Pair = { peer: string; measure: string; peerFigure: number; thenceFigure: number };

/** Why a figure is not there. */
export type Gap = { peer: string; measure: string; why: "no notion" | "too long" | "failed" };

/** A line of the table; a peer that could not be had has a reason instead of figures. */
export type Line = { name: string; title: string; version: string; reason?: string };

export type Taken = { pairs: readonly Pair[]; gaps: readonly Gap[] };

const marks: Record<Gap["why"], string> = {
  "no notion": "–",
  "too long": "> 60 s",
  failed: "failed",
};

/** Over the rounds, of a peer's figure and of how many times as fast thence was in the same round. */
export function spreads({ pairs }: Taken, measure: Measure, peer: string) {
  const found = pairs.filter((pair) => pair.peer === peer && pair.measure === measure.name);
  if (found.length === 0) return undefined;
  const times = found.map((pair) => timesAsFast(measure, pair.thenceFigure, pair.peerFigure));
  return { figure: spread(found.map(({ peerFigure }) => peerFigure)), times: spread(times) };
}

/** Medians, a line per peer, thence first. */
export function figuresTable(lines: readonly Line[], measures: readonly Measure[], taken: Taken) {
  const thence = measures.map((measure) => {
    const found = taken.pairs.filter((pair) => pair.measure === measure.name);
    if (found.length === 0) return "";
    const { median } = spread(found.map(({ thenceFigure }) => thenceFigure));
    return formatNumber(median, measure.decimals);
  });
  const [own, ...others] = lines;
  if (own === undefined) throw new Error("There is no line for thence.");
  return markdown([
    ["", "version", ...measures.map(({ about }) => about)],
    [own.title, own.version, ...thence],
    ...others.map((line) => [
      line.title,
      versionOf(line),
      ...measures.map((measure) => {
        const found = spreads(taken, measure, line.name);
        if (found !== undefined) return formatNumber(found.figure.median, measure.decimals);
        return markOf(line, measure, taken);
      }),
    ]),
  ]);
}

/** How many times as fast thence is, the median of the rounds. */
export function timesTable(lines: readonly Line[], measures: readonly Measure[], taken: Taken) {
  return markdown([
    ["thence is … times as fast as", ...measures.map(({ name }) => name)],
    ...lines.slice(1).map((line) => [
      line.title,
      ...measures.map((measure) => {
        const found = spreads(taken, measure, line.name);
        return found === undefined ? markOf(line, measure, taken) : formatTimes(found.times.median);
      }),
    ]),
  ]);
}

export function verdicts(
  targets: readonly PeerTarget[],
  measures: readonly Measure[],
  taken: Taken,
): Verdict[] {
  const timesOf = (peer: string, name: string): Spread | undefined => {
    const measure = measures.find((candidate) => candidate.name === name);
    return measure && spreads(taken, measure, peer)?.times;
  };
  return targets.map((target) => judge(target, timesOf));
}

export function targetsTable(lines: readonly Line[], judged: readonly Verdict[]): string {
  return markdown([
    ["target", "beside", "times as fast", "min–max", ""],
    ...judged.map(({ about, peer, times, verdict }) => {
      const title = lines.find(({ name }) => name === peer)?.title ?? peer;
      if (times === undefined) return [about, title, "", "", verdict];
      const range = `${formatTimes(times.min)}–${formatTimes(times.max)}`;
      return [about, title, formatTimes(times.median), range, verdict];
    }),
  ]);
}

function versionOf({ version, reason }: Line): string {
  return reason === undefined ? version : `cannot be had: ${reason}`;
}

function markOf(line: Line, measure: Measure, { gaps }: Taken): string {
  const gap = gaps.find(({ peer, measure: name }) => peer === line.name && name === measure.name);
  return gap === undefined ? "" : marks[gap.why];
}

/** Three digits say enough of a ratio. */
export function formatTimes(times: number): string {
  return `${formatNumber(times, times >= 100 ? 0 : times >= 10 ? 1 : 2)}×`;
}

function markdown(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const lines = cells.map((row) =>
    widths.map((width, column) => {
      const cell = row[column] ?? "";
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    }),
  );
  lines.splice(
    1,
    0,
    widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)),
  );
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}
