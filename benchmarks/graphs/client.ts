// The client process: builds a graph on whatever scheduler its file names, and waits for the end.

import { Client } from "../../src/index.ts";
import { answerQuestions } from "../runner/questions.ts";
import { graphNamed } from "./graphs.ts";
import type { Question } from "./systems.ts";

const [schedulerFile = ""] = process.argv.slice(2);
const connected = Client.connect(schedulerFile);

answerQuestions<Question>(async (question) => {
  const client = await connected;
  if ("workers" in question) {
    await client.waitForWorkers(question.workers, { timeoutMs: 60_000 });
    return undefined;
  }
  const { graph: name, checked } = question;
  const graph = graphNamed(name);
  const start = performance.now();
  const futures = graph.build(client);
  const result = await futures.at(-1)?.result();
  const elapsedMs = performance.now() - start;
  if (checked && result !== graph.result) {
    throw new Error(`${name} gave ${String(result)}, not ${graph.result}`);
  }
  client.release(futures);
  // The answer comes after the tasks were let go: that work belongs to this sample.
  await client.info();
  return elapsedMs;
});
