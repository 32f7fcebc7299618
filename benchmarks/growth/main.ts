// `npm run bench:growth`: what a task costs the scheduler, and the core alone, as tasks, workers,
// clients and dependencies grow. Prints a table of each and draws a plot beside it.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readCommandLine, type CommandLine } from "../runner/command-line.ts";
import { describeMachine, machineLine } from "../runner/machine.ts";
import { inRun, runMain } from "../runner/run.ts";
import { axes } from "./axes.ts";
import { takeGrowth, type Taken } from "./plan.ts";
import { plot } from "./plot.ts";
import { axisTable, verdicts } from "./report.ts";

const PLOTS = fileURLToPath(new URL("../plots/", import.meta.url));

const HELP = `Usage: npm run bench:growth -- [axis…] [--repeat n] [--quick] [--json file] [--plots folder]

Follows what a task costs a scheduler with zero workers, and the core alone, as something grows.

  axis…            ${axes.map(({ name }) => name).join(" ")} (all of them by default)
  --repeat n       rounds to take medians over (default 3)
  --quick          fewer and smaller points and one round: to see that it works, not to quote
  --json file      write the machine and every sample there
  --plots folder   draw the plots there (default benchmarks/plots; with --quick nowhere)
  --help           this text

Example: npm run bench:growth -- tasks workers --repeat 5
`;

async function main(): Promise<void> {
  const names = axes.map(({ name }) => name);
  const options = readCommandLine({ help: HELP, names, defaultRepeat: 3, more: ["plots"] });
  if (options === undefined) return;
  const { chosen, repeat, quick } = options;
  const date = new Date().toISOString();
  const machine = await describeMachine();
  const plan = { axes: axes.filter(({ name }) => chosen.includes(name)), repeat, quick };
  const report = (line: string) => process.stderr.write(`${line}\n`);
  const folder = folderOf(options);
  if (folder !== undefined) await mkdir(folder, { recursive: true });
  const print = async (axis: Taken) => {
    process.stdout.write(`${[axisTable(axis), ...verdicts(axis)].join("\n\n")}\n\n`);
    if (folder === undefined) return;
    await writeFile(join(folder, `growth-${axis.axis.name}.svg`), await plot(axis));
  };
  const taken = await inRun((run) => takeGrowth(plan, run, report, print));
  process.stdout.write(`${machineLine(machine)}\n`);
  if (quick) process.stdout.write("Taken with --quick: not to be quoted.\n");
  if (options.json !== undefined) {
    const points = taken.map(({ axis, real, core }) => ({ axis: axis.name, real, core }));
    const saved = { date, machine, repeat, quick, points };
    await writeFile(options.json, `${JSON.stringify(saved, null, 1)}\n`);
  }
}

function folderOf({ quick, more }: CommandLine): string | undefined {
  return more["plots"] ?? (quick ? undefined : PLOTS);
}

await runMain(main);
