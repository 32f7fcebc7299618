// A driver that prints the key of a finished task and keeps its future.

import { Client } from "../../client/client.ts";

const client = await Client.connect();
const future = client.submit("add", 1, 10);
await future.result();
console.log(future.key);
