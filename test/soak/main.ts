// A million small tasks by hand: `npm run soak [-- --waves 20 --tasks 50000]`. Prints what each process
// keeps after each wave, and fails when one of them keeps more than when it was warm.

import { parseArgs } from "node:util";
import { cleanUp } from "../processes/daemons.ts";
import { growth, growthAllowed, soak, type Row } from "./soak.ts";

const { values } = parseArgs({
  options: {
    waves: { type: "string", default: "20" },
    tasks: { type: "string", default: "50000" },
  },
});
const [waves, tasksPerWave] = [values.waves, values.tasks].map(Number) as [number, number];

const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(2);
const print = (...cells: string[]) => console.log(cells.map((cell) => cell.padStart(11)).join(" "));
print("tasks", "tasks/s", "scheduler", "worker", "client");

const ended = ({ tasks, seconds, memory }: Row) => {
  const rate = seconds === 0 ? "" : (tasksPerWave / seconds).toFixed(0);
  const { scheduler, worker, client } = memory;
  print(`${tasks}`, rate, ...[scheduler, worker, client].map(mebibytes));
};

try {
  const grown = growth(await soak({ waves, tasksPerWave, ended }));
  const { scheduler, worker, client } = grown;
  print("grown by", "MiB", ...[scheduler, worker, client].map(mebibytes));
  print("allowed", "MiB", ...[scheduler, worker, client].map(() => mebibytes(growthAllowed)));
  if (Math.max(scheduler, worker, client) > growthAllowed) process.exitCode = 1;
} finally {
  await cleanUp();
}
