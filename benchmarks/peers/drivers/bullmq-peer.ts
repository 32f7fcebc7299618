// BullMQ with Redis: two worker processes, each with `concurrency`; `addBulk`; one QueueEvents whose
// events carry the results. A chain and a tree are flows, its way of jobs that need other jobs.

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import {
  chainSum,
  allAtOnce,
  oneAtATime,
  peerPackage,
  serve,
  toOneValue,
  treeSum,
} from "./driver.ts";

type Job = { id?: string };
type Connected = { close: () => Promise<void> };
type Queue = Connected & {
  add: (name: string, data: unknown) => Promise<Job>;
  addBulk: (jobs: { name: string; data: unknown }[]) => Promise<Job[]>;
};
type QueueEvents = Connected & {
  waitUntilReady: () => Promise<unknown>;
  on: (
    event: "completed" | "failed",
    told: (event: { jobId: string; returnvalue: unknown; failedReason?: string }) => void,
  ) => void;
};
type Flow = { name: string; queueName: string; data: unknown; children?: Flow[] };
type FlowProducer = Connected & { add: (flow: Flow) => Promise<{ job: Job }> };
type BullmqPackage = {
  Queue: new (name: string, options: object) => Queue;
  QueueEvents: new (name: string, options: object) => QueueEvents;
  FlowProducer: new (options: object) => FlowProducer;
};

const bullmq = peerPackage<BullmqPackage>("bullmq");
const connection = { url: process.env["REDIS_URL"] };
const queueName = "peer";
const options = {
  connection,
  defaultJobOptions: { removeOnComplete: true },
  // Trimmed at 10,000 events by default, of which a job makes several: results would be lost.
  streams: { events: { maxLen: 1_000_000 } },
};
const queue = new bullmq.Queue(queueName, options);
const flows = new bullmq.FlowProducer({ connection });
const events = new bullmq.QueueEvents(queueName, { connection });

const settled = new Map<string, unknown>();
const waiting = new Map<string, PromiseWithResolvers<unknown>>();
events.on("completed", ({ jobId, returnvalue }) => {
  const waits = waiting.get(jobId);
  if (waits === undefined) settled.set(jobId, returnvalue);
  else waits.resolve(returnvalue);
  waiting.delete(jobId);
});
events.on("failed", ({ jobId, failedReason }) => {
  waiting.get(jobId)?.reject(new Error(failedReason));
});

/** The result may be here before the answer to the adding is. */
async function resultOf({ id }: Job): Promise<unknown> {
  if (id === undefined) throw new Error("A job was added and has no id.");
  if (settled.has(id)) {
    const value = settled.get(id);
    settled.delete(id);
    return value;
  }
  const waits = Promise.withResolvers<unknown>();
  waiting.set(id, waits);
  return await waits.promise;
}

const workers = [1, 2].map(() =>
  fork(fileURLToPath(new URL("./bullmq-worker.ts", import.meta.url)), {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  }),
);
await Promise.all([events.waitUntilReady(), ...workers.map((worker) => once(worker, "message"))]);

/** The results of its children and its own numbers are what a job of a flow adds up. */
function node(numbers: number[], children: Flow[]): Flow {
  return { name: "add", queueName, data: numbers, children };
}

async function runFlow(flow: Flow): Promise<unknown> {
  const { job } = await flows.add(flow);
  const sum = await resultOf(job);
  settled.clear();
  return sum;
}

await serve(
  {
    "round-trip": oneAtATime(async (i) => await resultOf(await queue.add("add", [i, 1]))),
    map: allAtOnce(async (size) => {
      const calls = Array.from({ length: size }, (_, i) => ({ name: "add", data: [i, 1] }));
      return await Promise.all((await queue.addBulk(calls)).map(resultOf));
    }),
    chain: toOneValue((size) => {
      let last = node([0, 1], []);
      for (let i = 1; i < size; i++) last = node([1], [last]);
      return runFlow(last);
    }, chainSum),
    tree: toOneValue((size) => {
      let level = Array.from({ length: (size + 1) / 2 }, (_, i) => node([i, 1], []));
      while (level.length > 1) {
        const below = level;
        level = Array.from({ length: below.length / 2 }, (_, i) =>
          node([], below.slice(2 * i, 2 * i + 2)),
        );
      }
      return runFlow(level[0]!);
    }, treeSum),
  },
  async () => {
    for (const worker of workers) {
      const ended = once(worker, "exit");
      if (worker.exitCode === null && worker.kill()) await ended;
    }
    await Promise.all([queue, flows, events].map((connected) => connected.close()));
  },
);
