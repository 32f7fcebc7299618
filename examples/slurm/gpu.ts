// Four tasks with a GPU each; prints which GPUs they had.

import { Client } from "../../src/index.ts";

const client = await Client.connect<typeof import("./gpu-tasks.ts")>();
try {
  const onGpu = client.with({ resources: { gpu: 1 } });
  const seen = await client.gather(onGpu.map("compute", [1, 1, 1, 1]));
  console.log(`GPUs used: ${[...new Set(seen)].sort().join(" ")}`);
} finally {
  await client.close();
}
