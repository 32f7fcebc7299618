// Calls that each need the result of the one before, all submitted at once. The floor knows no
// dependencies, so its client makes the next call when the last has returned.

import type { BenchmarkClient, Sample, Scenario } from "../scenario.ts";

export const chain: Scenario = {
  name: "chain",
  size: 1_000,
  quickSize: 300,
  subject: { system: "thence", run },
  floor: { measure: "round-trip" },
  rows: [
    {
      about: "chain of {size} dependent calls",
      figure: "tasksPerSecond",
      against: "callsPerSecond",
      target: { of: "ratio", atLeast: 0.6 },
    },
  ],
};

async function run(client: BenchmarkClient, size: number): Promise<Sample> {
  const start = performance.now();
  let last = client.submit("add", 0, 1);
  const futures = [last];
  while (futures.length < size) futures.push((last = client.submit("add", last, 1)));
  const value = await last.result();
  const elapsedMs = performance.now() - start;
  if (value !== size) throw new Error(`a chain of ${size} gave ${value}`);
  client.release(futures);
  return { tasks: size, elapsedMs };
}
