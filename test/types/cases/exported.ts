// All that a module may export without saying its type, so that it compiles with `declaration: true`.

import { Client, TaskError, type Future } from "thence";
import { currentTask } from "thence/worker";
import * as tasks from "./tasks.ts";

export const connected = await Client.connect<typeof tasks>("s.json");
export const local = await Client.local<typeof tasks>({ modules: ["./tasks.ts"] });
export const sum = connected.submit("add", 1, 10);
export const sums = connected.map(tasks.add, [1], [2]);
export const item = connected.submit(tasks.first, [1]);
export const refused = connected.submit(tasks.makePoint);
export const patient = connected.with({ retries: 3 });
export const { done, notDone } = await connected.wait([sum]);
export const results = connected.asCompleted(sums);
export const values = await connected.gather({ sum, sums, deep: [{ sum }] });
export const skipped = await connected.gather(sums, { errors: "skip" });
export const everywhere = await connected.run("add", 1, 2);
export const table = await connected.scatter(new Float64Array(1));
export const workers = await connected.workers();
export const info = await connected.info();
export const why = await connected.explain(sum);
export const holders = await connected.whoHas([sum]);
export const lock = connected.lock("a");
export const held = await lock.acquire();
export const semaphore = connected.semaphore("a", 2);
export const event = connected.event("a");
export const queue = connected.queue<Future<number>>("a");
export const variable = connected.variable<tasks.Json>("a");
export const status = sum.status;
export const bound = connected.submit.bind(connected);
export const { submit, map, gather, run } = connected;
export const limited = (limits: Parameters<Future["result"]>[0]) => sum.result(limits);
export class Mine extends Client<typeof tasks> {}
export const submitAll = (via: Client<typeof tasks>, xs: number[]) => via.map("add", xs, xs);
export const lookUp = (error: TaskError) => error.cause;
export function inside() {
  const { client, signal, progress } = currentTask<typeof tasks>();
  return { client, signal, progress, task: currentTask(), sub: client.submit("add", 1, 2) };
}
