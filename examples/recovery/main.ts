// A graph, a loss and a recovery. Tasks make eight blocks of numbers and add them in pairs, each where
// its inputs are. Then a worker is killed with the results that it holds. The lost results are
// recomputed, and the program only waits longer.
//
//   node examples/recovery/main.ts

import { Client } from "../../src/index.ts";

const modules = [`${import.meta.dirname}/tasks.ts`];
const client = await Client.local<typeof import("./tasks.ts")>({ modules, workers: 2 });
try {
  const blocks = client.map("block", [0, 1, 2, 3, 4, 5, 6, 7]);
  const pairs = client.map(
    "plus",
    [0, 2, 4, 6].map((left) => blocks[left]!),
    [1, 3, 5, 7].map((right) => blocks[right]!),
  );
  await client.wait(pairs);

  const workers = await client.workers();
  for (const { name, held } of workers) console.log(`${name} holds ${held.results} results`);

  const victim = workers.reduce((one, other) =>
    one.held.results >= other.held.results ? one : other,
  );
  process.kill(victim.pid, "SIGKILL");
  console.log(`killed ${victim.name}`);

  const totals = await client.gather(client.map("total", pairs));
  console.log("totals", totals.join(" "));

  // The expected total, without tasks: the sum of 131,072 numbers from `first` on, for two blocks.
  const sum = (first: number) => 131_072 * first + (131_072 * 131_071) / 2;
  const expected = [0, 2, 4, 6].map((first) => sum(first) + sum(first + 1));
  if (totals.join() !== expected.join()) throw new Error(`expected ${expected.join(" ")}`);
  const { why } = await client.explain(pairs[0]!);
  console.log("and all is there again:", why);
} finally {
  await client.close();
}
