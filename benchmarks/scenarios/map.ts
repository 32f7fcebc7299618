// Independent calls by `map`, gathered: the most that thence can do in a second.

import { checkSums } from "../check-sums.ts";
import type { BenchmarkClient, Sample, Scenario } from "../scenario.ts";

export const map10k: Scenario = {
  name: "map-10k",
  size: 10_000,
  quickSize: 10_000,
  turns: 5,
  subject: { system: "thence", run },
  floor: { measure: "window" },
  rows: [{ about: "map of {size} and gather", figure: "tasksPerSecond" }],
};

export const map100k: Scenario = {
  name: "map-100k",
  size: 100_000,
  quickSize: 20_000,
  turns: 3,
  subject: { system: "thence", run },
  floor: { measure: "window" },
  rows: [
    {
      about: "map of {size} and gather",
      figure: "tasksPerSecond",
      target: { of: "ratio", atLeast: 0.5 },
    },
    { about: "  client, a task", figure: "clientMicros" },
    {
      about: "  scheduler, a task",
      figure: "schedulerMicros",
      target: { of: "figure", atMost: 6 },
    },
    { about: "  worker, a task", figure: "workerMicros" },
  ],
};

async function run(client: BenchmarkClient, size: number): Promise<Sample> {
  const left = Array.from({ length: size }, (_, i) => i);
  const right = left.map(() => 1);
  const start = performance.now();
  const futures = client.map("add", left, right);
  const values = await client.gather(futures);
  const elapsedMs = performance.now() - start;
  checkSums(values);
  client.release(futures);
  return { tasks: size, elapsedMs };
}
