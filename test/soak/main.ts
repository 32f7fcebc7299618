// A million small tasks by hand: `npm run soak [-- --waves 20 --tasks 50000]`. Prints what each process
// keeps after each wave, and fails when one of them keeps more than when it was warm.
// `npm run soak -- --churn 60` lets clients come and go for so many minutes, while workers die.
// `npm run soak -- --large 2.25` passes one value of so many GiB around instead, and says how long each
// way took. It needs five times as much memory, 11.25 GiB for this, and about a minute.

import { parseArgs } from "node:util";
import { cleanUp } from "../processes/daemons.ts";
import { churn } from "./churn.ts";
import { passLarge } from "./large.ts";
import { growth, growthAllowed, soak, type Row } from "./soak.ts";

const { values } = parseArgs({
  options: {
    waves: { type: "string", default: "20" },
    tasks: { type: "string", default: "50000" },
    churn: { type: "string" },
    seed: { type: "string" },
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

/** What is kept after a round with much left to collect differs by this much from one to the next. */
const churnAllowed = 8 * 2 ** 20;

async function inChurn(minutes: number): Promise<void> {
  if (!(minutes > 0)) throw new Error(`give --churn a number of minutes, not "${values.churn}"`);
  const seed = Number(values.seed ?? Date.now() % 2 ** 31);
  console.log(`--seed ${seed}`);
  print("round", "seconds", "scheduler", "worker", "client");
  const rows = await churn({
    rounds: Infinity,
    until: performance.now() + minutes * 60_000,
    storiesPerRound: 60,
    seed,
    ended({ round, seconds, memory: { scheduler, worker, client } }) {
      const kept = [scheduler, worker, client].map(mebibytes);
      if (round < 5 || round % 10 === 0) print(`${round}`, seconds.toFixed(1), ...kept);
    },
  });
  const grown = growth(rows);
  const { scheduler, worker, client } = grown;
  print("grown by", "MiB", ...[scheduler, worker, client].map(mebibytes));
  print("allowed", "MiB", ...[scheduler, worker, client].map(() => mebibytes(churnAllowed)));
  if (Math.max(scheduler, worker, client) > churnAllowed) process.exitCode = 1;
}

async function aLargeOne(gibibytes: number): Promise<void> {
  if (!(gibibytes > 0)) throw new Error(`give --large a number of GiB, not "${values.large}"`);
  await passLarge(gibibytes * 2 ** 30, ({ way, seconds }) =>
    console.log(`${way.padEnd(35)} ${seconds.toFixed(1).padStart(6)} s`),
  );
}

try {
  if (values.churn !== undefined) await inChurn(Number(values.churn));
  else if (values.large !== undefined) await aLargeOne(Number(values.large));
  else await inWaves();
} finally {
  await cleanUp();
}
