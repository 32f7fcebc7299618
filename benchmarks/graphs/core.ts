// The core process: runs a graph on the pure core, in this process and without sockets.

import { recordGraph } from "../core/recorded-client.ts";
import { Stage } from "../core/stage.ts";
import { answerQuestions } from "../runner/questions.ts";
import { graphNamed } from "./graphs.ts";
import type { Question } from "./systems.ts";
import * as tasks from "./tasks.ts";

const functions = Object.keys(tasks);

answerQuestions<Question>(async (question) => {
  if ("workers" in question) return undefined;
  const graph = graphNamed(question.graph);
  const { submit, release } = recordGraph(graph);
  const stage = new Stage({ workers: 1, slots: 2, functions });
  for (const frame of submit) stage.say(frame);
  stage.runAll();
  for (const frame of release) stage.say(frame);
  if (stage.finished !== graph.tasks) {
    throw new Error(`${graph.name}: ${stage.finished} of ${graph.tasks} tasks finished`);
  }
  return stage.spent;
});
