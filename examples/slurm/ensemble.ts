// One run of an ensemble: ten sums, which begin at the number of the run.

import { Client } from "../../src/index.ts";

const member = Number(process.argv[2] ?? 0);
const numbers = Array.from({ length: 10 }, (_, index) => member + index);

const client = await Client.connect<typeof import("../guide/tasks.ts")>();
try {
  const sums = await client.gather(client.map("add", numbers, numbers));
  console.log(`member ${member}: ${sums.join(" ")}`);
} finally {
  await client.close();
}
