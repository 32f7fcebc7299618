// A million small tasks by hand: `npm run soak [-- --waves 20 --tasks 50000]`. Prints what each process
// keeps after each wave, and fails when one of them keeps more than when it was warm.
// `npm run soak -- --large 2.25` passes one value of so many GiB around instead, and says how long each
// way took. It needs five times as much memory, 11.25 GiB for this, and about a minute.

import { parseArgs } from "node:util";
import { cleanUp } from "../processes/daemons.ts";
import { passLarge } from "./large.ts";
import { growth, growthAllowed, soak, type Row } from "./soak.ts";

const { values } = parseArgs({
  options: {
    waves: { type: "string", default: "20" },
    tasks: { type: "string", default: "50000" },
    large: { type: "string" },
  },
});
const [waves, tasksPerWave] = [values.waves, values.tasks].map(Number) as [number, number];

const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(2);
const print = (...cells: string[]) => console.log(cells.map((cell) => cell.padStart(11)).join(" "));

const ended = ({ tasks, seconds, memory }: Row) => {
  const rate = seconds === 0 ? "" : (tasksPerWave / seconds).toFixed(0);
  const { scheduler, worker, client } = memory;
  print(`${tasks}`, rate, ...[scheduler, worker, client].map(mebibytes));
};

async function inWaves(): Promise<void> {
  print("tasks", "tasks/s", "scheduler", "worker", "client");
  const grown = growth(await soak({ waves, tasksPerWave, ended }));
  const { scheduler, worker, client } = grown;
  print("grown by", "MiB", ...[scheduler, worker, client].map(mebibytes));
  print("allowed", "MiB", ...[scheduler, worker, client].map(() => mebibytes(growthAllowed)));
  if (Math.max(scheduler, worker, client) > growthAllowed) process.exitCode = 1;
}

async function aLargeOne(gibibytes: number): Promise<void> {
  if (!(gibibytes > 0)) throw new Error(`give --large a number of GiB, not "${values.large}"`);
  await passLarge(gibibytes * 2 ** 30, ({ way, seconds }) =>
    console.log(`${way.padEnd(35)} ${seconds.toFixed(1).padStart(6)} s`),
  );
}

try {
  await (values.large === undefined ? inWaves() : aLargeOne(Number(values.large)));
} finally {
  await cleanUp();
}
