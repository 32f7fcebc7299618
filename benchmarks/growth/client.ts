// The clients of the growth benchmark, all in this process: submit a load, gather it, and let go.

import { Client } from "../../src/index.ts";
import { answerQuestions } from "../runner/questions.ts";
import { sources, sourcesOf, type Load } from "./load.ts";

const [schedulerFile = ""] = process.argv.slice(2);
const clients: Client[] = [];

async function connect(count: number): Promise<Client[]> {
  while (clients.length < count) clients.push(await Client.connect(schedulerFile));
  return clients.slice(0, count);
}

function submit(client: Client, { tasks, dependencies }: Load) {
  const numbers = Array.from({ length: tasks }, (_, i) => i);
  if (dependencies === 0) return client.map("add", numbers, new Array<number>(tasks).fill(1));
  const roots = client.map(
    "tenfold",
    Array.from({ length: sources }, (_, i) => i),
  );
  const inputs = numbers.map((i) => sourcesOf(i, dependencies).map((at) => roots[at]));
  return [...roots, ...client.map("merge", inputs)];
}

answerQuestions<Load>(async (load) => {
  const connected = await connect(load.clients);
  await connected[0]?.waitForWorkers(load.workers, { timeoutMs: 60_000 });
  const share = { ...load, tasks: load.tasks / load.clients };
  const start = performance.now();
  const each = connected.map((client) => submit(client, share));
  await Promise.all(connected.map((client, i) => client.gather(each[i] ?? [])));
  const elapsedMs = performance.now() - start;
  connected.forEach((client, i) => client.release(each[i] ?? []));
  // The answers come after the tasks were let go: that work belongs to this sample.
  await Promise.all(connected.map((client) => client.info()));
  return elapsedMs;
});
