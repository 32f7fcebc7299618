// `npm run bench:map`: thence map beside GNU Parallel and a bare spawn loop, taking turns.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readCommandLine } from "../runner/command-line.ts";
import { columns } from "../runner/columns.ts";
import { describeMachine, machineLine } from "../runner/machine.ts";
import { inRun, runMain } from "../runner/run.ts";
import { median, spread } from "../runner/statistics.ts";
import { formatNumber } from "../runner/table.ts";
import { measures, type Contender, type Measure } from "./measures.ts";
import { measure, type Measured } from "./programs.ts";

const HELP = `Usage: npm run bench:map -- [measure…] [--repeat n] [--quick] [--json file]

Measures thence map beside the installed GNU Parallel and a bare spawn loop, with two slots.

  measure…       ${measures.map(({ name }) => name).join(" ")}
                 (all of them by default)
  --repeat n     rounds to take medians over, after one to warm up (default 5)
  --quick        fewer inputs and one round: to see that it works, not to quote
  --json file    write the machine and every sample there
  --help         this text

Example: npm run bench:map -- commands first-output --repeat 9
`;

type Taken = { readonly measure: string; readonly by: Contender; readonly figures: number[] };

async function main(): Promise<void> {
  const names = measures.map(({ name }) => name);
  const options = readCommandLine({ help: HELP, names, defaultRepeat: 5 });
  if (options === undefined) return;
  const machine = await describeMachine();
  const chosen = measures.filter(({ name }) => options.chosen.includes(name));
  const taken = await inRun(({ directory, signal }) =>
    take(chosen, { ...options, directory, signal }),
  );
  const quick = options.quick ? ["Taken with --quick: not to be quoted."] : [];
  process.stdout.write(`${[table(taken), machineLine(machine), ...quick].join("\n\n")}\n`);
  if (options.json === undefined) return;
  const saved = { date: new Date().toISOString(), machine, quick: options.quick, taken };
  await writeFile(options.json, `${JSON.stringify(saved, null, 1)}\n`);
}

async function take(
  chosen: readonly Measure[],
  options: { repeat: number; quick: boolean; directory: string; signal: AbortSignal },
): Promise<Taken[]> {
  const { repeat, quick, directory, signal } = options;
  const taken: Taken[] = [];
  for (const each of chosen) {
    const size = quick ? each.quickSize : each.size;
    const inputs = join(directory, String(size));
    await writeFile(inputs, Array.from({ length: size }, (_, i) => `${i}\n`).join(""));
    const programs = Object.entries(each.programs(size)) as [Contender, readonly string[]][];
    const rows = programs.map(([by]): Taken => ({ measure: each.name, by, figures: [] }));
    taken.push(...rows);
    for (let round = quick ? 1 : 0; round <= repeat; round++) {
      // Who goes first changes from round to round.
      const turns = round % 2 === 0 ? rows : rows.toReversed();
      for (const row of turns) {
        signal.throwIfAborted();
        const program = programs.find(([by]) => by === row.by)![1];
        const ends = await measure(program, row.by === "bare spawn loop" ? undefined : inputs);
        // The first round warms up.
        if (round > 0) row.figures.push(figureOf(each, size, ends));
      }
      process.stderr.write(`${each.name}: round ${round} of ${repeat}\n`);
    }
  }
  return taken;
}

function figureOf({ name, unit }: Measure, size: number, ends: Measured): number {
  const { elapsedMs, firstOutputMs, peakMiB } = ends;
  const figure = { "commands/s": size / (elapsedMs / 1_000), ms: firstOutputMs, MiB: peakMiB };
  const value = figure[unit === "calls/s" ? "commands/s" : unit];
  if (value === undefined) throw new Error(`${name} could not be measured here.`);
  return value;
}

/** A row for each measure and contender; ratios are those to GNU Parallel in the same round. */
function table(taken: readonly Taken[]): string {
  const figuresOf = (name: string, by: Contender) =>
    taken.find((row) => row.measure === name && row.by === by)?.figures;
  const rows = taken.map(({ measure: name, by, figures }) => {
    const { label, unit, target } = measures.find((each) => each.name === name)!;
    const beside = figuresOf(target?.beside ?? name, "GNU Parallel");
    const { min, max } = spread(figures);
    const ratio =
      beside && by !== "GNU Parallel"
        ? median(figures.map((figure, round) => figure / beside[round]!))
        : undefined;
    return [
      label,
      by,
      `${formatNumber(median(figures), 0)} ${unit}`,
      `${formatNumber(min, 0)}–${formatNumber(max, 0)}`,
      ratio === undefined ? "" : `${formatNumber(ratio, 2)}×`,
      by === "thence map" && target && ratio !== undefined ? verdict(target, ratio) : "",
    ];
  });
  const headings = ["", "by", "median", "min–max", "of GNU Parallel", "target"];
  return columns(headings, rows, [0, 1, 5]);
}

function verdict({ atLeast, atMost }: NonNullable<Measure["target"]>, ratio: number): string {
  const isMet = ratio >= (atLeast ?? 0) && ratio <= (atMost ?? Infinity);
  const words = atLeast === undefined ? `≤ ${atMost}×` : `≥ ${atLeast}×`;
  return `${words} ${isMet ? "met" : "missed"}`;
}

await runMain(main);
