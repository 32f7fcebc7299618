// `npm run bench`: the project's speed beside that of a bare WebSocket relay, as a table and JSON.

import { writeFile } from "node:fs/promises";
import { runDataBenchmark } from "./data/main.ts";
import { runJournalBenchmark } from "./journal/main.ts";
import { startFloor } from "./floor/system.ts";
import { describeMachine, machineLine } from "./runner/machine.ts";
import { readCommandLine } from "./runner/command-line.ts";
import { takeRounds, type Taken } from "./runner/rounds.ts";
import { inRun, runMain } from "./runner/run.ts";
import { formatNumber, formatTable, resultRows } from "./runner/table.ts";
import { figureOf, units, type Sample, type Scenario, type Subject } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";
import type { System } from "./system.ts";
import { queueSystem } from "./thence/queue.ts";
import { startThence } from "./thence/system.ts";
import { runTlsBenchmark } from "./tls/main.ts";

const HELP = `Usage: npm run bench -- [scenario…] [--repeat n] [--quick] [--json file]

Measures thence beside a bare WebSocket relay, the floor, taking turns, and prints a table.

  scenario…      ${scenarios.map(({ name }) => name).join(" ")} data journal tls
                 (all of them by default)
  --repeat n     rounds to take medians over, after one to warm up (default 5)
  --quick        smaller sizes and one round: to see that it works, not to quote
  --json file    write the table, the machine and every sample there
  --help         this text

Example: npm run bench -- round-trip map-100k --repeat 9 --json run.json
`;

type Options = {
  chosen: Scenario[];
  /** Also what `data/` measures, whose floor is another one. */
  withData: boolean;
  /** Also what `journal/` measures, which holds thence against itself. */
  withJournal: boolean;
  /** Also what `tls/` measures, which holds thence against itself, too. */
  withTls: boolean;
  rounds: number;
  quick: boolean;
  json: string | undefined;
};

async function main(): Promise<void> {
  const options = readOptions();
  if (options === undefined) return;
  if (options.withData) await runDataBenchmark(options);
  if (options.withJournal) await runJournalBenchmark(options);
  if (options.withTls) await runTlsBenchmark(options);
  if (options.chosen.length === 0) return;
  const date = new Date().toISOString();
  const machine = await describeMachine();
  const taken = await measure(options);
  const rows = resultRows(taken);
  process.stdout.write(`${formatTable(rows)}\n\n${machineLine(machine)}\n`);
  if (options.quick) process.stdout.write("Taken with --quick: not to be quoted.\n");
  if (options.json !== undefined) {
    const { rounds, quick } = options;
    const samples = taken.map(({ scenario, size, subject, floor }) => ({
      scenario: scenario.name,
      size,
      subject,
      floor,
    }));
    const run = { date, machine, rounds, quick, rows, samples };
    await writeFile(options.json, `${JSON.stringify(run, null, 1)}\n`);
  }
}

/** Undefined when there is nothing to do but what has been printed. */
function readOptions(): Options | undefined {
  const names = [...scenarios.map(({ name }) => name), "data", "journal", "tls"];
  const line = readCommandLine({ help: HELP, names, defaultRepeat: 5 });
  if (line === undefined) return undefined;
  const { chosen, repeat, quick, json } = line;
  return {
    chosen: scenarios.filter(({ name }) => chosen.includes(name)),
    withData: chosen.includes("data"),
    withJournal: chosen.includes("journal"),
    withTls: chosen.includes("tls"),
    rounds: repeat,
    quick,
    json,
  };
}

function measure({
  chosen,
  rounds,
  quick,
}: Omit<Options, "withData" | "withJournal" | "withTls">): Promise<Taken[]> {
  return inRun(({ processes, directory, signal }) => {
    const starts: Record<Subject["system"], () => Promise<System>> = {
      floor: () => startFloor(processes, { thread: false }),
      "floor-thread": () => startFloor(processes, { thread: true }),
      thence: () => startThence(processes, directory),
      "thence-queue": () => Promise.resolve(queueSystem(processes, directory)),
    };
    const systems = new Map<string, Promise<System>>();
    const system = async (name: Subject["system"]) => {
      const running = systems.get(name) ?? starts[name]();
      systems.set(name, running);
      return await running;
    };
    return takeRounds(chosen, { rounds, quick, system, report, signal });
  });
}

/** A line on standard error as each scenario is done, so that a long run shows that it goes on. */
function report(
  round: number,
  { name, rows }: Scenario,
  subject: Sample,
  floor: Sample | undefined,
): void {
  const [row] = rows;
  if (row === undefined) return;
  const { unit, decimals } = units[row.figure];
  const say = (value: number | undefined) =>
    value === undefined ? "" : `${formatNumber(value, decimals)} ${unit}`;
  const measured = say(figureOf(subject, row.figure));
  const beside = floor === undefined ? "" : say(figureOf(floor, row.against ?? row.figure));
  const when = round === 0 ? "warm-up" : `round ${round}`;
  const line = `${when.padEnd(9)}${name.padEnd(25)}${measured.padStart(20)}`;
  process.stderr.write(beside === "" ? `${line}\n` : `${line}   floor ${beside}\n`);
}

await runMain(main);
