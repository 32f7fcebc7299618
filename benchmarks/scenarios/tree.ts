// A reduction by twos, submitted at once, from 4,096 leaves to one root: 8,191 tasks. The floor
// makes as many calls, none of which needs another.

import type { BenchmarkClient, Sample, Scenario } from "../scenario.ts";

export const tree: Scenario = {
  name: "tree",
  size: 8_191,
  quickSize: 8_191,
  turns: 3,
  subject: { system: "thence", run },
  floor: { measure: "window" },
  rows: [{ about: "tree of {size}", figure: "tasksPerSecond" }],
};

/** `size` is one less than a power of two. */
async function run(client: BenchmarkClient, size: number): Promise<Sample> {
  const leaves = Array.from({ length: (size + 1) / 2 }, (_, i) => i);
  const start = performance.now();
  let level = client.map(
    "add",
    leaves,
    leaves.map(() => 1),
  );
  const futures = [...level];
  while (level.length > 1) {
    level = client.map(
      "add",
      level.filter((_, i) => i % 2 === 0),
      level.filter((_, i) => i % 2 === 1),
    );
    for (const future of level) futures.push(future);
  }
  const [root] = await client.gather(level);
  const elapsedMs = performance.now() - start;
  const sum = (leaves.length * (leaves.length + 1)) / 2;
  if (root !== sum) throw new Error(`a tree of ${size} gave ${root}, not ${sum}`);
  client.release(futures);
  return { tasks: size, elapsedMs };
}
