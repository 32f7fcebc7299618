// Independent calls by a loop of `submit`, gathered: what a program does that does not know `map`.

import { checkSums } from "../check-sums.ts";
import type { BenchmarkClient, Sample, Scenario } from "../scenario.ts";

export const submit: Scenario = {
  name: "submit",
  size: 100_000,
  quickSize: 20_000,
  turns: 3,
  subject: { system: "thence", run },
  floor: { measure: "window" },
  rows: [
    {
      about: "loop of {size} submits and gather",
      figure: "tasksPerSecond",
      target: { of: "ratio", atLeast: 0.4 },
    },
  ],
};

async function run(client: BenchmarkClient, size: number): Promise<Sample> {
  const futures = [];
  const start = performance.now();
  for (let i = 0; i < size; i++) futures.push(client.submit("add", i, 1));
  const values = await client.gather(futures);
  const elapsedMs = performance.now() - start;
  checkSums(values);
  client.release(futures);
  return { tasks: size, elapsedMs };
}
