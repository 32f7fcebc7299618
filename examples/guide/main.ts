// The guide's job: adds 1..5 to 10..14 on the scheduler's workers, and prints the sums.
// $THENCE_SCHEDULER_FILE or $THENCE_ADDRESS names the scheduler.
// In a project of your own, import from "thence".

import { Client } from "../../src/index.ts";

if (!process.env["THENCE_SCHEDULER_FILE"] && !process.env["THENCE_ADDRESS"]) {
  console.error(
    "Set THENCE_SCHEDULER_FILE to the file of your scheduler, as examples/guide/README.md shows.",
  );
  process.exit(1);
}

const client = await Client.connect<typeof import("./tasks.ts")>();
try {
  const sums = client.map("add", [1, 2, 3, 4, 5], [10, 11, 12, 13, 14]);
  for (const sum of await client.gather(sums)) console.log(sum);
} finally {
  await client.close();
}
