// The core process of the growth benchmark: a load on the pure core, in simulation.

import type { FromClient } from "../../src/wire/protocol.ts";
import { framesOf } from "../core/recorded-client.ts";
import { Stage } from "../core/stage.ts";
import { answerQuestions } from "../runner/questions.ts";
import { sources, sourcesOf, type Load } from "./load.ts";

/** Tasks in one message, as a client makes them. */
const columnLength = 1_000;

answerQuestions<Load>(async (load) => {
  const { tasks, workers, clients, dependencies } = load;
  const stage = new Stage({ workers, slots: 1, clients, functions: ["add", "tenfold", "merge"] });
  const share = tasks / clients;
  const perClient = dependencies === 0 ? share : sources + share;
  const inTurns = (messagesOf: (client: number) => Iterable<FromClient[]>) => {
    const all = Array.from({ length: clients }, (_, client) =>
      messagesOf(client)[Symbol.iterator](),
    );
    for (let left = all.length; left > 0;) {
      left = 0;
      all.forEach((messages, client) => {
        const { value, done } = messages.next();
        if (done === true) return;
        left++;
        for (const frame of framesOf(value)) stage.say(frame, client);
      });
    }
  };
  inTurns((client) => submissions(client, { ...load, tasks: share }));
  stage.runAll();
  inTurns((client) => releases(client, perClient));
  const wanted = clients * perClient;
  if (stage.finished !== wanted) throw new Error(`${stage.finished} of ${wanted} tasks finished`);
  if (stage.state.tasks.size > 0) throw new Error(`${stage.state.tasks.size} tasks are left`);
  return stage.spent;
});

/** As a client mints them. */
function keyOf(client: number, index: number): string {
  return `add-${String(client).padStart(10, "k")}-${index.toString(36)}`;
}

/** A few messages at a time: all ten million tasks would be here twice. */
function* submissions(client: number, load: Load): Iterable<FromClient[]> {
  const { tasks, dependencies } = load;
  if (dependencies === 0) {
    for (const { first, count } of columnsOf(tasks)) {
      const indices = Array.from({ length: count }, (_, i) => first + i);
      const keys = indices.map((index) => keyOf(client, index));
      yield [{ type: "submit", name: "add", keys, args: indices.map((index) => `[${index},1]`) }];
    }
    return;
  }
  const roots = Array.from({ length: sources }, (_, index) => keyOf(client, index));
  yield [{ type: "submit", name: "tenfold", keys: roots, args: roots.map((_, i) => `[${i}]`) }];
  // What a hundred thousand inputs weigh is enough for one message.
  for (const { first, count } of columnsOf(tasks, Math.ceil(10_000 / dependencies))) {
    const indices = Array.from({ length: count }, (_, i) => first + i);
    const keys = indices.map((index) => keyOf(client, sources + index));
    const inputs = indices.map((index) =>
      sourcesOf(index, dependencies).map((at) => keyOf(client, at)),
    );
    const args = inputs.map((each) => `[[${each.map((_, i) => `{"$":${i}}`).join()}]]`);
    yield [{ type: "submit", name: "merge", keys, args, inputs }];
  }
}

function* releases(client: number, tasks: number): Iterable<FromClient[]> {
  for (const { first, count } of columnsOf(tasks)) {
    const keys = Array.from({ length: count }, (_, i) => keyOf(client, first + i));
    yield [{ type: "release", keys }];
  }
}

function* columnsOf(tasks: number, length = columnLength) {
  for (let first = 0; first < tasks; first += length) {
    yield { first, count: Math.min(length, tasks - first) };
  }
}
