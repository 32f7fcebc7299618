// Simulations by hand, without end: `npm run simulate -- --seed 7`, `--from 1 [--until 1000]`; with
// `--verbose` everything that goes wrong is printed as it happens, with `--logs` what the processes log;
// with `--journal process` or `machine` the scheduler has a journal and dies now and then, and the disk of the
// journal is full or fails.

import { writeSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Durability } from "../../scheduler/journal/durability.ts";
import { simulate, type Outcome } from "./simulation.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    from: { type: "string" },
    until: { type: "string" },
    verbose: { type: "boolean", default: false },
    logs: { type: "boolean", default: false },
    journal: { type: "string" },
  },
});

const wholeNumber = (name: "seed" | "from" | "until"): number | undefined => {
  const text = values[name];
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw new RangeError(`--${name} takes a whole number, not "${text}"`);
};

const durability = (text: string): Durability => {
  if (text === "process" || text === "machine") return text;
  throw new RangeError(`--journal takes "process" or "machine", not "${text}"`);
};

const only = wholeNumber("seed");
const from = only ?? wholeNumber("from") ?? 1;
const until = only ?? wholeNumber("until") ?? Infinity;
const options = {
  // Not by the console, which uses what is virtual meanwhile.
  ...(values.verbose && { tell: (line: string) => void writeSync(1, `${line}\n`) }),
  withLogs: values.logs,
  ...(values.journal !== undefined && { journal: durability(values.journal) }),
};

const began = performance.now();
let runs = 0;
let tasks = 0;
for (let seed = from; seed <= until; seed += 1) {
  const outcome = await simulate(seed, options);
  // Lets whatever is real in this process have its turn: signals, above all.
  await new Promise((resolve) => setImmediate(resolve));
  runs += 1;
  tasks += outcome.tasks;
  if (outcome.problems.length > 0) {
    report(outcome);
    process.exitCode = 1;
    break;
  }
  if (only !== undefined || runs % 1_000 === 0) {
    const seconds = (performance.now() - began) / 1_000;
    const { hash, virtualMs, turns, faults } = outcome;
    console.log(
      `seed ${seed}: right (${outcome.tasks} tasks, ${faults} faults, ${virtualMs} virtual ms, ${turns} turns, ` +
        `trace ${hash.toString(16)}); ${runs} runs, ${tasks} tasks, ${seconds.toFixed(1)} s`,
    );
  }
}

function report({ seed, problems, story }: Outcome): void {
  console.log(`seed ${seed} failed:`);
  if (!values.verbose) for (const line of story) console.log(line);
  for (const problem of problems) console.log(`  ${problem}`);
  const journal = values.journal === undefined ? "" : ` --journal ${values.journal}`;
  console.log(`npm run simulate -- --seed ${seed}${journal} --verbose --logs`);
}
