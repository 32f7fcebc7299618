// `npm run bench`: the project's speed beside that of a bare WebSocket relay, as a table and JSON.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runDataBenchmark } from "./data/main.ts";
import { startFloor } from "./floor/system.ts";
import { describeMachine, machineLine } from "./runner/machine.ts";
import { Processes } from "./runner/processes.ts";
import { takeRounds, type Taken } from "./runner/rounds.ts";
import { formatNumber, formatTable, resultRows } from "./runner/table.ts";
import { figureOf, units, type Sample, type Scenario, type Subject } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";
import type { System } from "./system.ts";
import { queueSystem } from "./thence/queue.ts";
import { startThence } from "./thence/system.ts";

const HELP = `Usage: npm run bench -- [scenario…] [--repeat n] [--quick] [--json file]

Measures thence beside a bare WebSocket relay, the floor, taking turns, and prints a table.

  scenario…      ${scenarios.map(({ name }) => name).join(" ")} data
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
  rounds: number;
  quick: boolean;
  json: string | undefined;
};

async function main(): Promise<void> {
  const options = readOptions();
  if (options === undefined) return;
  if (options.withData) await runDataBenchmark(options);
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
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        repeat: { type: "string" },
        quick: { type: "boolean", default: false },
        json: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  if (values.help) {
    process.stdout.write(HELP);
    return undefined;
  }
  const withData = positionals.length === 0 || positionals.includes("data");
  const unknown = positionals.find(
    (name) => name !== "data" && !scenarios.some((scenario) => scenario.name === name),
  );
  if (unknown !== undefined) return refuse(`There is no scenario "${unknown}".`);
  const rounds = Number(values.repeat ?? (values.quick ? 1 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) {
    return refuse(`--repeat takes a whole number from 1, not "${values.repeat}".`);
  }
  const chosen = scenarios.filter(
    ({ name }) => positionals.length === 0 || positionals.includes(name),
  );
  return { chosen, withData, rounds, quick: values.quick, json: values.json };
}

function refuse(message: string): undefined {
  process.stderr.write(`${message}\n\n${HELP}`);
  process.exitCode = 2;
  return undefined;
}

async function measure({ chosen, rounds, quick }: Omit<Options, "withData">): Promise<Taken[]> {
  const processes = new Processes();
  const directory = await mkdtemp(join(tmpdir(), "thence-bench-"));
  const interrupted = new AbortController();
  const interrupt = (name: NodeJS.Signals) => {
    interrupted.abort(new Interrupted(name));
    // A sample under way does not wait for its end: its processes go, and so it fails.
    void processes.end();
  };
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
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
  try {
    const { signal } = interrupted;
    return await takeRounds(chosen, { rounds, quick, system, report, signal });
  } catch (error) {
    // An interrupted sample fails for want of its processes; say why they went.
    interrupted.signal.throwIfAborted();
    throw error;
  } finally {
    await processes.end();
    await rm(directory, { recursive: true, force: true });
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
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

/** The run was told to end; everything that it had started has. */
class Interrupted extends Error {
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`Interrupted by ${signal}.`);
    this.signal = signal;
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Interrupted)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 128 + constants.signals[error.signal];
}
