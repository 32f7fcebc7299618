// A thread that counts the steps of deeds, as it is asked. In a thread of its own there is little code besides the
// core, which makes counting quick.

import { parentPort } from "node:worker_threads";
import { StepCounter } from "./counting.ts";
import { tables } from "./deeds.ts";
import { dressings, lives, range, Scene, shapes } from "./scene.ts";

/** A deed by its place in the tables, and the graphs that it is done to; none for a crowd. */
export type Question = {
  readonly table: string;
  readonly type: string;
  readonly name: string;
  readonly graphs: readonly Graph[] | undefined;
};
export type Graph = { readonly shape: string; readonly dressing: string; readonly life: string };
/** Of each graph, or of the crowd: the steps for so many, for twice as many and for four times as many. */
export type Answer = readonly (readonly number[])[];

/** Tasks, clients or whatever there are many of, at first. */
export const fewest = 60;
const counts = [fewest, 2 * fewest, 4 * fewest];

const counter = new StepCounter();
// Counted, because it is imported now.
const { createState } = await import("../../../../scheduler/core/state.ts");
const { step } = await import("../../../../scheduler/core/step.ts");

parentPort?.on("message", (question: Question) => {
  parentPort!.postMessage(answer(question));
});

function answer({ table, type, name, graphs }: Question): Answer {
  const { crowd = {}, graph = {} } = tables[table]![type]!;
  if (graphs === undefined) {
    return [counts.map((count) => counter.count(crowd[name]!(createScene(), count)))];
  }
  return graphs.map(({ shape, dressing, life }) =>
    counts.map((count) => {
      const scene = createScene();
      const keys = range(count);
      const inputs = keys.map((_, index) => shapes[shape]!(index, count).map((at) => keys[at]!));
      dressings[dressing]!(scene, keys, inputs);
      lives[life]!(scene, keys);
      return counter.count(() => graph[name]!(scene, keys));
    }),
  );
}

function createScene(): Scene {
  const scene = new Scene({ createState, step }, { workerTimeoutMs: 50_000 });
  scene.joinClient("ann");
  scene.joinClient("bob");
  return scene;
}
