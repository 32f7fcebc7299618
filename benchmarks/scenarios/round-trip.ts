// One task at a time: submit, wait for its result, submit the next.

import type { BenchmarkClient, Sample, Scenario } from "../scenario.ts";

export const roundTrip: Scenario = {
  name: "round-trip",
  size: 2_000,
  quickSize: 400,
  turns: 5,
  subject: { system: "thence", run },
  floor: { measure: "round-trip" },
  rows: [
    { about: "round trip, p50", figure: "p50Ms", target: { of: "ratio", atMost: 1.5 } },
    { about: "round trip, p99", figure: "p99Ms" },
  ],
};

async function run(client: BenchmarkClient, size: number): Promise<Sample> {
  const futures = [];
  const latenciesMs: number[] = [];
  const start = performance.now();
  for (let i = 0; i < size; i++) {
    const before = performance.now();
    const future = client.submit("add", i, 1);
    const value = await future.result();
    latenciesMs.push(performance.now() - before);
    if (value !== i + 1) throw new Error(`add(${i}, 1) gave ${value}`);
    futures.push(future);
  }
  const elapsedMs = performance.now() - start;
  client.release(futures);
  return { tasks: size, elapsedMs, latenciesMs };
}
