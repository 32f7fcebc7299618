// The client process of thence under measurement: runs a scenario when the runner asks.

import { Client } from "../../src/index.ts";
import { answerQuestions } from "../runner/questions.ts";
import { scenarios } from "../scenarios.ts";

const [schedulerFile = "", workers = "0"] = process.argv.slice(2);
const connected = connect();

async function connect() {
  const client = await Client.connect<typeof import("../tasks.ts")>(schedulerFile);
  if (workers !== "0") await client.waitForWorkers(Number(workers), { timeoutMs: 30_000 });
  return client;
}

answerQuestions<{ scenario?: string; size: number }>(async ({ scenario, size }) => {
  const client = await connected;
  if (scenario === undefined) return undefined;
  const subject = scenarios.find(({ name }) => name === scenario)?.subject;
  if (subject === undefined || !("run" in subject)) {
    throw new Error(`No scenario of thence is called ${scenario}.`);
  }
  const sample = await subject.run(client, size);
  // The scheduler answers after it has released the tasks: that work belongs to this sample.
  await client.info();
  return sample;
});
