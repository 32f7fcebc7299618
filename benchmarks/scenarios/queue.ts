// What a task costs the scheduler's memory while it waits for a worker that is not there.

import type { BenchmarkClient, Sample, Scenario } from "../scenario.ts";

export const queue: Scenario = {
  name: "queue",
  size: 1_000_000,
  quickSize: 100_000,
  maxRounds: 2,
  subject: { system: "thence-queue", run },
  rows: [
    {
      about: "{size} queued: live, a task",
      figure: "liveBytes",
      target: { of: "figure", atMost: 700 },
    },
    {
      about: "{size} queued: resident, a task",
      figure: "residentBytes",
      target: { of: "figure", atMost: 700 },
    },
  ],
};

/** Ends when the scheduler has them all; the system measures it before and after. */
async function run(client: BenchmarkClient, size: number): Promise<Sample> {
  const left = Array.from({ length: size }, (_, i) => i);
  const right = left.map(() => 1);
  const start = performance.now();
  kept = client.map("add", left, right);
  // A question takes its turn behind the tasks on the same link.
  const { tasks } = await client.info();
  const elapsedMs = performance.now() - start;
  const queued = tasks.waiting + tasks.ready;
  if (queued !== size) throw new Error(`${queued} of ${size} tasks are queued`);
  return { tasks: size, elapsedMs };
}

/** Futures that nobody holds would be released, and their tasks with them. */
export let kept: unknown;
