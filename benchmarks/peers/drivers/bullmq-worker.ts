// One worker process of BullMQ: adds up the numbers of a job and the results of the jobs it waited for.

import { peerPackage } from "./driver.ts";

type Job = {
  data: number[];
  name: string;
  getChildrenValues: () => Promise<Record<string, number>>;
};
type Worker = { waitUntilReady: () => Promise<unknown>; close: () => Promise<void> };
type BullmqPackage = {
  Worker: new (name: string, run: (job: Job) => Promise<number>, options: object) => Worker;
};

const { Worker } = peerPackage<BullmqPackage>("bullmq");

async function run(job: Job): Promise<number> {
  const [a, b] = job.data;
  if (a !== undefined && b !== undefined) return a + b;
  const results = Object.values(await job.getChildrenValues());
  return [...job.data, ...results].reduce((sum, number) => sum + number, 0);
}

const worker = new Worker("peer", run, {
  connection: { url: process.env["REDIS_URL"], maxRetriesPerRequest: null },
  concurrency: 64,
});
await worker.waitUntilReady();
process.send?.("ready");
// Its parent has gone, or asks it to end.
for (const reason of ["SIGTERM", "disconnect"]) process.once(reason, () => process.exit());
