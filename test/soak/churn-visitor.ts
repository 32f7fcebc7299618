// A program that leaves in the middle of everything: it is killed once it has said that it began.

import { Client } from "../../src/index.ts";
import type * as tasks from "./churn-tasks.ts";

const client = await Client.connect<typeof tasks>(process.argv[2]);
const texts = client.map("text", Array<number>(50).fill(50_000));
const bytes = client.map("bytes", Array<number>(4).fill(2 ** 20));
client.map("lengthOf", bytes);
await client.scatter(new Uint8Array(2 ** 20));
for (let index = 0; index < 4; index++) client.submit("endless");
void client.queue("left behind").get();
void client.lock("of a visitor").acquire();
await client.wait(texts);
console.log("began");
await client.submit("spin").result();
