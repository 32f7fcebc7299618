// A cluster's client knows the tasks of the module, as every client does.

import type { Client, Future } from "thence";
import { SlurmCluster } from "thence/cluster";

export async function start(): Promise<void> {
  const cluster = await SlurmCluster.start<typeof import("./tasks.ts")>({
    modules: ["./tasks.ts"],
  });
  const client: Client<typeof import("./tasks.ts")> = cluster.client;
  const sum: Future<number> = client.submit("add", 1, 2);
  // @ts-expect-error add takes numbers
  client.submit("add", "1", sum);
  // @ts-expect-error the most worker jobs must be said
  await cluster.adapt({ minimum: 1 });
  // @ts-expect-error modules are needed
  await SlurmCluster.start({ workers: 2 });
  await cluster.close();
}
