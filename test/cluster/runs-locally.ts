// A program with a cluster of its own: it prints the ids of the cluster's processes and never ends.

import path from "node:path";
import { Client } from "../../cluster/client.ts";
import { childrenOf } from "../processes.ts";

const module = path.join(import.meta.dirname, "..", "fixtures", "behaviours.ts");
const client = await Client.local({ modules: [module], workers: 2, threads: 1 });
client.fireAndForget(client.submit("neverEnds"));
await client.info();
console.log(JSON.stringify(childrenOf(process.pid)));
