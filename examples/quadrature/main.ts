// Computes the area under sin(1/x) from 0.001 to 1 by tasks that submit tasks, as deep as the curve
// requires. Compares the result with a plain loop.
//
//   node examples/quadrature/main.ts [THREADS]

import path from "node:path";
import { Client } from "../../src/index.ts";
import { areaHere } from "./tasks.ts";

const [, , given] = process.argv;
if (given !== undefined && !/^[1-9]\d*$/.test(given)) {
  console.error(
    `usage: node examples/quadrature/main.ts [THREADS]; "${given}" is no number of threads`,
  );
  process.exit(2);
}
const threads = given === undefined ? {} : { threads: Number(given) };
const [low, high, tolerance] = [0.001, 1, 1e-9];

const client = await Client.local<typeof import("./tasks.ts")>({
  modules: [path.join(import.meta.dirname, "tasks.ts")],
  ...threads,
});
try {
  const start = performance.now();
  const { value, tasks } = await client.submit("area", low, high, tolerance).result();
  const seconds = (performance.now() - start) / 1000;
  const [worker] = await client.workers();
  console.log(`${value.toFixed(9)}, by ${tasks} tasks on ${worker?.threads} threads`);
  console.error(`in ${seconds.toFixed(2)} s`);
  if (Math.abs(value - areaHere(low, high, tolerance)) < 1e-8) {
    console.log("a plain loop says the same");
  } else {
    console.error("a plain loop says something else");
    process.exitCode = 1;
  }
} finally {
  await client.close();
}
