// `npm run bench:graphs`: the graphs of the paper on thence with workers, on thence with zero workers,
// on a relay that only parses and forwards, and on the pure core.

import { writeFile } from "node:fs/promises";
import { readCommandLine, type CommandLine } from "../runner/command-line.ts";
import { describeMachine, machineLine } from "../runner/machine.ts";
import { inRun, runMain, type Run } from "../runner/run.ts";
import { graphNamed, quickGraphs, slowGraphs, type Graph } from "./graphs.ts";
import { bestMsOf, takePlan, type Plan } from "./plan.ts";
import { slowTable, table } from "./report.ts";
import { startSystem, threads, type GraphSystem } from "./systems.ts";

const HELP = `Usage: npm run bench:graphs -- [graph…] [--repeat n] [--quick] [--json file]

Runs the graphs of "Runtime vs Scheduler: Analyzing Dask's Overheads" (arXiv 2010.11105), and a
shuffle, with a worker of ${threads} threads, with zero workers, on a relay, and on the core alone.

  graph…         ${quickGraphs.map(({ name }) => name).join(" ")}
                 ${slowGraphs
                   .slice(0, 3)
                   .map(({ name }) => name)
                   .join(" ")}
                 ${slowGraphs
                   .slice(3)
                   .map(({ name }) => name)
                   .join(" ")}
                 (all of them by default)
  --repeat n     rounds to take medians over, after one to warm up (default 5)
  --quick        fewer graphs and one round: to see that it works, not to quote
  --json file    write the machine and every sample there
  --help         this text

Example: npm run bench:graphs -- merge-100K tree-15 --repeat 9
`;

/** So long may one run of a graph with slow tasks take at best, in milliseconds. */
const longestMs = 60_000;
const longestQuickMs = 1_000;
const largestQuick = 40_000;

async function main(): Promise<void> {
  const names = [...quickGraphs, ...slowGraphs].map(({ name }) => name);
  const options = readCommandLine({ help: HELP, names, defaultRepeat: 5 });
  if (options === undefined) return;
  const date = new Date().toISOString();
  const machine = await describeMachine();
  const plan = planOf(options);
  const taken = await inRun((run) => take(plan, run));
  const tables = [table(taken), slowTable(taken)].filter((text) => text !== "");
  const why = options.quick ? "with --quick" : "for one run of it would take over a minute";
  const leftOut = plan.leftOut.map((name) => `Left out, ${why}: ${name}.`);
  const quick = options.quick ? ["Taken with --quick: not to be quoted."] : [];
  const text = [...tables, ...leftOut, machineLine(machine), ...quick].join("\n\n");
  process.stdout.write(`${text}\n`);
  if (options.json !== undefined) {
    const saved = { date, machine, repeat: options.repeat, quick: options.quick, taken };
    await writeFile(options.json, `${JSON.stringify(saved, null, 1)}\n`);
  }
}

function planOf({ chosen, quick, repeat }: CommandLine): Plan & { leftOut: string[] } {
  const graphs = chosen.map(graphNamed);
  const isTaken = (graph: Graph) =>
    bestMsOf(graph) <= (quick ? longestQuickMs : longestMs) &&
    graph.tasks <= (quick ? largestQuick : Infinity);
  return {
    graphs: graphs.filter(isTaken),
    leftOut: graphs.filter((graph) => !isTaken(graph)).map(({ name }) => name),
    repeat,
  };
}

async function take(plan: Plan, { processes, directory, signal }: Run) {
  const systems = new Map<string, Promise<GraphSystem>>();
  return await takePlan(plan, {
    signal,
    async system(name) {
      const system = systems.get(name) ?? startSystem(name, processes, directory);
      systems.set(name, system);
      return await system;
    },
    report: (line) => process.stderr.write(`${line}\n`),
  });
}

await runMain(main);
