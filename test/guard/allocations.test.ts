// What the core allocates for a task, from its submission until it is let go: counted and not timed,
// so that a change which makes it wasteful fails here, on every machine alike.

import { afterEach, describe, expect, test, vi } from "vitest";
import { recordGraph } from "../../benchmarks/core/recorded-client.ts";
import { Stage } from "../../benchmarks/core/stage.ts";
import { mergeGraph, treeGraph, type Graph } from "../../benchmarks/graphs/graphs.ts";
import { KeyTable } from "../../src/key-table.ts";
import { bytesAllocatedIn } from "./allocations.ts";

afterEach(() => void vi.restoreAllMocks());

/** A quarter above what was counted when they were set: optimised code allocates less than other. */
const graphs: { graph: Graph; bytesPerTask: number }[] = [
  { graph: mergeGraph(20_000), bytesPerTask: 2_800 },
  { graph: treeGraph(14), bytesPerTask: 3_000 },
];

/** Once the code is compiled. */
async function bytesPerTask(graph: Graph): Promise<number> {
  runOnCore(graph);
  const run = runOnCore.bind(undefined, graph);
  return (await bytesAllocatedIn("step", "scheduler/core/step.ts", run)) / graph.tasks;
}

function runOnCore(graph: Graph): void {
  const { submit, release } = recordGraph(graph);
  const stage = new Stage({ workers: 1, slots: 2, functions: ["tenfold", "merge", "add"] });
  for (const frame of submit) stage.say(frame);
  stage.runAll();
  for (const frame of release) stage.say(frame);
  expect([stage.finished, stage.state.tasks.size]).toEqual([graph.tasks, 0]);
}

describe.each(graphs)("for a task of $graph.name", ({ graph, bytesPerTask: bound }) => {
  test("the core allocates no more than the bound allows", async () => {
    expect(await bytesPerTask(graph)).toBeLessThan(bound);
  });

  test("a map for each task breaks the bound", async () => {
    const { add } = KeyTable.prototype;
    vi.spyOn(KeyTable.prototype, "add").mockImplementation(function (this: KeyTable<never>, item) {
      const facts = new Map<string, unknown>();
      for (let fact = 0; fact < 16; fact++) facts.set(`fact-${fact}`, item);
      add.call(this, item);
    });
    expect(await bytesPerTask(graph)).toBeGreaterThan(bound);
  });
});
