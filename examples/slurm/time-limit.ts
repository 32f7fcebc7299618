// Collects results as they come, and saves them when all are there or the time limit of the job is near.

import { writeFile } from "node:fs/promises";
import { Client } from "../../src/index.ts";

const client = await Client.connect<typeof import("./slow-tasks.ts")>();
const inputs = Array.from({ length: 200 }, (_, index) => index);
const futures = client.map("square", inputs);

const results: Record<number, number> = {};
const collecting = futures.map(async (future, index) => {
  results[inputs[index]!] = await future.result();
});
// Tasks that could not start in time fail, and the rest has finished: nobody is waited for in vain.
await Promise.allSettled(collecting);

await writeFile("results.json", JSON.stringify(results));
const why = client.signal.aborted ? `: ${String(client.signal.reason)}` : "";
console.log(`${Object.keys(results).length} of ${inputs.length} saved${why}`);
await client.close();
